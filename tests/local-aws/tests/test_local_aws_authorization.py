"""Which permission is asked for, what is known of the request, and the record of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_helpers import eventually, function_zip
from botocore.exceptions import ClientError
from local_aws.process import LocalAws
from local_aws.registry_client import RegistryClient

ECHO = """
def handler(event):
    return {}
"""
FAILING = """
def handler(event):
    raise ValueError("on purpose")
"""

Asked = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("record") / "calls.jsonl"


@pytest.fixture(scope="module")
def server(record: Path) -> Iterator[LocalAws]:
    with LocalAws(
        enforce_iam=True, record_authorizations=record, retry_base_seconds=0.05
    ) as server:
        yield server


@pytest.fixture
def aws(server: LocalAws) -> LocalAws:
    server.reset()
    return server


@pytest.fixture
def asked(record: Path) -> Asked:
    """What was asked since the test began, of those that have all of the given values."""
    before = len(record.read_text().splitlines()) if record.exists() else 0

    def questions(**only: Any) -> list[dict[str, Any]]:
        lines = record.read_text().splitlines()[before:]
        return [
            question
            for question in map(json.loads, lines)
            if all(question[name] == value for name, value in only.items())
        ]

    return questions


def allow(actions: str | list[str], resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def role(aws: LocalAws, name: str, *statements: dict[str, Any]) -> str:
    """Create a role with one policy, named ``own``."""
    principal = {"AWS": "*", "Service": "lambda.amazonaws.com"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    iam = aws.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
    iam.put_role_policy(
        RoleName=name, PolicyName="own", PolicyDocument=document(*statements)
    )
    return arn["Role"]["Arn"]


def client_of(aws: LocalAws, arn: str, service: str) -> Any:
    session = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="session")
    return aws.client(service, credentials=session["Credentials"])


def function(aws: LocalAws, name: str, role_arn: str, source: str, **more: Any) -> str:
    return aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=role_arn,
        Timeout=20,
        Code={"ZipFile": function_zip(source)},
        **more,
    )["FunctionArn"]


def table(aws: LocalAws, name: str, **more: Any) -> str:
    return aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "part", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "part", "KeyType": "RANGE"},
        ],
        **more,
    )["TableDescription"]["TableArn"]


def of(partition: str) -> dict[str, Any]:
    return {"id": {"S": partition}, "part": {"S": "-"}}


def test_a_question_is_recorded_with_the_statement_that_allows_it(
    aws: LocalAws, asked: Asked
) -> None:
    caller = role(
        aws, "reader", allow("ecs:ListClusters", Sid="Look"), allow("ecs:List*")
    )
    client_of(aws, caller, "ecs").list_clusters()
    (question,) = asked(role="reader", action="ecs:ListClusters")
    assert question["allowed"] is True
    assert question["statements"] == ["own/Look", "own/1"]
    assert question["by"] is None


def test_a_question_is_recorded_once(aws: LocalAws, asked: Asked) -> None:
    ecs = client_of(aws, role(aws, "again", allow("ecs:*")), "ecs")
    for _ in range(3):
        ecs.list_clusters()
    assert len(asked(role="again", action="ecs:ListClusters")) == 1


def test_a_refusal_is_recorded_too(aws: LocalAws, asked: Asked) -> None:
    ecs = client_of(aws, role(aws, "none", allow("sqs:*")), "ecs")
    with pytest.raises(ClientError, match="AccessDenied"):
        ecs.list_clusters()
    (question,) = asked(role="none", action="ecs:ListClusters")
    assert (question["allowed"], question["statements"]) == (False, [])


def test_nothing_is_recorded_of_the_account_itself(aws: LocalAws, asked: Asked) -> None:
    aws.client("ecs").list_clusters()
    assert asked() == []


@pytest.mark.parametrize("operation", ["get_item", "update_item", "query"])
def test_the_partition_key_of_a_request_is_known(
    aws: LocalAws, asked: Asked, operation: str
) -> None:
    arn = table(aws, "ledger")
    keys = {"dynamodb:LeadingKeys": ["alert#*"]}
    condition = {"ForAllValues:StringLike": keys}
    name = operation.replace("_", "-")
    caller = role(aws, name, allow("dynamodb:*", arn, Condition=condition))
    dynamodb = client_of(aws, caller, "dynamodb")

    def call(partition: str) -> None:
        if operation == "query":
            dynamodb.query(
                TableName="ledger",
                KeyConditionExpression="#i = :i AND begins_with(part, :p)",
                ExpressionAttributeNames={"#i": "id"},
                ExpressionAttributeValues={":i": {"S": partition}, ":p": {"S": "x"}},
            )
        else:
            getattr(dynamodb, operation)(TableName="ledger", Key=of(partition))

    call("alert#image")
    with pytest.raises(ClientError, match="AccessDenied"):
        call("switch")
    assert [(each["keys"], each["allowed"]) for each in asked(role=name)] == [
        ({"dynamodb:LeadingKeys": ["alert#image"]}, True),
        ({"dynamodb:LeadingKeys": ["switch"]}, False),
    ]


def test_a_scan_has_no_partition_key(aws: LocalAws) -> None:
    arn = table(aws, "ledger")
    condition = {"Null": {"dynamodb:LeadingKeys": "false"}}
    caller = role(aws, "scan", allow("dynamodb:*", arn, Condition=condition))
    dynamodb = client_of(aws, caller, "dynamodb")
    dynamodb.get_item(TableName="ledger", Key=of("a"))
    with pytest.raises(ClientError, match="AccessDenied"):
        dynamodb.scan(TableName="ledger")


def key(aws: LocalAws) -> str:
    return aws.client("kms").create_key()["KeyMetadata"]["Arn"]


def test_publishing_to_an_encrypted_topic_needs_its_key(
    aws: LocalAws, asked: Asked
) -> None:
    own = key(aws)
    topic = aws.client("sns").create_topic(
        Name="alerts", Attributes={"KmsMasterKeyId": own}
    )["TopicArn"]
    publish = allow("sns:Publish", topic)
    context = {
        "kms:ViaService": "sns.us-east-1.amazonaws.com",
        "kms:EncryptionContext:aws:sns:topicArn": topic,
    }
    use = allow(
        ["kms:GenerateDataKey", "kms:Decrypt"],
        own,
        Condition={"StringEquals": context},
    )
    without = client_of(aws, role(aws, "without", publish), "sns")
    with pytest.raises(ClientError):
        without.publish(TopicArn=topic, Message="m")
    client_of(aws, role(aws, "with", publish, use), "sns").publish(
        TopicArn=topic, Message="m"
    )
    assert [
        (each["action"], each["resource"], each["keys"], each["by"])
        for each in asked(role="with", resource=own)
    ] == [
        (f"kms:{action}", own, context, "sns.amazonaws.com")
        for action in ("GenerateDataKey", "Decrypt")
    ]


def test_a_queue_and_a_table_under_a_key_need_it_too(
    aws: LocalAws, asked: Asked
) -> None:
    own = key(aws)
    arn = table(
        aws,
        "ledger",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": own},
    )
    url = aws.client("sqs").create_queue(
        QueueName="letters", Attributes={"KmsMasterKeyId": own}
    )["QueueUrl"]
    caller = role(aws, "both", allow(["sqs:*", "dynamodb:*"]), allow("kms:*", own))
    client_of(aws, caller, "sqs").send_message(QueueUrl=url, MessageBody="m")
    client_of(aws, caller, "dynamodb").get_item(TableName="ledger", Key=of("a"))
    assert [
        (each["action"], each["by"]) for each in asked(role="both", resource=own)
    ] == [
        ("kms:GenerateDataKey", "sqs.amazonaws.com"),
        ("kms:Decrypt", "sqs.amazonaws.com"),
        ("kms:Decrypt", "dynamodb.amazonaws.com"),
    ]
    assert arn.endswith("table/ledger")


def test_a_secret_and_a_parameter_under_a_key_need_it_too(
    aws: LocalAws, asked: Asked
) -> None:
    own = key(aws)
    secret = aws.client("secretsmanager").create_secret(
        Name="s", SecretString="v", KmsKeyId=own
    )["ARN"]
    aws.client("ssm").put_parameter(
        Name="/p/q", Value="v", Type="SecureString", KeyId=own
    )
    read = allow(["secretsmanager:GetSecretValue", "ssm:GetParameter"])
    without = role(aws, "unkeyed", read)
    for service, call, named in (
        ("secretsmanager", "get_secret_value", {"SecretId": secret}),
        ("ssm", "get_parameter", {"Name": "/p/q", "WithDecryption": True}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client_of(aws, without, service), call)(**named)
        caller = role(aws, f"keyed-{service}", read, allow("kms:Decrypt", own))
        getattr(client_of(aws, caller, service), call)(**named)
        (question,) = asked(role=f"keyed-{service}", resource=own)
        assert question["by"] == f"{service}.amazonaws.com"


def test_lambda_writes_logs_only_where_the_role_may(
    aws: LocalAws, asked: Asked
) -> None:
    writes = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
    for name, statement in (("silent", allow("sqs:*")), ("loud", writes)):
        function(aws, name, role(aws, name, statement), ECHO)
        aws.client("lambda").invoke(FunctionName=name, Payload="{}")
    groups = aws.client("logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["/aws/lambda/loud"]
    questions = asked(role="loud", by="lambda.amazonaws.com")
    assert {each["action"] for each in questions} == set(writes["Action"])


def test_lambda_takes_messages_only_where_the_role_may(
    aws: LocalAws, asked: Asked
) -> None:
    take = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    lambdas, sqs = aws.client("lambda"), aws.client("sqs")
    logs = allow("logs:*")
    plain = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    attributes = {"Policy": document(plain)}
    for name, statement in (("idle", allow("ecs:*")), ("busy", allow(take))):
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        function(aws, name, role(aws, name, statement, logs), ECHO)
        arn = f"arn:aws:sqs:us-east-1:{aws.account}:{name}"
        lambdas.create_event_source_mapping(FunctionName=name, EventSourceArn=arn)
        sqs.send_message(QueueUrl=url, MessageBody="m")
    eventually(lambda: asked(role="busy", action="logs:PutLogEvents"))
    eventually(lambda: asked(role="idle", action="sqs:ReceiveMessage", allowed=False))
    assert not asked(role="idle", action="logs:PutLogEvents")
    assert {each["action"] for each in asked(role="busy")} >= set(take)


def test_lambda_sets_events_aside_only_where_the_role_may(
    aws: LocalAws, asked: Asked
) -> None:
    sqs = aws.client("sqs")
    urls = {}
    for name, statement in (
        ("refused", allow("ecs:*")),
        ("let", allow("sqs:SendMessage")),
    ):
        urls[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:{aws.account}:{name}"
        dead = {"TargetArn": arn}
        function(aws, name, role(aws, name, statement), FAILING, DeadLetterConfig=dead)
        aws.client("lambda").invoke(
            FunctionName=name, InvocationType="Event", Payload="{}"
        )
    eventually(lambda: asked(role="let", action="sqs:SendMessage", allowed=True))
    eventually(lambda: asked(role="refused", action="sqs:SendMessage", allowed=False))
    eventually(lambda: sqs.receive_message(QueueUrl=urls["let"]).get("Messages"))
    assert not sqs.receive_message(QueueUrl=urls["refused"]).get("Messages")


def test_only_what_is_traced_sends_traces(aws: LocalAws, asked: Asked) -> None:
    for name, mode in (("traced", "Active"), ("plain", "PassThrough")):
        arn = role(aws, name, allow("xray:Put*"))
        function(aws, name, arn, ECHO, TracingConfig={"Mode": mode})
        aws.client("lambda").invoke(FunctionName=name, Payload="{}")
    traces = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    assert {each["action"] for each in asked(role="traced", allowed=True)} >= traces
    assert not {each["action"] for each in asked(role="plain")} & traces


def test_findings_of_an_enhanced_scan_need_permissions_of_inspector(
    aws: LocalAws, asked: Asked
) -> None:
    aws.client("ecr").create_repository(repositoryName="app")
    RegistryClient(aws.endpoint).push_image("app", "1")
    aws.control("scan", {"repo": "app", "tag": "1", "enhanced": True})
    read = allow("ecr:DescribeImageScanFindings")
    inspect = allow(["inspector2:ListCoverage", "inspector2:ListFindings"])
    about = {"repositoryName": "app", "imageId": {"imageTag": "1"}}
    ecr = client_of(aws, role(aws, "blind", read), "ecr")
    with pytest.raises(ClientError, match="AccessDenied"):
        ecr.describe_image_scan_findings(**about)
    seeing = client_of(aws, role(aws, "seeing", read, inspect), "ecr")
    seeing.describe_image_scan_findings(**about)
    questions = asked(role="seeing", by="ecr.amazonaws.com")
    assert {each["action"] for each in questions} == set(inspect["Action"])


def test_findings_are_imported_only_where_the_role_may(
    aws: LocalAws, asked: Asked
) -> None:
    product = (
        f"arn:aws:securityhub:us-east-1:{aws.account}:product/{aws.account}/default"
    )
    of_account = {"StringEquals": {"securityhub:TargetAccount": aws.account}}
    may = allow("securityhub:BatchImportFindings", product, Condition=of_account)
    now = "2026-01-01T00:00:00Z"
    finding = {
        "SchemaVersion": "2018-10-08",
        "Id": "1",
        "ProductArn": product,
        "GeneratorId": "g",
        "AwsAccountId": aws.account,
        "CreatedAt": now,
        "UpdatedAt": now,
        "Title": "t",
        "Description": "d",
        "Resources": [{"Type": "Other", "Id": "r"}],
    }
    hub = client_of(aws, role(aws, "importer", may), "securityhub")
    assert hub.batch_import_findings(Findings=[finding])["SuccessCount"] == 1
    other = {**finding, "AwsAccountId": "999999999999"}
    with pytest.raises(ClientError, match="AccessDenied"):
        hub.batch_import_findings(Findings=[other])
    assert [each["allowed"] for each in asked(role="importer")] == [True, False]
