"""What the template grants: statements of roles, and policies of topics, queues and keys.

Read from template.yaml as SAM expands it (`evaluated.py`). Why a statement is there is said by the
comment above it, or by `COMMON` where it is the same everywhere.
"""

import re
from dataclasses import dataclass
from functools import cache

from compared import LEADING_KEYS
from evaluated import TEXT, as_list, stack

MODES = ("audit", "enforce")
#: What brings statements with it: parameters, with a value that stands for any.
FEATURES = {
    "KeyArn": "KeyArn",
    "Tracing": "true",
    "ChannelsPath": "/opt/channels.yaml",
    "ChannelSecrets": "ChannelSecrets",
    "ChannelParameters": "ChannelParameters",
    "ChannelKeys": "ChannelKeys",
    "ChannelTopics": "ChannelTopics",
    "SecurityHub": "true",
    "HubBusArn": "HubBusArn",
}
#: Why statements are there that are the same in every role, or belong to resources that say it themselves.
COMMON = {
    "WriteOwnLogs": "Lambda writes the function's log in its name, to its own group.",
    "PublishAlerts": "Alerts.",
    "UseAlertKey": "SNS encrypts alerts in the function's name.",
    "SetEventsAside": "What the function gives up on; also what Lambda gives up on in its name.",
    "SetAlertsAside": "What could not be told; also what Lambda gives up on in the function's name.",
    "TakeFindings": "Lambda takes findings from their queue in the function's name.",
    "TakeChanges": "Lambda takes changes of tasks from their queue in the function's name.",
    "TakeAlerts": "Lambda takes alerts from their queue in the function's name; of the pipe to a hub: the pipe.",
    "ReadTaskDefinitions": "What is judged; of images: what their tasks and services run.",
    "DeregisterTaskDefinitions": "What a denied definition comes to.",
    "ReadDeploymentsByName": "What a deployment brings, and what it takes the place of.",
    "ArchiveImages": "The method `archive`.",
    "DeployServicesAnew": "Only where the policy says so (`running`). IAM has no word for a deployment anew alone.",
    "StopDeployments": "Only where the policy says so (`running`).",
    "ListWhatRuns": "What runs, which the index of usage is set right by.",
    "ReadWhatRuns": "Which images it runs.",
    "ReadSecrets": "Addresses and tokens of channels.",
    "ReadParameters": "Addresses and tokens of channels.",
    "UseKeysOfChannels": "Keys of the account's own under which those lie, or the topics of channels.",
    "UseKeysOfChannelTopics": "SNS encrypts in the function's name.",
    "PublishNotifications": "Channels of type amazon-q.",
    "ImportFindings": "Channels of type security-hub.",
    "UseKeyOfQueues": "SQS encrypts and decrypts in the role's name.",
    "UseKeyOfQueue": "SQS decrypts alerts in the name of the pipe.",
    "UseKeyOfLedger": "DynamoDB encrypts and decrypts in the role's name.",
    "SendTraces": "X-Ray gets its segments in the function's name.",
    "PutOnOwnBus": "Alerts become events of this account.",
    "PutOnBusOfHub": "Alerts go to the hub.",
}


@dataclass(frozen=True, order=True)
class Grant:
    """An action that a statement of a role allows in a mode, or a key of the ledger that it is for."""

    #: The role's logical id, such as `NotifyRole`.
    role: str
    mode: str
    #: POLICY/SID
    statement: str
    action: str
    #: A pattern of partition keys. The action is then `LEADING_KEYS`.
    key: str = ""

    def __str__(self):
        return f"{self.role} ({self.mode}), {self.statement}: {self.action} {self.key}".strip()


def documents(deployed, role):
    """The policies of a role, by name, each as its statements."""
    own = {
        policy["PolicyName"]: policy["PolicyDocument"]["Statement"]
        for policy in deployed[role]["Policies"]
    }
    attached = {
        policy["PolicyName"]: policy["PolicyDocument"]["Statement"]
        for policy in deployed.of_type("AWS::IAM::Policy").values()
        if f"ref:{role}" in policy["Roles"]
    }
    return own | attached


def roles_of_functions(deployed):
    """Roles that functions have, by logical id: not those of pipes and rules."""
    return [
        function["Role"].removeprefix("att:").removesuffix(".Arn")
        for function in deployed.of_type("AWS::Lambda::Function").values()
    ]


def keys_of(statement):
    """The patterns of partition keys that a statement is for."""
    condition = statement.get("Condition", {}).get("ForAllValues:StringLike", {})
    return condition.get(LEADING_KEYS, [])


def grants(Mode, **parameters):
    """Everything that the roles of a stack's functions may do."""
    mode, deployed = Mode, stack(Mode=Mode, **parameters)
    return {
        Grant(role, mode, f"{policy}/{statement['Sid']}", *granted)
        for role in roles_of_functions(deployed)
        for policy, statements in documents(deployed, role).items()
        for statement in statements
        for granted in [
            *((action,) for action in as_list(statement["Action"])),
            *((LEADING_KEYS, key) for key in keys_of(statement)),
        ]
    }


@cache
def remarks():
    """Of each statement, by resource and Sid: the comment above it, and that behind a resource of `*`."""
    found, above, resource, sid = {}, [], None, None
    for line in TEXT.splitlines():
        text = line.strip()
        if named := re.fullmatch(r"  (\w+):", line):
            resource, sid = named[1], None
        if comment := re.fullmatch(r"# ?(.*)", text):
            above.append(comment[1])
            continue
        if named := re.fullmatch(r"- Sid: (\w+)", text):
            sid = named[1]
            found[resource, sid] = {"why": " ".join(above)}
        if sid and (star := re.fullmatch(r'Resource: "\*"(?:\s+# (.*))?', text)):
            found[resource, sid]["star"] = star[1] or ""
        above = []
    return found


def remark(holder, sid, kind):
    """What a comment says of a statement. `holder` is the role or the policy that it is written in."""
    return remarks().get((holder, sid), {}).get(kind, "")


def holders(deployed, role):
    """Where the policies of a role are written, by their names."""
    own = {policy["PolicyName"]: role for policy in deployed[role]["Policies"]}
    attached = {
        policy["PolicyName"]: name
        for name, policy in deployed.of_type("AWS::IAM::Policy").items()
        if f"ref:{role}" in policy["Roles"]
    }
    return own | attached


def why(holder, sid):
    """Why a statement is there; empty if nobody says it."""
    return remark(holder, sid, "why") or COMMON.get(sid, "")


#: Types of resources that have a policy of their own, and where it stands.
POLICIES = {
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "Topics"),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "Queues"),
    "AWS::KMS::Key": ("KeyPolicy", None),
}


def resource_policies(deployed):
    """Every statement about who may use a topic, a queue or a key: its resource, and the statement."""
    for type_, (document, member) in POLICIES.items():
        for name, properties in deployed.of_type(type_).items():
            names = properties[member] if member else [f"ref:{name}"]
            for resource in names:
                for statement in properties[document]["Statement"]:
                    yield resource, statement
