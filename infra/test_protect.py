"""The service control policy denies everybody but the deployment what the rules of tampering tell of, in every partition."""

import json

import botocore.session
import protect
import pytest
from ministack.core import iam_evaluator
from tampers import TAMPERS

ACCOUNT = "111122223333"
PARTITIONS = pytest.mark.parametrize("partition", protect.PARTITIONS)


def region(partition):
    regions = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
    return regions.get(partition, "eu-west-1")


def role(name, partition="aws"):
    return f"arn:{partition}:iam::{ACCOUNT}:role/{name}"


def decide(action, resource, caller, partition="aws", keys=None, **options):
    """What the policy says beside FullAWSAccess, as IAM's evaluation has it."""
    document = protect.document(partition=partition, **options)
    allow = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
    parsed = [iam_evaluator.parse_policy_document(each) for each in (document, allow)]
    context = iam_evaluator.EvalContext(
        principal_arn=caller,
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=region(partition),
        source_ip="203.0.113.4",
        secure_transport=True,
        service_context={name.lower(): value for name, value in (keys or {}).items()},
    )
    return iam_evaluator.evaluate(context, parsed).decision


# Each with its resource as IAM sees it, and what else IAM is told.
DENIED = [
    *(
        (f"events:{a}", "events", "rule/tidewaiter-ImagePushed-1")
        for a in ("DisableRule", "DeleteRule", "PutRule", "PutTargets", "RemoveTargets")
    ),
    ("events:DisableRule", "events", "rule/tidewaiter-0a1b2c3d-4e5f-rules"),
    *(
        (f"lambda:{a}", "lambda", "function:tidewaiter-ImageScanGuard-1")
        for a in (
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
            "DeleteFunction",
            "PutFunctionConcurrency",
            "DeleteFunctionConcurrency",
            "AddPermission",
            "RemovePermission",
            "PutFunctionEventInvokeConfig",
        )
    ),
    *(
        (f"sns:{a}", "sns", "tidewaiter-AlertTopic-1")
        for a in ("SetTopicAttributes", "DeleteTopic", "RemovePermission")
    ),
    *(
        (f"sqs:{a}", "sqs", "tidewaiter-TamperDeadLetters-1")
        for a in ("SetQueueAttributes", "DeleteQueue", "PurgeQueue")
    ),
    *(
        (f"dynamodb:{a}", "dynamodb", "table/tidewaiter-Ledger-1")
        for a in (
            "DeleteTable",
            "UpdateTimeToLive",
            "DeleteItem",
            "PutItem",
            "PartiQLDelete",
        )
    ),
    *(
        (f"logs:{a}", "logs", "log-group:/tidewaiter/tidewaiter/notify")
        for a in ("DeleteLogGroup", "PutRetentionPolicy")
    ),
    (
        "logs:DeleteLogStream",
        "logs",
        "log-group:/tidewaiter/tidewaiter/notify:log-stream:1",
    ),
    *(
        (f"cloudwatch:{a}", "cloudwatch", "alarm:tidewaiter-PolicyAlarm-1")
        for a in ("DeleteAlarms", "DisableAlarmActions", "PutMetricAlarm")
    ),
    *(
        (f"cloudformation:{a}", "cloudformation", "stack/tidewaiter/1-2-3")
        for a in (
            "DeleteStack",
            "UpdateStack",
            "ExecuteChangeSet",
            "UpdateTerminationProtection",
        )
    ),
    *(
        (f"cloudtrail:{a}", "cloudtrail", "trail/any")
        for a in ("StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors")
    ),
    *(
        (f"iam:{a}", "iam", "role/tidewaiter-ImageScanGuardRole-1")
        for a in (
            "PutRolePolicy",
            "DetachRolePolicy",
            "UpdateAssumeRolePolicy",
            "DeleteRole",
        )
    ),
    # Whoever can make or change the role that is let through is let through.
    *(
        (f"iam:{a}", "iam", "role/tidewaiter-deployer")
        for a in ("CreateRole", "UpdateAssumeRolePolicy", "AttachRolePolicy")
    ),
    ("iam:CreateRole", "iam", "role/stacksets-exec-mine"),
]
WITH_KEYS = [
    (
        "lambda:UpdateEventSourceMapping",
        "lambda",
        "event-source-mapping:1",
        "lambda:FunctionArn",
        "function:tidewaiter-ImageScanGuard-1",
    ),
    (
        "lambda:DeleteEventSourceMapping",
        "lambda",
        "event-source-mapping:1",
        "lambda:FunctionArn",
        "function:tidewaiter-Notify-1",
    ),
    *(
        (f"kms:{a}", "kms", "key/1", "aws:ResourceTag/project", "tidewaiter")
        for a in ("DisableKey", "ScheduleKeyDeletion", "PutKeyPolicy", "UntagResource")
    ),
]


def arn(service, resource, partition):
    where = "" if service == "iam" else region(partition)
    return f"arn:{partition}:{service}:{where}:{ACCOUNT}:{resource}"


def cases(partition):
    for action, service, resource in DENIED:
        yield action, arn(service, resource, partition), {}
    for action, service, resource, key, value in WITH_KEYS:
        said = value if key.startswith("aws:") else arn(service, value, partition)
        yield action, arn(service, resource, partition), {key: said}


@PARTITIONS
def test_an_administrator_cannot_tamper(partition):
    for caller in (role("admin", partition), f"arn:{partition}:iam::{ACCOUNT}:root"):
        for action, resource, keys in cases(partition):
            assert decide(action, resource, caller, partition, keys) == "Deny", action


@PARTITIONS
@pytest.mark.parametrize("name", ["tidewaiter-deployer", "stacksets-exec-0123456789"])
def test_what_deploys_can(partition, name):
    for action, resource, keys in cases(partition):
        caller = role(name, partition)
        assert decide(action, resource, caller, partition, keys) == "Allow", action


@PARTITIONS
def test_what_is_of_others_is_theirs(partition):
    caller = role("admin", partition)
    for action, service, resource in DENIED:
        if service == "cloudtrail":
            continue  # any trail
        others = resource.replace("tidewaiter", "others").replace(
            "stacksets-exec", "others"
        )
        assert (
            decide(action, arn(service, others, partition), caller, partition)
            == "Allow"
        )
    for action, service, resource, *_ in WITH_KEYS:
        assert (
            decide(action, arn(service, resource, partition), caller, partition)
            == "Allow"
        )


# What the program and the functions themselves do, under whatever role.
@pytest.mark.parametrize(
    ("action", "service", "resource"),
    [
        ("dynamodb:UpdateItem", "dynamodb", "table/tidewaiter-Ledger-1"),
        ("dynamodb:GetItem", "dynamodb", "table/tidewaiter-Ledger-1"),
        ("sqs:SendMessage", "sqs", "tidewaiter-ImageScanGuardDeadLetters-1"),
        (
            "sqs:StartMessageMoveTask",
            "sqs",
            "tidewaiter-ImageFindingReportedDeadLetters-1",
        ),
        ("sqs:DeleteMessage", "sqs", "tidewaiter-ImageScanGuardDeadLetters-1"),
        ("lambda:InvokeFunction", "lambda", "function:tidewaiter-ImageScanGuard-1"),
        ("sns:Publish", "sns", "tidewaiter-AlertTopic-1"),
        ("sns:Subscribe", "sns", "tidewaiter-AlertTopic-1"),
        ("cloudformation:DescribeStacks", "cloudformation", "stack/tidewaiter/1"),
    ],
)
def test_operating_goes_on(action, service, resource):
    assert decide(action, arn(service, resource, "aws"), role("operator")) == "Allow"


def test_another_stack_and_other_deployers_are_protected_likewise():
    options = {"stack": "guard", "deployers": ["ci", "breakglass"]}
    for action, service, resource in DENIED:
        named = arn(
            service,
            resource.replace("tidewaiter-deployer", "ci")
            .replace("tidewaiter-", "guard-")
            .replace("stack/tidewaiter", "stack/guard"),
            "aws",
        )
        assert decide(action, named, role("admin"), **options) == "Deny", named
        assert decide(action, named, role("breakglass"), **options) == "Allow"
    # The rules that watch keep their names.
    watching = arn("events", "rule/tidewaiter-0a1b2c3d-rules", "aws")
    assert decide("events:DisableRule", watching, role("admin"), **options) == "Deny"


def test_everything_that_is_told_is_denied_too():
    # SNS has no resource for a subscription, a pipe's name is not the stack's to choose, and what is left
    # changes nothing that guards.
    elsewhere = {
        "Unsubscribe",
        "SetSubscriptionAttributes",
        "StopPipe",
        # Of whatever function: it is no resource of the stack.
        "CreateEventSourceMapping20150331",
    }
    session = botocore.session.Session()
    denied = protect.document()["Statement"]
    patterns = [each for statement in denied for each in statement["Action"]]
    for _, event in TAMPERS:
        name = event["detail"]["eventName"]
        service = event["detail"]["eventSource"].split(".")[0]
        service = {"monitoring": "cloudwatch"}.get(service, service)
        operations = session.get_service_model(service).operation_names
        matching = [each for each in operations if name.startswith(each)]
        if name in elsewhere or not matching:
            continue
        action = f"{service}:{max(matching, key=len)}"
        assert any(iam_evaluator.fnmatch_iam(action, each) for each in patterns), action


def test_actions_exist():
    session = botocore.session.Session()
    for statement in protect.document()["Statement"]:
        for action in statement["Action"]:
            service, operation = action.split(":")
            if operation.startswith("PartiQL"):
                continue  # permissions of ExecuteStatement
            names = session.get_service_model(service).operation_names
            assert any(iam_evaluator.fnmatch_iam(each, operation) for each in names), (
                action
            )


@PARTITIONS
def test_it_fits_into_an_organization(partition):
    longest = {"stack": "tidewaiter-production-eu", "deployers": ["d" * 64, "e" * 64]}
    for options in ({}, longest):
        text = protect.text(partition=partition, **options)
        assert len(text) <= protect.LIMIT
        assert json.loads(text) == protect.document(partition=partition, **options)
        assert f"arn:{partition}:" in text
        assert text.count("arn:") == text.count(f"arn:{partition}:")


def test_the_file_is_what_is_printed():
    assert protect.FILE.read_text() == protect.text(), "run `make generate`"


@pytest.mark.parametrize(
    "arguments", [["--stack", "a*"], ["--deployer", 'x"'], ["--partition", "moon"]]
)
def test_what_is_no_name_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as refused:
        protect.main(arguments)
    assert refused.value.code == 2
    assert capsys.readouterr().err


def test_a_policy_that_no_organization_takes_is_not_printed(capsys):
    deployers = [
        argument
        for i in range(20)
        for argument in ("--deployer", f"{i:c<64}".replace("0", "a"))
    ]
    names = [each if each.startswith("--") else f"r{each}" for each in deployers]
    assert protect.main(names) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and "5120" in shown.err
