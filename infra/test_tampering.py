"""Tampering with the stack is told by rules that go straight to a topic: what they match, what they leave, and what they show.

Patterns are evaluated by the emulator's matcher, which follows EventBridge's own; `tampers.py`
has the events.
"""

import copy
import json
import re

import pytest
from evaluated import TEXT, as_list, stack, yaml_parse
from ministack.services import eventbridge
from tampers import KEY, OTHERS, OWN, TAMPERS, arn, call
from test_template import INFRA, WATCHING

CHANNELS = "/opt/tidewaiter/channels.yaml"
HUB = "arn:aws:events:eu-central-1:210987654321:event-bus/hub-alerts"
GLOBAL = yaml_parse((INFRA / "global-events.yaml").read_text())
RULES = [*WATCHING, "PipeTampered"]
REGIONAL = [name for name in RULES if name not in ("StackTampered", "TrailsTampered")]


def whole():
    return stack(Mode="enforce", ChannelsPath=CHANNELS, HubBusArn=HUB)


def matches(rule, event, deployed=None):
    pattern = json.dumps((deployed or whole())[rule]["EventPattern"])
    alternatives, error = eventbridge._parse_pattern_text(pattern)
    assert error is None, error
    return any(eventbridge._matches_detail(event, a) for a in alternatives)


def named(event):
    return event["detail"]["eventName"]


@pytest.mark.parametrize(
    ("rule", "event"), [pytest.param(r, e, id=f"{r}-{named(e)}") for r, e in TAMPERS]
)
def test_tampering_is_matched(rule, event):
    assert matches(rule, event)


def test_every_rule_is_tried():
    assert {rule for rule, _ in TAMPERS} == set(RULES)
    assert stack(Mode="audit").resources.keys() >= set(WATCHING)
    assert "PipeTampered" not in stack(Mode="audit").resources


@pytest.mark.parametrize("rule", RULES)
def test_what_was_refused_changed_nothing(rule):
    event = copy.deepcopy(next(event for name, event in TAMPERS if name == rule))
    event["detail"]["errorCode"] = "AccessDenied"
    assert not matches(rule, event)


@pytest.mark.parametrize("rule", REGIONAL)
@pytest.mark.parametrize("suffix", ["", ".cn"])
def test_what_cloudformation_does_is_left_to_the_rule_of_the_stack(rule, suffix):
    event = copy.deepcopy(next(event for name, event in TAMPERS if name == rule))
    event["detail"]["sourceIPAddress"] = f"cloudformation.amazonaws.com{suffix}"
    assert not matches(rule, event)


@pytest.mark.parametrize("rule", ["StackTampered", "TrailsTampered"])
def test_a_stack_set_and_a_trail_of_a_stack_are_told_all_the_same(rule):
    event = copy.deepcopy(next(event for name, event in TAMPERS if name == rule))
    event["detail"]["sourceIPAddress"] = "cloudformation.amazonaws.com"
    assert matches(rule, event)


@pytest.mark.parametrize("event", OTHERS, ids=named)
def test_what_is_of_others_or_changes_nothing_is_left_alone(event):
    assert [rule for rule in RULES if matches(rule, event)] == []


@pytest.mark.parametrize("rule", RULES)
def test_what_anybody_can_put_on_the_bus_is_left_alone(rule):
    event = copy.deepcopy(next(event for name, event in TAMPERS if name == rule))
    assert not matches(rule, event | {"source": "custom"})
    assert not matches(rule, event | {"detail-type": "Custom"})


# ---- nothing of the stack is left unwatched ----------------------------------------


@pytest.mark.parametrize(
    ("type_", "rules", "event"),
    [
        (
            "AWS::Events::Rule",
            ["RulesTampered"],
            lambda name: call("events", "DisableRule", name=name),
        ),
        (
            "AWS::Events::Rule",
            ["TargetsTampered"],
            lambda name: call("events", "RemoveTargets", rule=name),
        ),
        (
            "AWS::Lambda::Function",
            ["FunctionsTampered"],
            lambda name: call("lambda", "UpdateFunctionCode1", functionName=name),
        ),
        (
            "AWS::Lambda::EventSourceMapping",
            ["MappingsTampered"],
            lambda name: call("lambda", "UpdateEventSourceMapping1", uUID=name),
        ),
        (
            "AWS::IAM::Role",
            ["RolesTampered"],
            lambda name: call("iam", "DeleteRolePolicy", roleName=name),
        ),
        (
            "AWS::SNS::Topic",
            ["TopicsTampered"],
            lambda name: call("sns", "DeleteTopic", topicArn=name),
        ),
        (
            "AWS::SQS::Queue",
            ["QueuesTampered", "DeadLettersTampered"],
            lambda name: call(
                "sqs",
                "PurgeQueue",
                queueUrl=f"https://q/1/att:{name.removeprefix('ref:')}.QueueName",
            ),
        ),
        (
            "AWS::KMS::Key",
            ["KeysTampered"],
            lambda name: call("kms", "DisableKey", keyId=name),
        ),
        (
            "AWS::DynamoDB::Table",
            ["LedgerTampered"],
            lambda name: call("dynamodb", "DeleteTable", tableName=name),
        ),
        (
            "AWS::Pipes::Pipe",
            ["PipeTampered"],
            lambda name: call("pipes", "StopPipe", name=name),
        ),
    ],
)
def test_every_resource_of_the_stack_is_watched(type_, rules, event):
    for name, properties in whole().of_type(type_).items():
        # The rules that watch have names, others the ones that CloudFormation makes.
        physical = properties.get("Name", f"ref:{name}")
        assert any(matches(rule, event(physical)) for rule in rules), name


def test_logs_and_alarms_have_names_that_the_patterns_know():
    for name, group in whole().of_type("AWS::Logs::LogGroup").items():
        event = call("logs", "DeleteLogGroup", logGroupName=group["LogGroupName"])
        assert matches("LogsTampered", event), name
    for name, alarm in whole().of_type("AWS::CloudWatch::Alarm").items():
        assert "AlarmName" not in alarm, f"{name} begins with the name of the stack"


def test_a_key_of_the_accounts_own_is_watched():
    own = arn("kms", "key/12345678-1234-1234-1234-123456789012")
    deployed = stack(Mode="audit", KeyArn=own)
    for spelled in (own, own.rsplit("/", 1)[-1]):
        assert matches(
            "KeysTampered", call("kms", "DisableKey", keyId=spelled), deployed
        )
    assert not matches("KeysTampered", call("kms", "DisableKey", keyId=KEY), deployed)


def test_the_page_says_how_much_of_the_quotas_a_stack_takes():
    page = (INFRA.parent / "docs/operations.md").read_text()
    small = stack(Mode="audit")
    rules = [len(each.of_type("AWS::Events::Rule")) for each in (small, whole())]
    assert f"| {rules[0]} of the 300 that it has, {rules[1]} with channels" in page
    low, high = re.search(r"\| (\d+) to (\d+) of 500 \|", page).groups()
    assert int(low) <= len(small.resources) and len(whole().resources) <= int(high)


# ---- limits ------------------------------------------------------------------------

# The longest physical names, by what stands for them here. That of a topic is made of the
# stack's, of 128 characters at most, of its own in the template, and of 12 by chance.
LONGEST = [
    (r"att:\w+\.QueueName", "q" * 80),
    (r"att:\w+\.Arn", f"arn:aws-us-gov:sqs:us-gov-west-1:111122223333:{'q' * 80}"),
    (r"<\w+>:\$LATEST", f"{'n' * 64}:$LATEST"),
    (r"(ref:|<)(Alert|Tamper)Topic>?", f"arn:aws-us-gov:sns:us-gov-west-1:{'t' * 166}"),
    (r"<AWS::StackName>|ref:AWS::StackName", "s" * 128),
    (r"ref:Ledger", "l" * 255),
    (r"ref:\w+", "n" * 64),
]


@pytest.mark.parametrize("rule", RULES)
def test_pattern_fits_with_the_longest_names(rule):
    pattern = json.dumps(whole()[rule]["EventPattern"])
    for what, longest in LONGEST:
        pattern = re.sub(what, longest, pattern)
    assert not re.search(r"ref:|att:|<\w", pattern)
    assert len(pattern) <= 2048


@pytest.mark.parametrize("rule", RULES)
def test_the_name_of_a_rule_fits(rule):
    assert re.fullmatch(r"[\w.-]{1,64}", whole()[rule]["Name"])


def test_a_rule_cannot_be_disabled_without_another_that_is_told():
    for rule in RULES:
        event = call("events", "DisableRule", name=whole()[rule]["Name"])
        told = [other for other in RULES if other != rule and matches(other, event)]
        assert told, rule


# ---- the way to the topic ----------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_goes_straight_to_the_topic(rule):
    (target,) = whole()[rule]["Targets"]
    assert target["Arn"] == "ref:TamperTopic"
    assert "RoleArn" not in target, "a topic is let in by its policy"
    assert target["DeadLetterConfig"] == {"Arn": "att:TamperDeadLetters.Arn"}
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 86400
    assert whole()[rule]["State"] == "ENABLED"


@pytest.mark.parametrize(
    ("policy", "action", "resource"),
    [
        ("TamperTopicPolicy", "sns:Publish", "ref:TamperTopic"),
        ("TamperDeadLettersPolicy", "sqs:SendMessage", "att:TamperDeadLetters.Arn"),
    ],
)
def test_only_the_rules_that_watch_are_let_in(policy, action, resource):
    (allowed,) = [
        s
        for s in whole()[policy]["PolicyDocument"]["Statement"]
        if s["Effect"] == "Allow"
    ]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert (allowed["Action"], allowed["Resource"]) == (action, resource)
    source = allowed["Condition"]["ArnLike"]["aws:SourceArn"]
    assert source.endswith(f":rule/{OWN}-*")
    for rule in RULES:
        assert whole()[rule]["Name"].startswith(f"{OWN}-")


def test_the_key_of_the_topic_is_its_own_and_lets_eventbridge_in_without_a_condition():
    deployed = whole()
    assert deployed["TamperTopic"]["KmsMasterKeyId"] == "ref:TamperKey"
    assert deployed["AlertTopic"]["KmsMasterKeyId"] == "ref:AlertKey"
    said = {s["Sid"]: s for s in deployed["TamperKey"]["KeyPolicy"]["Statement"]}
    rules = said["RulesOfThisTopic"]
    assert rules["Principal"] == {"Service": "events.amazonaws.com"}
    assert "Condition" not in rules, "SNS: not supported, and every message is lost"


def test_a_copy_goes_to_the_hub_beside_the_alerts():
    deployed = whole()
    subscription = deployed["HubTamperSubscription"]
    assert subscription["TopicArn"] == "ref:TamperTopic"
    assert subscription["Endpoint"] == "att:HubAlerts.Arn"
    assert subscription["RawMessageDelivery"] is True
    (allowed,) = [
        s
        for s in deployed["HubAlertsPolicy"]["PolicyDocument"]["Statement"]
        if s["Effect"] == "Allow"
    ]
    topics = ["ref:AlertTopic", "ref:TamperTopic"]
    assert allowed["Condition"]["ArnEquals"] == {"aws:SourceArn": topics}


def test_that_nothing_can_be_told_is_told_the_other_way():
    alarm = whole()["TamperDeadLettersAlarm"]
    assert alarm["AlarmActions"] == ["ref:AlertTopic"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, None),
        ({"AlertEmail": "ops@example.com"}, "ops@example.com"),
        ({"TamperEmail": "watch@example.com"}, "watch@example.com"),
        (
            {"AlertEmail": "ops@example.com", "TamperEmail": "watch@example.com"},
            "watch@example.com",
        ),
    ],
)
def test_who_is_told_by_e_mail(given, told):
    deployed = stack(Mode="audit", **given)
    if told is None:
        assert "TamperSubscription" not in deployed.resources
    else:
        assert deployed["TamperSubscription"]["Endpoint"] == told
        assert deployed["TamperSubscription"]["TopicArn"] == "ref:TamperTopic"


# ---- what is shown -----------------------------------------------------------------

# AWS gives these values itself, or has checked each for the characters of a name.
BOUNDED = {
    "$.account",
    "$.source",
    "$.detail.eventName",
    "$.detail.eventTime",
    "$.detail.awsRegion",
    "$.detail.eventID",
    "$.detail.sourceIPAddress",
    "$.detail.userIdentity.type",
    "$.detail.userIdentity.principalId",
    "$.detail.userIdentity.userName",
    "$.detail.userIdentity.sessionContext.sessionIssuer.userName",
    *(
        f"$.detail.requestParameters.{name}"
        for name in (
            "name",
            "rule",
            "functionName",
            "uUID",
            "uuid",
            "UUID",
            "roleName",
            "topicArn",
            "subscriptionArn",
            "eventSourceArn",
            "resourceArn",
            "queueUrl",
            "keyId",
            "tableName",
            "logGroupName",
            "trailName",
            "stackName",
            "changeSetName",
        )
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_message_shows_nothing_that_somebody_could_have_written(rule):
    (target,) = whole()[rule]["Targets"]
    paths = target["InputTransformer"]["InputPathsMap"]
    # Neither the ARN of a user, whose path may have quotes, nor names of alarms or documents.
    assert set(paths.values()) <= BOUNDED
    template = target["InputTransformer"]["InputTemplate"]
    assert set(re.findall(r"<(\w+)>", template)) == paths.keys()
    assert len(paths) <= 100 and len(template) <= 8192
    # JSON, because a copy goes over the pipe to the hub, whose events are JSON.
    assert json.loads(template).keys() == {"tampering", "call", "by", "next"}


def shown(rule, event):
    (target,) = whole()[rule]["Targets"]
    view = eventbridge._pattern_event_view(
        {"Source": event["source"], "DetailType": event["detail-type"]}
        | {"Detail": json.dumps(event["detail"]), "Account": event["account"]}
    )
    return eventbridge._apply_input_transformer(target["InputTransformer"], None, view)


def test_a_message_says_what_was_done_to_what_by_whom():
    event = call("events", "DisableRule", name="tidewaiter-ImagePushed-1")
    assert json.loads(shown("RulesTampered", event)) == {
        "tampering": "Somebody disabled, deleted or changed a rule of Tidewaiter.",
        "call": (
            "DisableRule (aws.events) on tidewaiter-ImagePushed-1, stack "
            "<AWS::StackName> in <AWS::Region>, account 111122223333."
        ),
        "by": (
            "At 2026-11-23T10:00:00Z by AssumedRole admin (AROAEXAMPLE:ada) from "
            "203.0.113.4. CloudTrail event 11111111-2222-3333-4444-555555555555 in "
            "eu-west-1."
        ),
        "next": (
            "Not one of yours? docs/operations.md#when-somebody-tampers says what to do."
        ),
    }


HOSTILE = '"}, {"call": "nothing <script>' + "\n\u202e"


@pytest.mark.parametrize("rule", RULES)
def test_what_somebody_wrote_into_a_call_is_not_shown(rule):
    event = copy.deepcopy(next(event for name, event in TAMPERS if name == rule))
    detail = event["detail"]
    detail["userAgent"] = detail["errorMessage"] = HOSTILE
    detail["userIdentity"]["arn"] = f"arn:aws:iam::111122223333:user/{HOSTILE}/ada"
    detail["responseElements"] = {"description": HOSTILE}
    for member in ("description", "eventPattern", "attributes", "policyDocument"):
        detail["requestParameters"][member] = HOSTILE
    if "alarmNames" in detail["requestParameters"]:
        detail["requestParameters"]["alarmNames"].append(HOSTILE)
    assert matches(rule, event)
    told = shown(rule, event)
    assert json.loads(told).keys() == {"tampering", "call", "by", "next"}
    assert "<script>" not in told


@pytest.mark.parametrize(
    ("identity", "by"),
    [
        ({"type": "Root", "principalId": "111122223333"}, "Root  (111122223333)"),
        (
            {"type": "IAMUser", "principalId": "AIDA", "userName": "ada"},
            "IAMUser ada (AIDA)",
        ),
        ({"type": "AWSService", "invokedBy": "x.amazonaws.com"}, "AWSService  ()"),
    ],
)
def test_a_message_does_without_what_a_record_does_not_have(identity, by):
    event = call("events", "DisableRule", name="x")
    event["detail"]["userIdentity"] = identity
    assert f"by {by} from" in json.loads(shown("RulesTampered", event))["by"]


def test_the_message_leads_to_a_page_that_is_there():
    page = (INFRA.parent / "docs/operations.md").read_text()
    assert "\n## When somebody tampers\n" in page


# ---- what is told in one Region of a partition -------------------------------------


def test_what_iam_tells_in_one_region_is_passed_on():
    rule = GLOBAL["Resources"]["Passing"]["Properties"]
    roles = whole()["RolesTampered"]["EventPattern"]["detail"]["eventName"]
    trails = whole()["TrailsTampered"]["EventPattern"]["detail"]["eventName"]
    assert sorted(rule["EventPattern"]["detail"]["eventName"]) == sorted(roles + trails)
    assert rule["EventPattern"]["source"] == ["aws.iam", "aws.cloudtrail"]
    # Else two Regions that pass on to each other would never end.
    assert rule["EventPattern"]["region"] == [{"Ref": "AWS::Region"}]
    (target,) = rule["Targets"]
    bus = target["Arn"]["Fn::Sub"]
    assert bus.endswith(":event-bus/default")
    statement = GLOBAL["Resources"]["Role"]["Properties"]["Policies"][0]
    (allowed,) = statement["PolicyDocument"]["Statement"]
    assert as_list(allowed["Action"]) == ["events:PutEvents"]
    assert allowed["Resource"]["Fn::Sub"] == bus


def test_the_template_says_it_where_it_is_read():
    assert "infra/global-events.yaml" in TEXT
