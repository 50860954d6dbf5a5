"""What every function of the stack may do, and who may use the stack's topic, queues and keys.

    python infra/permissions.py          prints docs/permissions.md
    python infra/permissions.py --write  writes it

Read from template.yaml as SAM expands it (`evaluated.py`). Why a statement is there is said by the
comment above it, or by `COMMON` where it is the same everywhere.
"""

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compared import LEADING_KEYS, UNCALLED
from evaluated import STACK_ID, TEXT, as_list, stack

PAGE = Path(__file__).parents[1] / "docs" / "permissions.md"
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


# ---- the page ----------------------------------------------------------------------


def shown(value):
    """A resource or a value of a condition, as people write it."""
    text = re.sub(r"^ref:AWS::|^ref:|^att:", "", str(value))
    text = re.sub(r"\.Arn$", "", text)
    # Rules that tell of tampering are named by it.
    text = text.replace(STACK_ID.rsplit("/", 1)[-1], "STACK-ID")
    names = {
        "<AWS::Partition>": "PARTITION",
        "<AWS::Region>": "REGION",
        "<AWS::AccountId>": "ACCOUNT",
        "<AWS::URLSuffix>": "SUFFIX",
        "<AWS::StackName>": "STACK",
        "AccountId": "ACCOUNT",
        "Region": "REGION",
    }
    for name, short in names.items():
        text = text.replace(name, short) if "<" in name else text
    return f"`{names.get(text, text)}`"


def listed(values):
    return "<br>".join(shown(value) for value in as_list(values))


def conditions(statement):
    return "<br>".join(
        f"{operator} `{key}`: {', '.join(shown(v) for v in as_list(values))}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def has(deployed, role, policy, sid):
    return role in deployed.resources and any(
        statement["Sid"] == sid
        for statement in documents(deployed, role).get(policy, [])
    )


def needs(role, policy, sid):
    """When a role has a statement: the modes, and the parameters without which it has not."""
    modes = [
        mode for mode in MODES if has(stack(Mode=mode, **FEATURES), role, policy, sid)
    ]
    without = [
        feature
        for feature in FEATURES
        if not has(
            stack(
                Mode=modes[-1], **{k: v for k, v in FEATURES.items() if k != feature}
            ),
            role,
            policy,
            sid,
        )
    ]
    return modes, without


def of_role(role):
    """The section of a role."""
    # As most stacks have it: a key of the stack's own. What a key of the account's own brings comes after.
    plain = {k: v for k, v in FEATURES.items() if k != "KeyArn"}
    rows = []
    for deployed in (stack(Mode="enforce", **plain), stack(Mode="enforce", **FEATURES)):
        where = holders(deployed, role)
        for policy, statements in documents(deployed, role).items():
            for statement in statements:
                sid = statement["Sid"]
                modes, features = needs(role, policy, sid)
                if "KeyArn" not in features and deployed.parameters.get("KeyArn"):
                    continue
                when = "both" if len(modes) == 2 else f"**{modes[0]}**"
                given = [f"`{name}`" for name in features if name != "ChannelsPath"]
                rows.append(
                    (
                        f"{policy} / {sid}",
                        ", with ".join([when, *given]),
                        listed(statement["Action"]),
                        listed(statement["Resource"]),
                        conditions(statement),
                        why(where[policy], sid),
                    )
                )
    head = ("Policy / statement", "Mode", "Actions", "On", "Only where", "Why")
    return table(head, rows)


def stars():
    """Statements that name no resource, and why."""
    deployed = stack(Mode="enforce", **FEATURES)
    found = {}
    for role in deployed.of_type("AWS::IAM::Role"):
        where = holders(deployed, role)
        for policy, statements in documents(deployed, role).items():
            for statement in statements:
                if statement["Resource"] == "*":
                    reason = remark(where[policy], statement["Sid"], "star")
                    for action in as_list(statement["Action"]):
                        found.setdefault((action, reason), set()).add(role)
    return [
        (f"`{action}`", reason, ", ".join(sorted(roles)))
        for (action, reason), roles in sorted(found.items())
    ]


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


def of_resources():
    plain = {k: v for k, v in FEATURES.items() if k != "KeyArn"}
    rows = [
        (
            shown(resource),
            statement["Sid"],
            statement["Effect"],
            principal(statement["Principal"]),
            listed(statement["Action"]),
            conditions(statement),
        )
        for resource, statement in resource_policies(stack(Mode="enforce", **plain))
    ]
    head = ("Of", "Statement", "Effect", "Who", "Actions", "Only where")
    return table(head, rows)


def principal(who):
    if isinstance(who, str):
        return shown(who)
    return "<br>".join(listed(names) for names in who.values())


def of_functions():
    rows = [
        (
            shown(permission["FunctionName"]),
            shown(permission["Principal"]),
            shown(permission["SourceArn"]),
        )
        for permission in stack(Mode="enforce", **FEATURES)
        .of_type("AWS::Lambda::Permission")
        .values()
    ]
    return table(("Function", "Who", "For"), rows)


def of_trust():
    deployed = stack(Mode="enforce", **FEATURES)
    rows = [
        (
            f"`{name}`",
            principal(statement["Principal"]),
            conditions(statement),
        )
        for name, role in deployed.of_type("AWS::IAM::Role").items()
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
    ]
    return table(("Role", "Taken on by", "Only where"), rows)


def uncalled():
    rows = [
        (each.role, each.mode, each.statement, f"`{each.action}`", each.reason)
        for each in UNCALLED
    ]
    return table(("Role", "Mode", "Policy / statement", "Action", "Why"), rows)


def page():
    """The text of docs/permissions.md."""
    deployed = stack(Mode="enforce", **FEATURES)
    functions = roles_of_functions(deployed)
    others = [r for r in deployed.of_type("AWS::IAM::Role") if r not in functions]
    lines = [INTRODUCTION]
    for role in functions:
        lines += [f"## {role.removesuffix('Role')}", "", *of_role(role), ""]
    lines += ["## Roles of no function", "", OTHERS, ""]
    for role in others:
        lines += [f"### {role}", "", *of_role(role), ""]
    lines += ["## Who may take on a role", "", TRUST, "", *of_trust(), ""]
    lines += ["## Where only `*` works", "", STARS, ""]
    lines += [*table(("Action", "Why", "Roles"), stars()), ""]
    lines += ["## Topic, queues and key", "", RESOURCES, "", *of_resources(), ""]
    lines += ["## Who may invoke a function", "", INVOKING, "", *of_functions(), ""]
    lines += ["## Granted, and called by no test", "", EXCEPTIONS, "", *uncalled(), ""]
    return "\n".join(lines)


INTRODUCTION = """# Permissions

Generated from `infra/template.yaml` by `infra/permissions.py` (`make generate`). For whoever has to say yes to the stack: every statement of every role, in both
modes, and every policy of a topic, a queue and a key. `REGION`, `ACCOUNT`, `STACK` and `STACK-ID` are the stack's own.

**In audit mode no role holds a write action on ECS or ECR.** What it writes is its log, alerts, its own dead letter queue and the ledger, in which it keeps what
it told. `enforce` adds the statements marked so, which are policies of their own and do not exist in an audit stack.

**Nothing is granted that is not called, and nothing is called that is not granted.** The end-to-end tests run the release binaries under these very policies. The
local AWS writes down every permission that a role asks for, with the statement that allows it, and in the end `tests/e2e/test_permissions.py` compares: a refusal fails,
and so does an action of a statement that no test in that mode called. The [exceptions](#granted-and-called-by-no-test) have reasons, and fail as soon as they are called.
What AWS services ask in the name of a role (logs, queues, keys, traces, Amazon Inspector) the local AWS asks as their documentation says. That is all unverified
against an account.

The roles of a stack with channels, tracing, a key and a hub are shown; a statement that needs a parameter names it.
"""
OTHERS = """Of a stack with `HubBusArn`: a pipe and a rule take them on. The local AWS does not ask IAM for them, so these are not compared."""
TRUST = """Lambda sends no source account when it takes on the role of a function, so nothing narrows that."""
STARS = """AWS defines no resource type for these actions. All are held to the stack's own Region by `aws:RequestedRegion`, which is in every request."""
RESOURCES = """A service is let in for one account and one source. Where `Who` is `*` the statement denies. With `KeyArn` there is no `AlertKey`; what the policy of
your own key has to say stands in [infra/README.md](../infra/README.md#a-key-of-your-own)."""
INVOKING = """The ARN of the rule holds the account. Nobody else may, and no function has a URL."""
EXCEPTIONS = (
    """Each with the reason why it is granted all the same. One that is called fails."""
)


def main():
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page())
    elif sys.argv[1:]:
        sys.exit("usage: permissions.py [--write]")
    else:
        print(page(), end="")


if __name__ == "__main__":
    main()
