"""AWS CloudFormation: stacks such as Tidewaiter's own and those it watches."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws_helpers import Queue, function_zip, register, zipped
from local_aws.process import LocalAws

RECORDS = {"detail-type": ["AWS API Call via CloudTrail"]}

FAILING = """
def handler(event):
    raise ValueError("no way")
"""


def deploy(
    aws: LocalAws, resources: dict[str, Any], region: str = "us-east-1", **top: Any
) -> dict[str, str]:
    """Create a stack and return the physical ids of its resources."""
    client = aws.client("cloudformation", region)
    client.create_stack(
        StackName="stack",
        TemplateBody=json.dumps({"Resources": resources, **top}),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    client.get_waiter("stack_create_complete").wait(
        StackName="stack", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )
    found = client.describe_stack_resources(StackName="stack")["StackResources"]
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}


def put_code(aws: LocalAws, handler: str, region: str = "us-east-1") -> dict[str, str]:
    s3 = aws.client("s3", region)
    bucket = f"code-{region}"
    place = {} if region == "us-east-1" else {"LocationConstraint": region}
    more = {"CreateBucketConfiguration": place} if place else {}
    s3.create_bucket(Bucket=bucket, **more)
    s3.put_object(Bucket=bucket, Key="f.zip", Body=function_zip(handler))
    return {"Bucket": bucket, "Key": "f.zip"}


def serverless_function(code: dict[str, str]) -> dict[str, Any]:
    pattern = {
        "source": ["aws.ecs"],
        "detail": {"eventName": ["RegisterTaskDefinition"]},
    }
    return {
        "Dlq": {"Type": "AWS::SQS::Queue"},
        "Guard": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "CodeUri": code,
                "Timeout": 20,
                "ReservedConcurrentExecutions": 3,
                "DeadLetterQueue": {
                    "Type": "SQS",
                    "TargetArn": {"Fn::GetAtt": ["Dlq", "Arn"]},
                },
                "EventInvokeConfig": {"MaximumRetryAttempts": 1},
                "Events": {
                    "Register": {
                        "Type": "EventBridgeRule",
                        "Properties": {"Pattern": pattern},
                    }
                },
            },
        },
    }


SAM = {"Transform": "AWS::Serverless-2016-10-31"}


def dead_letters(
    aws: LocalAws, ids: dict[str, str], region: str = "us-east-1"
) -> Queue:
    queue = Queue(aws, region)
    queue.url = ids["Dlq"]
    return queue


def test_dead_letter_queue_and_retries_of_a_function_are_kept(aws: LocalAws) -> None:
    ids = deploy(aws, serverless_function(put_code(aws, FAILING)), **SAM)
    client = aws.client("lambda")
    configuration = client.get_function_configuration(FunctionName=ids["Guard"])
    assert configuration["DeadLetterConfig"]["TargetArn"].startswith("arn:aws:sqs:")
    reserved = client.get_function_concurrency(FunctionName=ids["Guard"])
    assert reserved["ReservedConcurrentExecutions"] == 3
    settings = client.get_function_event_invoke_config(
        FunctionName=ids["Guard"], Qualifier="$LATEST"
    )
    assert settings["MaximumRetryAttempts"] == 1
    register(aws.client("ecs"))
    (message,) = dead_letters(aws, ids).messages(timeout=20)
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no way"
    body = json.loads(message["Body"])
    assert body["detail"]["eventName"] == "RegisterTaskDefinition"


def test_stacks_of_two_regions_do_not_see_each_others_events(aws: LocalAws) -> None:
    regions = ("us-east-1", "eu-west-1")
    queues = {}
    for region in regions:
        code = put_code(aws, FAILING, region)
        ids = deploy(aws, serverless_function(code), region, **SAM)
        queues[region] = dead_letters(aws, ids, region)
    for region in regions:
        register(aws.client("ecs", region), f"from-{region}")
    for region in regions:
        (body,) = queues[region].bodies(timeout=20)
        assert body["region"] == region
        assert body["detail"]["requestParameters"]["family"] == f"from-{region}"
        queues[region].assert_empty()


def test_topic_encrypted_with_an_own_key_works(aws: LocalAws) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    ids = deploy(
        aws,
        {
            "Key": {
                "Type": "AWS::KMS::Key",
                "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}},
            },
            "Topic": {
                "Type": "AWS::SNS::Topic",
                "Properties": {"KmsMasterKeyId": {"Ref": "Key"}},
            },
            "Dlq": {"Type": "AWS::SQS::Queue"},
            "Policy": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {
                    "Queues": [{"Ref": "Dlq"}],
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [statement],
                    },
                },
            },
            "Subscription": {
                "Type": "AWS::SNS::Subscription",
                "Properties": {
                    "Protocol": "sqs",
                    "TopicArn": {"Ref": "Topic"},
                    "Endpoint": {"Fn::GetAtt": ["Dlq", "Arn"]},
                    "FilterPolicy": {"severity": ["HIGH"]},
                },
            },
        },
    )
    sns = aws.client("sns")
    attributes = sns.get_topic_attributes(TopicArn=ids["Topic"])["Attributes"]
    assert attributes["KmsMasterKeyId"] == ids["Key"]
    for severity in ("LOW", "HIGH"):
        sns.publish(
            TopicArn=ids["Topic"],
            Message=severity,
            MessageAttributes={
                "severity": {"DataType": "String", "StringValue": severity}
            },
        )
    assert dead_letters(aws, ids).bodies()[0]["Message"] == "HIGH"


def test_task_definition_of_a_stack_is_registered_by_cloudformation(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    queue = tap({**RECORDS, "source": ["aws.ecs"]})
    container = {
        "Name": "a",
        "Image": "b",
        "Memory": "64",
        "Privileged": "true",
        "Environment": [{"Name": "A", "Value": "b"}],
        "Secrets": [{"Name": "S", "ValueFrom": "arn:aws:ssm:::parameter/s"}],
        "DockerLabels": {"Team": "a"},
        "LinuxParameters": {"Capabilities": {"Add": ["SYS_ADMIN"]}},
    }
    properties = {"Family": "web", "ContainerDefinitions": [container]}
    resource = {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}
    ids = deploy(aws, {"Web": resource})
    described = aws.client("ecs").describe_task_definition(taskDefinition="web")
    definition = described["taskDefinition"]
    assert definition["taskDefinitionArn"] == ids["Web"]
    (shown,) = definition["containerDefinitions"]
    assert shown["privileged"] is True
    assert shown["memory"] == 64
    assert shown["environment"] == [{"name": "A", "value": "b"}]
    assert shown["secrets"][0]["valueFrom"] == "arn:aws:ssm:::parameter/s"
    assert shown["dockerLabels"] == {"Team": "a"}
    assert shown["linuxParameters"] == {"capabilities": {"add": ["SYS_ADMIN"]}}
    detail = queue.bodies()[0]["detail"]
    assert detail["userIdentity"]["invokedBy"] == "cloudformation.amazonaws.com"
    assert detail["sourceIPAddress"] == "cloudformation.amazonaws.com"
    assert detail["userAgent"] == "cloudformation.amazonaws.com"
    (asked,) = detail["requestParameters"]["containerDefinitions"]
    assert asked["environment"] == "HIDDEN_DUE_TO_SECURITY_REASONS"


def test_repository_of_a_stack_is_created_by_cloudformation(
    aws: LocalAws, tap: Callable[..., Queue]
) -> None:
    queue = tap({**RECORDS, "source": ["aws.ecr"]})
    prefix = "ImageTagMutabilityExclusionFilter"
    properties = {
        "RepositoryName": "app",
        "ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        f"{prefix}s": [{f"{prefix}Type": "WILDCARD", f"{prefix}Value": "dev-*"}],
    }
    deploy(aws, {"App": {"Type": "AWS::ECR::Repository", "Properties": properties}})
    (repository,) = aws.client("ecr").describe_repositories()["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    filters = repository["imageTagMutabilityExclusionFilters"]
    assert filters == [{"filterType": "WILDCARD", "filter": "dev-*"}]
    detail = queue.bodies()[0]["detail"]
    assert detail["eventName"] == "CreateRepository"
    assert detail["userIdentity"]["invokedBy"] == "cloudformation.amazonaws.com"


def test_deleted_stack_deregisters_its_task_definition(aws: LocalAws) -> None:
    container = {"Name": "a", "Image": "b"}
    properties = {"Family": "web", "ContainerDefinitions": [container]}
    resource = {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}
    deploy(aws, {"Web": resource})
    client = aws.client("cloudformation")
    client.delete_stack(StackName="stack")
    client.get_waiter("stack_delete_complete").wait(
        StackName="stack", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )
    answer = aws.client("ecs").list_task_definitions(status="INACTIVE")
    assert len(answer["taskDefinitionArns"]) == 1


def test_layer_of_a_template_reaches_its_function(aws: LocalAws) -> None:
    handler = """
    def handler(event):
        with open(os.environ["POLICY"]) as file:
            return file.read()
    """
    code = put_code(aws, handler)
    layer = {"Bucket": code["Bucket"], "Key": "layer.zip"}
    content = zipped({"tidewaiter/policy.yaml": "mode: enforce"})
    aws.client("s3").put_object(**layer, Body=content)
    resources = {
        "Policy": {
            "Type": "AWS::Serverless::LayerVersion",
            "Properties": {
                "ContentUri": layer,
                "CompatibleRuntimes": ["provided.al2023"],
            },
        },
        "Guard": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "CodeUri": code,
                "Layers": [{"Ref": "Policy"}],
                "Environment": {"Variables": {"POLICY": "/opt/tidewaiter/policy.yaml"}},
            },
        },
    }
    ids = deploy(aws, resources, **SAM)
    answer = aws.client("lambda").invoke(FunctionName=ids["Guard"], Payload="{}")
    assert json.loads(answer["Payload"].read()) == "mode: enforce"


def test_a_table_has_the_encryption_recovery_and_expiry_of_its_template(
    aws: LocalAws,
) -> None:
    key = {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    more = {
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},
    }
    kind = "AWS::DynamoDB::Table"
    ids = deploy(
        aws,
        {
            "Set": {"Type": kind, "Properties": key | more},
            "Bare": {"Type": kind, "Properties": key},
        },
    )
    client = aws.client("dynamodb")

    def settings(name: str) -> tuple[Any, Any, Any]:
        backups = client.describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"][
            "PointInTimeRecoveryDescription"
        ]
        expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        table = client.describe_table(TableName=name)["Table"]
        encryption = table.get("SSEDescription", {}).get("Status")
        return (
            recovery["PointInTimeRecoveryStatus"],
            (expiry["TimeToLiveStatus"], expiry.get("AttributeName")),
            encryption,
        )

    assert settings(ids["Set"]) == ("ENABLED", ("ENABLED", "expires"), "ENABLED")
    assert settings(ids["Bare"]) == ("DISABLED", ("DISABLED", None), None)
