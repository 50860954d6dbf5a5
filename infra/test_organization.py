"""What an organization is given: buckets that only it reads, a stack set for its accounts, and a hub that members do not depend on."""

import re
from pathlib import Path

import package
import pytest
from samtranslator.yaml_helper import yaml_parse
from test_template import TEXT, stack

FOLDER = Path(__file__).parent / "organization"
TEMPLATES = {
    path.stem: yaml_parse(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))
}
MEMBER = package.plain(TEXT, package.version())
BUS = "arn:aws:events:eu-central-1:210987654321:event-bus/hub-alerts"


def properties(template, name):
    return TEMPLATES[template]["Resources"][name]["Properties"]


def statements(template, name):
    return {
        each["Sid"]: each
        for each in properties(template, name)["PolicyDocument"]["Statement"]
    }


# ---- parameters --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "name"),
    [(each, name) for each, body in TEMPLATES.items() for name in body["Parameters"]],
)
def test_parameter_is_described_and_constrained(template, name):
    declared = TEMPLATES[template]["Parameters"][name]
    assert declared["Description"]
    assert {"AllowedValues", "AllowedPattern", "MaxValue"} & declared.keys()


@pytest.mark.parametrize(
    ("template", "name", "accepted", "refused"),
    [
        ("hub", "OrganizationId", ["o-a1b2c3d4e5"], ["", "a1b2c3d4e5", "r-ab12"]),
        (
            "stackset",
            "OrganizationalUnitIds",
            ["r-ab12", "ou-ab12-11111111"],
            ["", "123456789012"],
        ),
        (
            "stackset",
            "Regions",
            ["eu-central-1", "us-gov-west-1", "cn-north-1"],
            ["", "eu-central-1a", "Frankfurt"],
        ),
        ("stackset", "HubBusArn", ["", BUS], ["default"]),
    ],
)
def test_parameter_takes_what_it_is_for(template, name, accepted, refused):
    pattern = TEMPLATES[template]["Parameters"][name]["AllowedPattern"]
    assert [each for each in accepted if not re.search(pattern, each)] == []
    assert [each for each in refused if re.search(pattern, each)] == []


# ---- the stack set -----------------------------------------------------------------


def test_accounts_that_join_are_guarded_and_those_that_leave_keep_nothing():
    members = properties("stackset", "Members")
    assert members["PermissionModel"] == "SERVICE_MANAGED"
    assert members["AutoDeployment"] == {
        "Enabled": True,
        "RetainStacksOnAccountRemoval": False,
    }


def test_the_mode_is_said_for_the_organization_too():
    assert "Default" not in TEMPLATES["stackset"]["Parameters"]["Mode"]


def test_the_stack_set_sets_parameters_that_the_member_template_has():
    given = {
        each["ParameterKey"]: each["ParameterValue"]
        for each in properties("stackset", "Members")["Parameters"]
    }
    assert given.keys() <= MEMBER["Parameters"].keys()
    without_default = {
        name for name, each in MEMBER["Parameters"].items() if "Default" not in each
    }
    assert without_default <= given.keys()


@pytest.mark.parametrize("name", ["Mode", "Architecture", "AlertEmail", "HubBusArn"])
def test_the_stack_set_takes_what_the_member_template_takes(name):
    ours, theirs = TEMPLATES["stackset"]["Parameters"], MEMBER["Parameters"]
    for member in ("AllowedValues", "AllowedPattern", "Default"):
        assert ours[name].get(member) == theirs[name].get(member)


def test_service_managed_stack_sets_run_no_macro():
    url = properties("stackset", "Members")["TemplateURL"]["Fn::Sub"]
    assert url.endswith("/${ArtifactPrefix}/template.json")
    assert "Transform" not in MEMBER
    assert properties("stackset", "Members")["Capabilities"] == ["CAPABILITY_IAM"]
    roles = [
        each
        for each in MEMBER["Resources"].values()
        if each["Type"] == "AWS::IAM::Role"
    ]
    assert not [each for each in roles if "RoleName" in each["Properties"]]


# ---- artifacts ---------------------------------------------------------------------


def test_releases_are_read_by_the_organization_and_by_nobody_else():
    said = statements("artifacts", "ArtifactsPolicy")
    assert said.keys() == {"ReadByTheOrganization", "RefusePlainText"}
    read = said["ReadByTheOrganization"]
    assert read["Action"] == "s3:GetObject"
    assert read["Condition"] == {
        "StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}}
    }
    blocked = properties("artifacts", "Artifacts")["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}


def test_buckets_are_named_as_members_and_stack_set_name_them():
    name = "${ArtifactBucket}-${AWS::Region}"
    assert properties("artifacts", "Artifacts")["BucketName"]["Fn::Sub"] == name
    assert package.at("x")["Bucket"]["Fn::Sub"] == name
    url = properties("stackset", "Members")["TemplateURL"]["Fn::Sub"]
    assert url.startswith(f"https://{name}.s3.")


# ---- the hub -----------------------------------------------------------------------


def test_only_accounts_of_the_organization_put_on_the_bus_and_only_alerts():
    said = properties("hub", "BusPolicy")["Statement"]
    assert said["Action"] == "events:PutEvents"
    assert said["Condition"] == {
        "StringEquals": {
            "aws:PrincipalOrgID": {"Ref": "OrganizationId"},
            "events:source": "tidewaiter",
            "events:detail-type": "Tidewaiter Alert",
        }
    }


def test_the_hub_publishes_what_members_send_as_they_sent_it():
    (target,) = properties("hub", "AlertArrived")["Targets"]
    assert target["InputPath"] == "$.detail"
    assert target["DeadLetterConfig"]


def test_who_may_publish_and_use_the_key_is_pinned_to_this_account_or_rule():
    for name, statement in statements("hub", "TopicPolicy").items():
        if statement["Effect"] == "Allow":
            pinned = {key for keys in statement["Condition"].values() for key in keys}
            assert "aws:SourceArn" in pinned, name
    pinned = {
        statement["Principal"]["Service"]: statement.get("Condition", {}).keys()
        for statement in properties("hub", "Key")["KeyPolicy"]["Statement"]
        if "Service" in statement["Principal"]
    }
    # EventBridge names no source when it uses a key: a condition would lose every alert.
    assert pinned == {
        "cloudwatch.amazonaws.com": {"StringEquals", "ArnLike"},
        "events.amazonaws.com": set(),
    }


# ---- members -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def member():
    return stack(Mode="audit", HubBusArn=BUS)


def test_without_a_hub_a_member_has_nothing_of_it():
    names = stack(Mode="audit").resources
    assert not [name for name in names if "Hub" in name or name == "AlertPutOnBus"]


def test_a_copy_of_every_alert_goes_over_a_queue_a_pipe_and_the_own_bus(member):
    subscription = member["HubSubscription"]
    assert subscription["TopicArn"] == "ref:AlertTopic"
    assert subscription["Endpoint"] == "att:HubAlerts.Arn"
    assert "FilterPolicy" not in subscription
    pipe, rule = member["HubPipe"], member["AlertPutOnBus"]
    assert pipe["Source"] == "att:HubAlerts.Arn"
    assert pipe["Target"].endswith(":event-bus/default")
    event = pipe["TargetParameters"]["EventBridgeEventBusParameters"]
    assert rule["EventPattern"]["source"] == [event["Source"]]
    assert rule["EventPattern"]["detail-type"] == [event["DetailType"]]
    assert rule["EventPattern"]["account"] == ["ref:AWS::AccountId"]
    assert properties("hub", "AlertArrived")["EventPattern"] == {
        name: rule["EventPattern"][name] for name in ("source", "detail-type")
    }
    (target,) = rule["Targets"]
    assert target["Arn"] == BUS


def test_a_hub_that_is_gone_costs_a_member_a_message_in_a_queue_of_its_own(member):
    (target,) = member["AlertPutOnBus"]["Targets"]
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 86400
    assert target["DeadLetterConfig"] == {"Arn": "att:HubDeadLetters.Arn"}
    redrive = member["HubAlerts"]["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == "att:HubDeadLetters.Arn"
    assert member["HubDeadLettersAlarm"]["AlarmActions"] == ["ref:AlertTopic"]
    # No function knows of it: what they do and wait for is the same with and without.
    without = stack(Mode="audit")
    for name, function in without.of_type("AWS::Lambda::Function").items():
        assert member[name] == function
    assert member["AlertTopic"] == without["AlertTopic"]


def test_the_way_to_the_hub_can_do_nothing_else(member):
    allowed = {
        "HubPipeRole": {
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "events:PutEvents",
        },
        "HubRole": {"events:PutEvents"},
    }
    for role, actions in allowed.items():
        assert member.role_actions(role) == actions
        assert not [s for s in member.role_statements(role) if s["Resource"] == "*"]
    (statement,) = member.role_statements("HubRole")
    assert statement["Resource"] == BUS


@pytest.mark.parametrize("role", ["HubPipeRole", "HubRole"])
def test_no_other_account_has_the_roles_assumed(member, role):
    (statement,) = member[role]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "ref:AWS::AccountId"}
    }
