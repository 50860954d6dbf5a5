"""What the template promises, checked on what CloudFormation would be given (`evaluated.py`)."""

import json
import re
from pathlib import Path

import botocore.session
import pytest
from evaluated import TEXT, as_list, stack, yaml_parse
from ministack.services import eventbridge

INFRA = Path(__file__).parent
GUARDS = [
    "TaskDefinitionGuard",
    "ImageScanGuard",
    "ImagePushGuard",
    "DeploymentGuard",
]
# They keep the index of what uses images, judge nothing, and are the same in both modes.
KEEPERS = ["UsageRecorder", "UsageReconciler"]
FUNCTIONS = [*GUARDS, *KEEPERS]
INVOKING = [
    "TaskDefinitionRegistered",
    "BasicScanFinished",
    "EnhancedScanFinished",
    "ImagePushed",
    "DeploymentBegun",
]
# Their events wait in a queue each, which a function takes them from.
QUEUED = "ImageFindingReported"
CHANGED = "TaskChanged"
RULES = [*INVOKING, QUEUED, CHANGED]
# A schedule, and the function whose turn it is.
REVIEWS = {
    "WaiverReview": "TaskDefinitionGuard",
    "QuarantineReview": "ImageScanGuard",
}
RECONCILIATION = "UsageReconciliation"
# They tell of tampering; infra/test_tampering.py judges them.
WATCHING = [
    "RulesTampered",
    "TargetsTampered",
    "WatchTampered",
    "FunctionsTampered",
    "MappingsTampered",
    "RolesTampered",
    "TopicsTampered",
    "QueuesTampered",
    "DeadLettersTampered",
    "KeysTampered",
    "LedgerTampered",
    "LogsTampered",
    "TrailsTampered",
    "AlarmsTampered",
    "StackTampered",
]
MODES = ["audit", "enforce"]
# What the methods of a quarantine take.
IMAGE_WRITES = {
    "ecr:UpdateImageStorageClass",
    "ecr:PutImage",
    "ecr:BatchDeleteImage",
}
# ECS and Inspector define no resource type for these, so "*" is all one can say.
WITHOUT_RESOURCE_TYPE = {
    "ecs:DescribeTaskDefinition",
    "ecs:DeregisterTaskDefinition",
    "ecs:ListClusters",
    "ecs:ListTasks",
    "ecs:ListServices",
    "inspector2:ListCoverage",
    "inspector2:ListFindings",
}


def from_source(arn):
    """The condition by which a queue takes messages of one source of this account alone."""
    account = {"aws:SourceAccount": "ref:AWS::AccountId"}
    return {"ArnEquals": {"aws:SourceArn": arn}, "StringEqualsIfExists": account}


def refuses_plain_text(document, resource, action):
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    } in [{k: v for k, v in s.items() if k != "Sid"} for s in document["Statement"]]


# ---- parameters --------------------------------------------------------------------


def test_mode_is_said_at_every_deployment():
    mode = yaml_parse(TEXT)["Parameters"]["Mode"]
    assert "Default" not in mode
    assert mode["AllowedValues"] == ["audit", "enforce"]


@pytest.mark.parametrize("name", yaml_parse(TEXT)["Parameters"])
def test_parameter_is_described_and_constrained(name):
    declared = yaml_parse(TEXT)["Parameters"][name]
    assert declared["Description"]
    assert {"AllowedValues", "AllowedPattern", "MaxValue"} & declared.keys()


@pytest.mark.parametrize(
    ("email", "accepted"),
    [("", True), ("ops@example.com", True), ("ops", False), ("a b@example.com", False)],
)
def test_alert_email_is_empty_or_an_address(email, accepted):
    pattern = yaml_parse(TEXT)["Parameters"]["AlertEmail"]["AllowedPattern"]
    assert bool(re.search(pattern, email)) is accepted


def test_alert_email_is_subscribed_only_when_given():
    assert not stack(Mode="audit").of_type("AWS::SNS::Subscription")
    subscribed = stack(Mode="audit", AlertEmail="ops@example.com")
    subscription = subscribed["AlertSubscription"]
    assert subscription["Endpoint"] == "ops@example.com"
    assert subscription["TopicArn"] == "ref:AlertTopic"


def test_one_invocation_at_a_time_unless_the_quota_forbids_reserving():
    key = "ReservedConcurrentExecutions"
    assert stack(Mode="enforce")["TaskDefinitionGuard"][key] == "1"
    unreserved = stack(Mode="enforce", ReservedConcurrency="0")
    assert key not in unreserved["TaskDefinitionGuard"]


# ---- a key of the account's own ----------------------------------------------------

KEY = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"


def with_key(**parameters):
    return stack(Mode="enforce", ChannelsPath="/opt/c.yaml", KeyArn=KEY, **parameters)


def test_without_a_key_topic_queues_and_ledger_are_encrypted_all_the_same():
    deployed = stack(Mode="enforce", ChannelsPath="/opt/c.yaml")
    assert deployed["AlertTopic"]["KmsMasterKeyId"] == "ref:AlertKey"
    assert deployed["Ledger"]["SSESpecification"] == {"SSEEnabled": True}
    for queue in deployed.of_type("AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True
        assert "KmsMasterKeyId" not in queue
    assert "UseKey" not in deployed.resources


def test_a_key_encrypts_topic_queues_and_ledger_in_place_of_any_other():
    deployed = with_key()
    assert not deployed.of_type("AWS::KMS::Key"), "one key is enough"
    assert deployed["AlertTopic"]["KmsMasterKeyId"] == KEY
    assert deployed["TamperTopic"]["KmsMasterKeyId"] == KEY
    assert deployed["Ledger"]["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": KEY,
    }
    queues = deployed.of_type("AWS::SQS::Queue").values()
    assert {queue["KmsMasterKeyId"] for queue in queues} == {KEY}
    assert not [queue for queue in queues if "SqsManagedSseEnabled" in queue]
    assert ":AlertKey" not in json.dumps(deployed.resources)


def test_every_role_may_use_the_key_for_its_queues_and_the_ledger():
    deployed = with_key()
    roles = {f"ref:{name}" for name in deployed.of_type("AWS::IAM::Role")}
    assert set(deployed["UseKey"]["Roles"]) == roles
    for statement in deployed["UseKey"]["PolicyDocument"]["Statement"]:
        assert statement["Resource"] == KEY
        (service,) = statement["Condition"]["StringEquals"].values()
        assert service.endswith(".<AWS::Region>.<AWS::URLSuffix>")


@pytest.mark.parametrize(
    ("arn", "accepted"),
    [
        ("", True),
        (KEY, True),
        ("arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234abcd", True),
        ("arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1234abcd", True),
        ("arn:aws:kms:us-east-1:123456789012:alias/mine", False),
        ("alias/aws/sqs", False),
    ],
)
def test_the_key_is_named_by_its_arn(arn, accepted):
    pattern = yaml_parse(TEXT)["Parameters"]["KeyArn"]["AllowedPattern"]
    assert bool(re.search(pattern, arn)) is accepted


# ---- tracing -----------------------------------------------------------------------


def test_nothing_is_traced_unless_it_is_said():
    deployed = stack(Mode="enforce")
    for function in deployed.of_type("AWS::Lambda::Function").values():
        assert function["TracingConfig"] == {"Mode": "PassThrough"}
    assert "SendTraces" not in deployed.resources


def test_what_is_traced_may_send_its_traces():
    deployed = stack(Mode="audit", ChannelsPath="/opt/c.yaml", Tracing="true")
    for function in deployed.of_type("AWS::Lambda::Function").values():
        assert function["TracingConfig"] == {"Mode": "Active"}
    roles = {f"ref:{name}" for name in deployed.of_type("AWS::IAM::Role")}
    assert set(deployed["SendTraces"]["Roles"]) == roles


# ---- permissions -------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_the_only_roles_are_those_written_here(mode):
    roles = {f"{function}Role" for function in FUNCTIONS}
    assert stack(Mode=mode).of_type("AWS::IAM::Role").keys() == roles


@pytest.mark.parametrize("guard", GUARDS)
def test_audit_holds_no_write_action_on_ecs_or_ecr(guard):
    actions = stack(Mode="audit").role_actions(f"{guard}Role")
    guarded = {a for a in actions if a.split(":")[0] in ("ecs", "ecr", "ecr-public")}
    assert guarded, "reads at least"
    reads = re.compile(r"\w+:(Describe|List|Get|BatchGet)\w+")
    assert {a for a in guarded if not reads.fullmatch(a)} == set()


def test_audit_has_no_policy_resource_at_all():
    assert stack(Mode="audit").of_type("AWS::IAM::Policy") == {}


# What the policy can have done about what runs a denied image.
ON_WHAT_RUNS = {"ecs:StopTask", "ecs:UpdateService", "ecs:StopServiceDeployment"}


@pytest.mark.parametrize("guard", GUARDS)
def test_what_runs_is_acted_on_in_this_account_and_region_alone(guard):
    here = "arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:"
    of = {
        "ecs:StopTask": ["task/*"],
        "ecs:UpdateService": ["service/*"],
        "ecs:StopServiceDeployment": ["service/*", "service-deployment/*"],
    }
    for statement in stack(Mode="enforce").role_statements(f"{guard}Role"):
        for action in as_list(statement["Action"]):
            if action in ON_WHAT_RUNS:
                names = [here + name for name in of[action]]
                assert as_list(statement["Resource"]) == names


@pytest.mark.parametrize(
    ("guard", "writes"),
    [
        ("TaskDefinitionGuard", {"ecs:DeregisterTaskDefinition"}),
        ("ImageScanGuard", {*IMAGE_WRITES, *ON_WHAT_RUNS}),
        ("ImagePushGuard", {*IMAGE_WRITES, *ON_WHAT_RUNS}),
        ("DeploymentGuard", {"ecs:StopServiceDeployment"}),
    ],
)
def test_enforce_adds_the_writes_of_its_actions_and_nothing_else(guard, writes):
    audit, enforce = (stack(Mode=mode).role_actions(f"{guard}Role") for mode in MODES)
    assert enforce - audit == writes
    assert audit - enforce == set()


@pytest.mark.parametrize("mode", MODES)
def test_who_keeps_the_index_of_usage_can_change_nothing_else(mode):
    deployed = stack(Mode=mode)
    for keeper in KEEPERS:
        for statement in deployed.role_statements(f"{keeper}Role"):
            if statement["Resource"] == "att:Ledger.Arn":
                assert statement["Action"] == "dynamodb:UpdateItem"
                keys = statement["Condition"]["ForAllValues:StringLike"]
                assert keys["dynamodb:LeadingKeys"] == INDEX[keeper]
    recorder = deployed.role_actions("UsageRecorderRole")
    assert {a for a in recorder if a.split(":")[0] in ("ecs", "ecr")} == set()
    reconciler = deployed.role_actions("UsageReconcilerRole")
    assert {a for a in reconciler if a.split(":")[0] in ("ecs", "ecr")} == LISTS


# Who announces tasks does not say how far the index is known.
INDEX = {"UsageRecorder": ["usage#*"], "UsageReconciler": ["usage#*", "usage-index"]}

LISTS = {
    "ecs:ListClusters",
    "ecs:ListTasks",
    "ecs:ListServices",
    "ecs:DescribeTasks",
    "ecs:DescribeServices",
    "ecs:DescribeServiceRevisions",
}


def test_only_the_guard_of_images_reads_images_and_what_runs():
    reads = {
        "ecr:DescribeImageScanFindings",
        "ecr:DescribeImages",
        "ecr:BatchGetImage",
    } | LISTS
    audit = stack(Mode="audit")
    assert reads <= audit.role_actions("ImageScanGuardRole")
    # What a definition names is looked up, and nothing more of it.
    of_definitions = audit.role_actions("TaskDefinitionGuardRole")
    assert reads & of_definitions == {"ecr:DescribeImages"}


def test_an_image_scan_guard_that_may_look_for_tasks_has_the_time_to():
    # Fifty calls, a tenth of a second apart, beside those that retry.
    assert stack(Mode="audit")["ImageScanGuard"]["Timeout"] >= 60


@pytest.mark.parametrize("guard", GUARDS)
def test_function_waits_for_its_write_permission(guard):
    assert stack(Mode="enforce").resources[guard]["DependsOn"] in (
        f"{guard}Enforcement",
        [f"{guard}Enforcement"],
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("guard", FUNCTIONS)
def test_role_names_its_actions_and_resources(guard, mode):
    for statement in stack(Mode=mode).role_statements(f"{guard}Role"):
        assert statement["Effect"] == "Allow"
        assert "NotAction" not in statement and "NotResource" not in statement
        actions = set(as_list(statement["Action"]))
        assert not [a for a in actions if "*" in a or "?" in a]
        if statement["Resource"] == "*":
            assert actions <= WITHOUT_RESOURCE_TYPE
        if actions & {"sqs:SendMessage"}:
            assert statement["Resource"] == f"att:{guard}DeadLetters.Arn"
        if "logs:PutLogEvents" in actions:
            assert statement["Resource"] == f"att:{guard}Logs.Arn"


@pytest.mark.parametrize("guard", GUARDS)
def test_role_can_report(guard):
    statements = {
        (action, resource)
        for statement in stack(Mode="audit").role_statements(f"{guard}Role")
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    assert {
        ("sns:Publish", "ref:AlertTopic"),
        ("kms:GenerateDataKey", "att:AlertKey.Arn"),
        ("kms:Decrypt", "att:AlertKey.Arn"),
        ("logs:CreateLogStream", f"att:{guard}Logs.Arn"),
        ("logs:PutLogEvents", f"att:{guard}Logs.Arn"),
        ("sqs:SendMessage", f"att:{guard}DeadLetters.Arn"),
        ("dynamodb:GetItem", "att:Ledger.Arn"),
        ("dynamodb:UpdateItem", "att:Ledger.Arn"),
    } <= statements


# What is due and what is open is reviewed, and a pushed digest is looked up in every repository.
LISTED = {
    "TaskDefinitionGuard": ["alert#task-definition"],
    "ImageScanGuard": ["alert#image", "quarantine", "usage#*"],
    "ImagePushGuard": ["quarantine", "usage#*"],
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("guard", GUARDS)
def test_role_reads_and_writes_entries_of_the_ledger_and_never_scans_it(guard, mode):
    listed = set()
    for statement in stack(Mode=mode).role_statements(f"{guard}Role"):
        actions = set(as_list(statement["Action"]))
        if not any(action.startswith("dynamodb:") for action in actions):
            continue
        assert actions <= {"dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:Query"}
        assert statement["Resource"] == "att:Ledger.Arn"
        keys = statement["Condition"]["ForAllValues:StringLike"]
        if "dynamodb:Query" in actions:
            listed |= set(keys["dynamodb:LeadingKeys"]) - {"usage-index"}
    assert sorted(listed) == LISTED.get(guard, [])


@pytest.mark.parametrize("guard", FUNCTIONS)
def test_role_names_actions_that_exist(guard):
    session = botocore.session.Session()
    for action in stack(Mode="enforce").role_actions(f"{guard}Role"):
        service, operation = action.split(":")
        assert operation in session.get_service_model(service).operation_names, action


@pytest.mark.parametrize("guard", FUNCTIONS)
def test_role_is_for_lambda_alone(guard):
    (statement,) = stack(Mode="audit")[f"{guard}Role"]["AssumeRolePolicyDocument"][
        "Statement"
    ]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_works_in_every_partition():
    assert "arn:aws:" not in TEXT


# ---- functions ---------------------------------------------------------------------


@pytest.mark.parametrize("guard", FUNCTIONS)
def test_function_runs_what_the_build_leaves(guard):
    code = yaml_parse(TEXT)["Resources"][guard]["Properties"]["CodeUri"]
    crate = re.fullmatch(r"\.\./target/lambda/([a-z-]+)/", code)[1]
    assert (INFRA.parent / "functions" / crate / "Cargo.toml").exists()
    function = stack(Mode="audit", Architecture="x86_64")[guard]
    assert function["Architectures"] == ["x86_64"]
    assert function["Runtime"] == "provided.al2023"
    assert function["Handler"] == "bootstrap"
    assert function["Role"] == f"att:{guard}Role.Arn"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("guard", FUNCTIONS)
def test_function_knows_its_surroundings(guard, mode):
    function = stack(Mode=mode, PolicyPath="/elsewhere.yaml")[guard]
    assert function["Environment"]["Variables"] == {
        "TIDEWAITER_MODE": mode,
        "TIDEWAITER_STACK": "ref:AWS::StackName",
        "TIDEWAITER_TOPIC_ARN": "ref:AlertTopic",
        "TIDEWAITER_POLICY": "/elsewhere.yaml",
        "TIDEWAITER_LEDGER": "ref:Ledger",
        "TIDEWAITER_DEAD_LETTER_QUEUE_URL": f"ref:{guard}DeadLetters",
    }


@pytest.mark.parametrize("guard", FUNCTIONS)
def test_failed_invocation_is_retried_then_kept(guard):
    deployed = stack(Mode="audit")
    target = deployed[guard]["DeadLetterConfig"]["TargetArn"]
    assert target == f"att:{guard}DeadLetters.Arn"
    (retry,) = [
        config
        for config in deployed.of_type("AWS::Lambda::EventInvokeConfig").values()
        if config["FunctionName"] == f"ref:{guard}"
    ]
    assert retry["MaximumRetryAttempts"] == 2
    assert retry["MaximumEventAgeInSeconds"] == 6 * 3600


@pytest.mark.parametrize("guard", FUNCTIONS)
def test_function_logs_json_to_a_group_that_forgets(guard):
    deployed = stack(Mode="audit", LogRetentionDays="30")
    assert deployed[guard]["LoggingConfig"] == {
        "LogFormat": "JSON",
        "LogGroup": f"ref:{guard}Logs",
    }
    assert deployed[f"{guard}Logs"]["RetentionInDays"] == "30"


def test_policy_layer_holds_the_file_at_the_default_path():
    layer = yaml_parse(TEXT)["Resources"]["PolicyLayer"]["Properties"]["ContentUri"]
    (file,) = [p for p in (INFRA / layer).rglob("*") if p.is_file()]
    in_lambda = Path("/opt") / file.relative_to(INFRA / layer)
    assert stack(Mode="audit").parameters["PolicyPath"] == str(in_lambda)
    assert yaml_parse(file.read_text())
    for guard in GUARDS:
        (attached,) = stack(Mode="audit")[guard]["Layers"]
        assert attached.startswith("ref:PolicyLayer")


# ---- ledger ------------------------------------------------------------------------


def test_ledger_is_kept_encrypted_and_can_be_recovered():
    deployed = stack(Mode="audit")
    (name,) = deployed.of_type("AWS::DynamoDB::Table")
    resource, table = deployed.resources[name], deployed[name]
    assert resource["DeletionPolicy"] == "Retain"
    assert resource["UpdateReplacePolicy"] == "Retain"
    assert table["SSESpecification"] == {"SSEEnabled": True}
    recovery = table["PointInTimeRecoverySpecification"]
    assert recovery == {"PointInTimeRecoveryEnabled": True}
    assert "TableName" not in table, "a kept table must not stop the next stack"


def test_ledger_has_the_form_that_the_functions_expect():
    table = stack(Mode="audit")["Ledger"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    key = [("id", "HASH"), ("part", "RANGE")]
    assert table["KeySchema"] == [
        {"AttributeName": name, "KeyType": kind} for name, kind in key
    ]
    assert table["AttributeDefinitions"] == [
        {"AttributeName": name, "AttributeType": "S"} for name, _ in key
    ]
    expiry = {"AttributeName": "expires", "Enabled": True}
    assert table["TimeToLiveSpecification"] == expiry


# ---- delivery ----------------------------------------------------------------------


def test_every_rule_is_listed_here():
    rules = {*RULES, *REVIEWS, RECONCILIATION, *WATCHING}
    assert stack(Mode="audit").of_type("AWS::Events::Rule").keys() == rules


@pytest.mark.parametrize(("rule", "guard"), REVIEWS.items())
def test_review_is_once_a_day(rule, guard):
    deployed = stack(Mode="audit")
    assert deployed[rule]["ScheduleExpression"] == "rate(1 day)"
    (target,) = deployed[rule]["Targets"]
    assert target["Arn"] == f"att:{guard}.Arn"
    permission = deployed[f"{rule}Permission"]
    assert permission["FunctionName"] == f"att:{guard}.Arn"
    assert permission["SourceArn"] == f"att:{rule}.Arn"


def test_the_index_of_usage_is_set_right_twice_in_the_time_that_it_is_relied_on():
    rule = stack(Mode="audit")[RECONCILIATION]
    source = (INFRA.parent / "shared/aws/src/ledger/usage.rs").read_text()
    hours = re.search(r"INTERVAL: SignedDuration = .*from_hours\((\d+)\)", source)[1]
    assert rule["ScheduleExpression"] == f"rate({hours} hours)"
    (target,) = rule["Targets"]
    assert target["Arn"] == "att:UsageReconciler.Arn"
    assert stack(Mode="audit")["UsageReconciler"]["Timeout"] == 900


@pytest.mark.parametrize("rule", RULES)
def test_rule_retries_for_a_day_then_keeps_the_event(rule):
    (target,) = stack(Mode="audit")[rule]["Targets"]
    assert target["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 86400,
        "MaximumRetryAttempts": 185,
    }
    assert target["DeadLetterConfig"] == {"Arn": f"att:{rule}DeadLetters.Arn"}


@pytest.mark.parametrize("rule", RULES)
def test_dead_letters_of_a_rule_come_from_that_rule_alone(rule):
    queue = f"{rule}DeadLetters"
    allowed = [
        (s["Principal"], s["Action"], s["Resource"], s["Condition"])
        for s in stack(Mode="audit")[f"{queue}Policy"]["PolicyDocument"]["Statement"]
        if s["Effect"] == "Allow"
    ]
    assert allowed == [
        (
            {"Service": "events.amazonaws.com"},
            "sqs:SendMessage",
            f"att:{queue}.Arn",
            from_source(f"att:{rule}.Arn"),
        )
    ]


@pytest.mark.parametrize("rule", INVOKING)
def test_rule_may_invoke_its_function(rule):
    deployed = stack(Mode="audit")
    (target,) = deployed[rule]["Targets"]
    assert {
        "FunctionName": target["Arn"],
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": f"att:{rule}.Arn",
    } in deployed.of_type("AWS::Lambda::Permission").values()


def test_no_function_can_be_invoked_by_anybody_else():
    for permission in stack(Mode="audit").of_type("AWS::Lambda::Permission").values():
        assert permission["Principal"] == "events.amazonaws.com"
        rules = {*INVOKING, *REVIEWS, RECONCILIATION}
        assert permission["SourceArn"] in {f"att:{rule}.Arn" for rule in rules}


QUEUES = [f"{name}DeadLetters" for name in [*FUNCTIONS, *RULES, "Tamper"]]
# Each queue of events with its rule and who takes them.
WAITING = [
    ("ImageFindings", QUEUED, "ImageScanGuard", 1000, 60),
    ("TaskChanges", CHANGED, "UsageRecorder", 100, 5),
]


def test_every_rule_and_function_has_a_queue_of_its_own():
    queues = stack(Mode="audit").of_type("AWS::SQS::Queue").keys()
    assert queues == {*QUEUES, "ImageFindings", "TaskChanges"}


def mapping_of(queue):
    mappings = stack(Mode="audit").of_type("AWS::Lambda::EventSourceMapping").values()
    (mapping,) = [
        each for each in mappings if each["EventSourceArn"] == f"att:{queue}.Arn"
    ]
    return mapping


@pytest.mark.parametrize(("queue", "rule"), [each[:2] for each in WAITING])
def test_events_wait_in_a_queue_that_their_rule_alone_fills(queue, rule):
    deployed = stack(Mode="audit")
    (target,) = deployed[rule]["Targets"]
    assert target["Arn"] == f"att:{queue}.Arn"
    document = deployed[f"{queue}Policy"]["PolicyDocument"]
    (allowed,) = [s for s in document["Statement"] if s["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Condition"] == from_source(f"att:{rule}.Arn")


@pytest.mark.parametrize(("queue", "rule", "function", "size", "window"), WAITING)
def test_events_are_taken_in_batches_and_fail_one_by_one(
    queue, rule, function, size, window
):
    mapping = mapping_of(queue)
    assert mapping["FunctionName"] == f"att:{function}.Arn"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == size
    assert mapping["MaximumBatchingWindowInSeconds"] == window, "more than 10 want one"
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"} <= {
        action
        for statement in stack(Mode="audit").role_statements(f"{function}Role")
        if statement["Resource"] == f"att:{queue}.Arn"
        for action in as_list(statement["Action"])
    }


@pytest.mark.parametrize(("queue", "function"), [each[:3:2] for each in WAITING])
def test_an_event_that_is_being_dealt_with_does_not_come_again(queue, function):
    deployed = stack(Mode="audit")
    timeout = deployed[function]["Timeout"]
    window = mapping_of(queue)["MaximumBatchingWindowInSeconds"]
    assert deployed[queue]["VisibilityTimeout"] >= 6 * timeout + window


@pytest.mark.parametrize(("queue", "rule"), [each[:2] for each in WAITING])
def test_events_that_fail_again_and_again_are_kept(queue, rule):
    assert stack(Mode="audit")[queue]["RedrivePolicy"] == {
        "deadLetterTargetArn": f"att:{rule}DeadLetters.Arn",
        "maxReceiveCount": 5,
    }


@pytest.mark.parametrize("queue", [each[0] for each in WAITING])
def test_events_that_wait_too_long_raise_an_alarm(queue):
    alarm = stack(Mode="audit")[f"{queue}Alarm"]
    assert alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
    name = {"Name": "QueueName", "Value": f"att:{queue}.QueueName"}
    assert alarm["Dimensions"] == [name]
    assert alarm["AlarmActions"] == ["ref:AlertTopic"]


@pytest.mark.parametrize("queue", [*QUEUES, "ImageFindings", "TaskChanges"])
def test_queue_keeps_events_two_weeks_and_encrypted(queue):
    properties = stack(Mode="audit")[queue]
    assert properties["MessageRetentionPeriod"] == 14 * 86400
    assert properties["SqsManagedSseEnabled"] is True
    assert "FifoQueue" not in properties, "neither EventBridge nor Lambda takes FIFO"


@pytest.mark.parametrize("queue", [*QUEUES, "ImageFindings", "TaskChanges"])
def test_queue_refuses_plain_text(queue):
    policy = stack(Mode="audit")[f"{queue}Policy"]
    assert policy["Queues"] == [f"ref:{queue}"]
    document = policy["PolicyDocument"]
    assert refuses_plain_text(document, f"att:{queue}.Arn", "sqs:*")


@pytest.mark.parametrize("queue", QUEUES)
def test_queue_that_is_not_empty_raises_an_alarm(queue):
    alarm = stack(Mode="audit")[f"{queue}Alarm"]
    assert alarm["AlarmActions"] == ["ref:AlertTopic"]
    assert alarm["Namespace"] == "AWS/SQS"
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["Dimensions"] == [
        {"Name": "QueueName", "Value": f"att:{queue}.QueueName"}
    ]
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["Threshold"] == 0
    # A sum would add up the samples of a period.
    assert alarm["Statistic"] == "Maximum"


# ---- channels ----------------------------------------------------------------------


def with_channels(**parameters):
    return stack(
        Mode="audit", ChannelsPath="/opt/tidewaiter/channels.yaml", **parameters
    )


CHANNEL_RESOURCES = {
    "Notify",
    "NotifyRole",
    "NotifyLogs",
    "NotifyDeadLetters",
    "NotifyDeadLettersPolicy",
    "NotifyDeadLettersAlarm",
    "Alerts",
    "AlertsPolicy",
    "AlertsSubscription",
    "AlertsToNotify",
    "ChannelsDue",
    "ChannelsDuePermission",
    "NotifyEventInvokeConfig",
    "NotifyErrorsAlarm",
    "NotifyThrottlesAlarm",
    "ChannelsAlarm",
    "ChannelsQuery",
}


def test_without_channels_nothing_of_them_is_deployed():
    without, with_them = stack(Mode="audit").resources, with_channels().resources
    assert with_them.keys() - without.keys() == CHANNEL_RESOURCES
    assert without.keys() - with_them.keys() == set()


def test_notify_takes_part_in_nothing_but_the_telling():
    actions = with_channels(
        ChannelSecrets="s",
        ChannelParameters="p",
        ChannelKeys="k",
        ChannelTopics="t",
        SecurityHub="true",
    ).role_actions("NotifyRole")
    assert actions == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:SendMessage",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "dynamodb:Query",
        "secretsmanager:GetSecretValue",
        "ssm:GetParameter",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "sns:Publish",
        "securityhub:BatchImportFindings",
    }


def test_notify_may_read_no_secret_that_was_not_named():
    services = {a.split(":")[0] for a in with_channels().role_actions("NotifyRole")}
    assert services == {"logs", "sqs", "dynamodb"}


def test_each_permission_of_notify_is_for_what_was_named():
    deployed = with_channels(
        ChannelSecrets="secret",
        ChannelParameters="parameter",
        ChannelKeys="key",
        ChannelTopics="topic",
        SecurityHub="true",
    )
    resources = {
        statement["Sid"]: statement["Resource"]
        for statement in deployed.role_statements("NotifyRole")
    }
    product = "<AWS::AccountId>:product/<AWS::AccountId>/default"
    assert resources == {
        "WriteOwnLogs": "att:NotifyLogs.Arn",
        "TakeAlerts": "att:Alerts.Arn",
        "SetAlertsAside": "att:NotifyDeadLetters.Arn",
        "KeepDeliveries": "att:Ledger.Arn",
        "ListWhatIsKept": "att:Ledger.Arn",
        "ReadSecrets": "secret",
        "ReadParameters": "parameter",
        "UseKeysOfChannels": "key",
        "UseKeysOfChannelTopics": "key",
        "PublishNotifications": "topic",
        "ImportFindings": f"arn:<AWS::Partition>:securityhub:<AWS::Region>:{product}",
    }


def test_alerts_come_from_the_topic_alone():
    deployed = with_channels()
    document = deployed["AlertsPolicy"]["PolicyDocument"]
    (allowed,) = [s for s in document["Statement"] if s["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "sns.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Condition"] == from_source("ref:AlertTopic")
    assert refuses_plain_text(document, "att:Alerts.Arn", "sqs:*")


def test_every_alert_and_alarm_is_queued():
    subscription = with_channels()["AlertsSubscription"]
    assert subscription == {
        "TopicArn": "ref:AlertTopic",
        "Protocol": "sqs",
        "Endpoint": "att:Alerts.Arn",
    }, "no filter: alarms have no attributes"


def test_alerts_are_taken_in_batches_and_fail_one_by_one():
    deployed = with_channels()
    mapping = deployed["AlertsToNotify"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queue, timeout = deployed["Alerts"], deployed["Notify"]["Timeout"]
    window = mapping["MaximumBatchingWindowInSeconds"]
    assert queue["VisibilityTimeout"] >= 6 * timeout + window
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": "att:NotifyDeadLetters.Arn",
        "maxReceiveCount": 10,
    }


def test_an_alert_that_cannot_be_told_raises_an_alarm():
    deployed = with_channels()
    alarm = deployed["NotifyDeadLettersAlarm"]
    assert alarm["AlarmActions"] == ["ref:AlertTopic"]
    assert alarm["Dimensions"] == [
        {"Name": "QueueName", "Value": "att:NotifyDeadLetters.QueueName"}
    ]
    assert alarm["Threshold"] == 0
    document = deployed["NotifyDeadLettersPolicy"]["PolicyDocument"]
    assert refuses_plain_text(document, "att:NotifyDeadLetters.Arn", "sqs:*")


def test_notify_cannot_be_let_into_plain_text():
    variables = with_channels()["Notify"]["Environment"]["Variables"]
    assert "TIDEWAITER_ALLOW_LOOPBACK" not in variables
    assert variables["TIDEWAITER_CHANNELS"] == "/opt/tidewaiter/channels.yaml"


# ---- alerts ------------------------------------------------------------------------


# CloudFormation begins the names of a stack's alarms with its own.
FROM_ALARMS = {
    "StringEquals": {"aws:SourceAccount": "ref:AWS::AccountId"},
    "ArnLike": {
        "aws:SourceArn": "arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:<AWS::StackName>-*"
    },
}


def test_alert_topic_is_encrypted_with_a_key_of_our_own():
    deployed = stack(Mode="audit")
    assert deployed["AlertTopic"]["KmsMasterKeyId"] == "ref:AlertKey"
    assert deployed["AlertKey"]["EnableKeyRotation"] is True


def test_alert_key_serves_this_account_and_its_alarms():
    statements = stack(Mode="audit")["AlertKey"]["KeyPolicy"]["Statement"]
    admin, alarms = statements
    root = "arn:<AWS::Partition>:iam::<AWS::AccountId>:root"
    assert admin["Principal"] == {"AWS": root}
    assert admin["Action"] == "kms:*"
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(alarms["Action"]) == {"kms:GenerateDataKey", "kms:Decrypt"}
    assert alarms["Condition"] == FROM_ALARMS


def test_alert_topic_takes_alarms_of_this_account_over_tls():
    document = stack(Mode="audit")["AlertTopicPolicy"]["PolicyDocument"]
    assert refuses_plain_text(document, "ref:AlertTopic", "sns:Publish")
    (allowed,) = [s for s in document["Statement"] if s["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"
    assert allowed["Condition"] == FROM_ALARMS


# ---- patterns ----------------------------------------------------------------------


def matches(rule, event):
    """Matched by the emulator, which follows EventBridge's own pattern compiler:
    `exists` knows leaves only, `anything-but` wants the field to be there."""
    pattern = json.dumps(stack(Mode="audit")[rule]["EventPattern"])
    alternatives, error = eventbridge._parse_pattern_text(pattern)
    assert error is None, error
    return any(eventbridge._matches_detail(event, a) for a in alternatives)


OWN_ROLE = "att:TaskDefinitionGuardRole.Arn"


def assumed(role):
    issuer = {"type": "Role", "arn": role}
    return {"type": "AssumedRole", "sessionContext": {"sessionIssuer": issuer}}


def registered(identity, **detail):
    return {
        "source": "aws.ecs",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": "ecs.amazonaws.com",
            "eventName": "RegisterTaskDefinition",
            "userIdentity": identity,
        }
        | detail,
    }


def basic_scan(**detail):
    return {"source": "aws.ecr", "detail-type": "ECR Image Scan", "detail": detail}


def inspector_scan(detail_type="Inspector2 Scan", **detail):
    return {"source": "aws.inspector2", "detail-type": detail_type, "detail": detail}


IAM_USER = {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ada"}
# A user with multi-factor authentication has a session, but nobody who issued it.
IAM_USER_WITH_MFA = IAM_USER | {
    "sessionContext": {"attributes": {"mfaAuthenticated": "true"}}
}
CLOUDFORMATION = assumed("arn:aws:iam::111122223333:role/deploy") | {
    "invokedBy": "cloudformation.amazonaws.com"
}
DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param(assumed("arn:aws:iam::111122223333:role/ci"), id="role"),
        pytest.param(IAM_USER, id="IAM user"),
        pytest.param(IAM_USER_WITH_MFA, id="IAM user with MFA"),
        pytest.param({"type": "Root"}, id="root"),
        pytest.param({"type": "AWSService", "invokedBy": "x"}, id="service"),
        pytest.param(CLOUDFORMATION, id="CloudFormation"),
    ],
)
def test_registration_by_anybody_else_is_judged(identity):
    assert matches("TaskDefinitionRegistered", registered(identity))


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(registered(assumed(OWN_ROLE)), id="our own"),
        pytest.param(registered(IAM_USER, errorCode="AccessDenied"), id="refused"),
        pytest.param(
            registered(IAM_USER, eventName="DeleteTaskDefinitions"),
            id="another call",
        ),
        pytest.param(
            registered(IAM_USER) | {"source": "custom"}, id="not from AWS itself"
        ),
    ],
)
def test_other_ecs_calls_are_left_alone(event):
    assert not matches("TaskDefinitionRegistered", event)


def test_a_deregistration_by_anybody_ends_what_was_told_our_own_too():
    for identity in (IAM_USER, assumed(OWN_ROLE)):
        event = registered(identity, eventName="DeregisterTaskDefinition")
        assert matches("TaskDefinitionRegistered", event)
    refused = registered(
        IAM_USER, eventName="DeregisterTaskDefinition", errorCode="AccessDenied"
    )
    assert not matches("TaskDefinitionRegistered", refused)


def run(overrides, call="RunTask", **detail):
    request = {"taskDefinition": "web", "overrides": overrides}
    return registered(IAM_USER, eventName=call, requestParameters=request, **detail)


def in_container(**members):
    return {"containerOverrides": [{"name": "log"}, {"name": "app"} | members]}


ROLE = "arn:aws:iam::111122223333:role/admin"
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"


@pytest.mark.parametrize("call", ["RunTask", "StartTask"])
@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"taskRoleArn": ROLE}, id="task role"),
        pytest.param({"executionRoleArn": ROLE}, id="execution role"),
        pytest.param(in_container(command=["sh"]), id="command"),
        pytest.param(in_container(environment=HIDDEN), id="hidden environment"),
        pytest.param(
            in_container(environment=[{"name": "A", "value": HIDDEN}]), id="environment"
        ),
        pytest.param(
            in_container(
                environmentFiles=[{"type": "s3", "value": "arn:aws:s3:::b/f"}]
            ),
            id="environment file",
        ),
    ],
)
def test_run_that_overrides_what_rules_are_about_is_judged(call, overrides):
    assert matches("TaskDefinitionRegistered", run(overrides, call))
    refused = run(overrides, call, errorCode="AccessDenied")
    assert not matches("TaskDefinitionRegistered", refused)
    own = run(overrides, call, userIdentity=assumed(OWN_ROLE))
    assert not matches("TaskDefinitionRegistered", own)


@pytest.mark.parametrize(
    "overrides",
    [
        None,
        {},
        {"containerOverrides": []},
        {"containerOverrides": [{"name": "app", "cpu": 10}], "cpu": "256"},
    ],
)
def test_run_that_overrides_nothing_of_it_costs_no_invocation(overrides):
    assert not matches("TaskDefinitionRegistered", run(overrides))
    bare = registered(IAM_USER, eventName="RunTask", requestParameters={"count": 1})
    assert not matches("TaskDefinitionRegistered", bare)


@pytest.mark.parametrize("call", ["Create", "Update"])
def test_express_service_is_judged(call):
    event = registered(IAM_USER, eventName=f"{call}ExpressGatewayService")
    assert matches("TaskDefinitionRegistered", event)
    refused = event["detail"] | {"errorCode": "ClientException"}
    assert not matches("TaskDefinitionRegistered", event | {"detail": refused})


@pytest.mark.parametrize(
    "event",
    [
        basic_scan(**{"scan-status": "COMPLETE", "repository-name": "a"}),
        basic_scan(**{"scan-status": "FAILED", "repository-name": "a"}),
        basic_scan(**{"scan-status": "COMPLETE", "image-digest": DIGEST}),
    ],
)
def test_finished_basic_scan_is_judged_digest_or_not(event):
    assert matches("BasicScanFinished", event)
    assert not matches("EnhancedScanFinished", event)


def test_other_ecr_events_are_left_alone():
    push = basic_scan() | {"detail-type": "ECR Image Action"}
    assert not matches("BasicScanFinished", push)


def test_scan_of_an_image_by_inspector_is_judged():
    event = inspector_scan(**{"image-digest": DIGEST, "image-tags": []})
    assert matches("EnhancedScanFinished", event)
    assert not matches("BasicScanFinished", event)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(inspector_scan(**{"instance-id": "i-0"}), id="EC2 instance"),
        pytest.param(inspector_scan(**{"function-name": "f"}), id="Lambda function"),
        pytest.param(
            inspector_scan("Inspector2 Finding", **{"image-digest": DIGEST}),
            id="finding",
        ),
    ],
)
def test_other_inspector_events_are_left_alone(event):
    assert not matches("EnhancedScanFinished", event)


def image_finding(status="ACTIVE", *types):
    resources = [{"type": each, "id": "x"} for each in types]
    return inspector_scan("Inspector2 Finding", status=status, resources=resources)


IN_ECR = "AWS_ECR_CONTAINER_IMAGE"


@pytest.mark.parametrize("status", ["ACTIVE", "REOPENED"])
def test_finding_about_an_image_is_judged(status):
    assert matches(QUEUED, image_finding(status, IN_ECR))
    assert matches(QUEUED, image_finding(status, "AWS_EC2_INSTANCE", IN_ECR))


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(image_finding("CLOSED", IN_ECR), id="closed"),
        pytest.param(image_finding("SUPPRESSED", IN_ECR), id="suppressed"),
        pytest.param(image_finding("ACTIVE", "AWS_LAMBDA_FUNCTION"), id="not an image"),
        pytest.param(image_finding("ACTIVE", IN_ECR) | {"source": "me"}, id="not AWS"),
    ],
)
def test_other_findings_are_left_alone(event):
    assert not matches(QUEUED, event)


def image_action(action, result="SUCCESS", **detail):
    detail |= {"action-type": action, "result": result, "repository-name": "a"}
    return basic_scan(**detail) | {"detail-type": "ECR Image Action"}


TO_STANDARD = {"target-storage-class": "STANDARD"}
TO_ARCHIVE = {"target-storage-class": "ARCHIVE"}


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(image_action("PUSH"), id="push"),
        pytest.param(image_action("PUSH", **{"image-tag": "1.0"}), id="with a tag"),
        pytest.param(
            image_action("UPDATE_STORAGE_CLASS", **TO_STANDARD), id="restored"
        ),
    ],
)
def test_image_that_can_be_pulled_from_now_on_is_judged(event):
    assert matches("ImagePushed", event)


@pytest.mark.parametrize(
    "event",
    [
        # What we do ourselves: were it matched, nothing in the event would tell.
        pytest.param(image_action("UPDATE_STORAGE_CLASS", **TO_ARCHIVE), id="archived"),
        pytest.param(image_action("DELETE"), id="deleted"),
        pytest.param(image_action("PUSH", result="FAILURE"), id="failed"),
        pytest.param(
            image_action("PUSH") | {"detail-type": "ECR Referrer Action"}, id="referrer"
        ),
    ],
)
def test_other_image_actions_are_left_alone(event):
    assert not matches("ImagePushed", event)


def task_changed(*images, source="aws.ecs"):
    containers = [{"name": "aws-guardduty-agent"}]
    containers += [{"name": "app", "image": image} for image in images]
    detail = {"containers": containers, "lastStatus": "RUNNING"}
    return {"source": source, "detail-type": "ECS Task State Change", "detail": detail}


def test_changes_of_tasks_are_kept_where_an_image_of_our_own_is_among_theirs():
    # The account's own id, as the template's functions are evaluated here.
    own = "<AWS::AccountId>.dkr.ecr.eu-west-1.amazonaws.com/app:1.0"
    dual_stack = "<AWS::AccountId>.dkr-ecr.eu-west-1.on.aws/app:1.0"
    assert matches(CHANGED, task_changed("nginx", own))
    assert matches(CHANGED, task_changed(dual_stack))
    assert not matches(CHANGED, task_changed("nginx", "public.ecr.aws/x/y:1"))
    assert not matches(CHANGED, task_changed())
    assert not matches(CHANGED, task_changed(own, source="me"))


@pytest.mark.parametrize(
    ("name", "is_judged"),
    [
        ("SERVICE_DEPLOYMENT_IN_PROGRESS", True),
        ("SERVICE_DEPLOYMENT_COMPLETED", False),
        ("SERVICE_DEPLOYMENT_FAILED", False),
    ],
)
def test_deployment_is_judged_when_it_begins(name, is_judged):
    event = basic_scan() | {
        "source": "aws.ecs",
        "detail-type": "ECS Deployment State Change",
        "detail": {"eventName": name, "deploymentId": "ecs-svc/1"},
    }
    assert matches("DeploymentBegun", event) == is_judged


@pytest.mark.parametrize("rule", RULES)
def test_pattern_fits_with_the_longest_role_arn(rule):
    pattern = json.dumps(stack(Mode="audit")[rule]["EventPattern"])
    longest = f"arn:aws-us-gov:iam::111122223333:role/{'r' * 64}"
    assert len(pattern.replace(OWN_ROLE, longest)) < 2048


# ---- watching ----------------------------------------------------------------------


ROOT = INFRA.parent
RUNBOOK = (ROOT / "docs/operations.md").read_text()
EMF = (ROOT / "shared/report/src/emf.rs").read_text()
# A test of shared/report holds the page's table to what the functions write.
METRICS = set(
    re.findall(r"^\| `(\w+)` \| (?:Count|Milliseconds) \|", RUNBOOK, re.MULTILINE)
)
WATCHED = set(
    re.findall(
        r"Self::(\w+)", re.search(r"is_of_stack.*?matches!\((.*?)\)", EMF, re.DOTALL)[1]
    )
)
ALARMS = with_channels().of_type("AWS::CloudWatch::Alarm")
QUERIES = with_channels().of_type("AWS::Logs::QueryDefinition")


def test_the_metrics_are_found():
    assert {"Denied", "AlertLatency", "PolicyInvalid"} <= METRICS
    assert WATCHED == {"OverBudget", "LedgerFailures", "PolicyInvalid"}


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_says_what_to_do_and_where_it_is_explained(name):
    description = ALARMS[name]["AlarmDescription"]
    what, _, anchor = description.partition(" Runbook: docs/operations.md#")
    assert anchor == name.lower()
    assert RUNBOOK.count(f'<a id="{anchor}"></a>`{name}`: ') == 1
    assert len(re.findall(r"[.:;,] ", what)) >= 1, "what is so, and what to do"
    assert len(description) <= 1024, "what CloudWatch takes"


def test_the_runbook_explains_no_alarm_that_is_gone():
    anchors = re.findall(r'<a id="(\w+)">', RUNBOOK)
    assert sorted(anchors) == sorted(name.lower() for name in ALARMS)


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_has_a_name_that_its_topic_and_key_take(name):
    assert "AlarmName" not in ALARMS[name]


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_is_told_when_it_rings_and_when_it_is_well(name):
    assert ALARMS[name]["AlarmActions"] == ["ref:AlertTopic"]
    assert ALARMS[name]["OKActions"] == ["ref:AlertTopic"]
    assert "TreatMissingData" in ALARMS[name], "else it waits for data for ever"


@pytest.mark.parametrize("function", [*FUNCTIONS, "Notify"])
@pytest.mark.parametrize(
    ("metric", "periods", "enough"), [("Errors", 3, 2), ("Throttles", 3, None)]
)
def test_function_that_goes_on_failing_raises_an_alarm(
    function, metric, periods, enough
):
    alarm = with_channels()[f"{function}{metric}Alarm"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", metric)
    name = {"Name": "FunctionName", "Value": f"ref:{function}"}
    assert alarm["Dimensions"] == [name]
    assert alarm["EvaluationPeriods"] == periods
    assert alarm.get("DatapointsToAlarm") == enough
    assert alarm["Threshold"] == 0


def test_a_trail_that_is_silent_raises_an_alarm():
    alarm = stack(Mode="audit", QuietHours="168")["RegistrationsQuietAlarm"]
    rule = {"Name": "RuleName", "Value": "ref:TaskDefinitionRegistered"}
    assert alarm["Dimensions"] == [rule]
    assert alarm["TreatMissingData"] == "breaching", "EventBridge counts no zeros"
    hours = yaml_parse(TEXT)["Parameters"]["QuietHours"]
    assert alarm["EvaluationPeriods"] == "168" == str(hours["MaxValue"])
    assert alarm["Period"] * hours["MaxValue"] == 7 * 86400, "the most there is"
    assert alarm["WarmUpConfiguration"] == {"WarmUpPeriodDurationInMinutes": 2880}
    unwatched = stack(Mode="audit", QuietHours="0")
    assert "RegistrationsQuietAlarm" not in unwatched.resources


def test_alarms_on_own_metrics_name_what_the_functions_write():
    own = {n: a for n, a in ALARMS.items() if a["Namespace"] == "Tidewaiter"}
    assert {alarm["MetricName"] for alarm in own.values()} > WATCHED
    stack_alone = {"Name": "stack", "Value": "ref:AWS::StackName"}
    for name, alarm in own.items():
        assert alarm["MetricName"] in METRICS, name
        if alarm["MetricName"] in WATCHED:
            assert alarm["Dimensions"] == [stack_alone]
        else:
            of_stack, of_function = alarm["Dimensions"]
            assert of_stack == stack_alone
            assert of_function["Name"] == "function"
            crate = ROOT / "functions" / of_function["Value"]
            assert crate.is_dir(), "functions call themselves by their crates"


@pytest.mark.parametrize(
    ("name", "treatment"), [("PolicyAlarm", "ignore"), ("ChannelsAlarm", "ignore")]
)
def test_a_state_holds_until_the_next_invocation_says_otherwise(name, treatment):
    assert ALARMS[name]["TreatMissingData"] == treatment
    assert ALARMS[name]["Statistic"] == "Maximum"


def widgets(deployed):
    (dashboard,) = deployed.of_type("AWS::CloudWatch::Dashboard").values()
    return json.loads(dashboard["DashboardBody"])["widgets"]


def rows(deployed):
    for widget in widgets(deployed):
        yield from widget["properties"].get("metrics", [])


def test_dashboard_shows_every_metric_and_no_other():
    shown = set()
    for row in rows(with_channels()):
        if isinstance(row[0], dict):
            expression = row[0]["expression"]
            schema, metric = re.search(
                r'SEARCH\(\'\{([^}]+)} MetricName="(\w+)" stack="<AWS::StackName>"',
                expression,
            ).groups()
            assert schema == "Tidewaiter,stack,function"
            shown.add(metric)
        else:
            namespace, metric = row[:2]
            assert (
                metric
                in {
                    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
                    "AWS/Lambda": {"Errors", "Throttles"},
                    "AWS/Events": {"TriggeredRules"},
                }[namespace]
            )
    assert shown == METRICS


def test_dashboard_shows_every_queue_function_and_rule():
    text = json.dumps(list(rows(stack(Mode="audit"))))
    for queue in QUEUES:
        assert f"<{queue}.QueueName>" in text
    for name in [*FUNCTIONS, *RULES]:
        assert f'"<{name}>"' in text
    with_notify = json.dumps(list(rows(with_channels())))
    assert '"ref:Notify"' in with_notify
    assert '"att:NotifyDeadLetters.QueueName"' in with_notify


def test_dashboard_shows_every_alarm():
    deployed = stack(Mode="audit", QuietHours="0")
    (alarms,) = [w for w in widgets(deployed) if w["type"] == "alarm"]
    shown = {arn[1:].split(".")[0] for arn in alarms["properties"]["alarms"]}
    assert shown == deployed.of_type("AWS::CloudWatch::Alarm").keys()


def test_dashboard_has_no_widget_over_another():
    taken = set()
    for widget in widgets(stack(Mode="audit")):
        x, y = widget["x"], widget["y"]
        for column in range(x, x + widget["width"]):
            for line in range(y, y + widget["height"]):
                assert column < 24 and (column, line) not in taken
                taken.add((column, line))


def test_dashboards_of_two_regions_have_two_names():
    (dashboard,) = stack(Mode="audit").of_type("AWS::CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"] == "<AWS::StackName>-<AWS::Region>"


# What lines have beside what is asserted of the code: from the subscriber, from CloudWatch, and
# from Lambda itself.
ALWAYS = {"message", "level", "@timestamp", "@log", "type"}
WORDS = {
    "fields",
    "filter",
    "sort",
    "limit",
    "stats",
    "by",
    "and",
    "in",
    "not",
    "like",
    "desc",
    "asc",
    "as",
    "done",
    "count",
    "latest",
    "count_distinct",
    "max",
    "ispresent",
}


def written():
    """The members of the lines that the functions write."""
    names = set(ALWAYS)
    for source in [
        *(ROOT / "shared/lambda/src").rglob("*.rs"),
        *(ROOT / "functions/notify/src").glob("*.rs"),
    ]:
        for call in re.findall(
            r"(?:tracing::\$?\w+!|handled!)\((.*?)\);", source.read_text(), re.DOTALL
        ):
            names |= set(re.findall(r"(?:^|[\s(,%])(\w+)(?= =|,)", call))
    return names


@pytest.mark.parametrize("name", QUERIES)
def test_query_names_what_the_lines_have(name):
    text = re.sub(r'"[^"]*"|/[^/]*/', "", QUERIES[name]["QueryString"])
    named = set(re.findall(r" as (\w+)", text))
    words = set(re.findall(r"@?[a-zA-Z_][\w.]*", text)) - WORDS - named
    of_lambda = {word for word in words if word.startswith("record.")}
    assert words - of_lambda <= written()
    assert of_lambda <= {
        "record.metrics.maxMemoryUsedMB",
        "record.metrics.durationMs",
        "record.metrics.initDurationMs",
    }


def test_queries_look_where_the_lines_are():
    groups = with_channels().of_type("AWS::Logs::LogGroup").keys()
    asked = {group for q in QUERIES.values() for group in q["LogGroupNames"]}
    assert asked == {f"ref:{group}" for group in groups}
    for query in QUERIES.values():
        assert query["Name"].startswith("Tidewaiter/<AWS::StackName>/")


def test_queries_filter_for_lines_that_are_written():
    sources = "".join(
        source.read_text()
        for source in [
            *(ROOT / "shared/lambda/src").rglob("*.rs"),
            *(ROOT / "functions/notify/src").glob("*.rs"),
        ]
    )
    for query in QUERIES.values():
        for value in re.findall(r'"([^"]+)"', query["QueryString"]):
            known = {"deny", "warn", "ERROR", "WARN", "platform.report"}
            assert value in known or f'"{value}"' in sources, value
