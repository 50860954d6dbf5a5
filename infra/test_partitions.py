"""What is deployed has the ARNs, endpoints and principals of its partition, in each of them."""

import json
import re

import pytest
from evaluated import STACK_ID, Stack, yaml_parse
from test_template import INFRA

REGIONS = {
    "aws": "eu-central-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
}
SUFFIXES = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}
PARTITIONS = pytest.mark.parametrize("partition", REGIONS)
CHANNELS = "/opt/tidewaiter/channels.yaml"
# IAM User Guide and the guide of each service: the principals are the same in every partition.
PRINCIPALS = {
    "cloudwatch.amazonaws.com",
    "events.amazonaws.com",
    "lambda.amazonaws.com",
    "pipes.amazonaws.com",
    "sns.amazonaws.com",
}
# Event sources in CloudTrail, and CloudFormation as the source of a call (a prefix, which the suffix of China goes on from).
SOURCES = {"ecs.amazonaws.com", "cloudformation.amazonaws.com"}


def pseudo(partition):
    """What CloudFormation puts in place of its pseudo parameters."""
    region = REGIONS[partition]
    return {
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::AccountId": "111122223333",
        "AWS::StackName": "tidewaiter",
        "AWS::StackId": STACK_ID.replace(":aws:", f":{partition}:"),
        "AWS::URLSuffix": SUFFIXES.get(partition, "amazonaws.com"),
    }


def deployed(partition, **more):
    region = REGIONS[partition]
    given = {
        "Mode": "enforce",
        "ChannelsPath": CHANNELS,
        "SecurityHub": "true",
        "HubBusArn": f"arn:{partition}:events:{region}:210987654321:event-bus/hub",
        **more,
    }
    return Stack(pseudo=pseudo(partition), **given)


def strings(value):
    """Every text in a template, keys included."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


def foreign(texts, partition):
    """ARNs of another partition, and hosts that are not of this one."""
    suffix = SUFFIXES.get(partition, "amazonaws.com")
    for text in texts:
        for found in re.findall(r"arn:([\w-]*):", text):
            if found != partition:
                yield text
        for host in re.findall(r"[\w.${}:<>-]*amazonaws\.com(?:\.cn)?", text):
            if host not in PRINCIPALS | SOURCES and not host.endswith(f".{suffix}"):
                yield text
        if "console.aws.amazon.com" in text and partition != "aws":
            yield text


@PARTITIONS
@pytest.mark.parametrize("mode", ["audit", "enforce"])
def test_nothing_of_another_partition_is_in_the_stack(partition, mode):
    stack = deployed(partition, Mode=mode)
    texts = list(strings(stack.resources))
    assert list(foreign(texts, partition)) == []
    assert any(f"arn:{partition}:" in text for text in texts)


@PARTITIONS
def test_a_key_of_the_accounts_own_is_used_by_the_services_of_its_partition(partition):
    key = f"arn:{partition}:kms:{REGIONS[partition]}:111122223333:key/1-2-3"
    stack = deployed(partition, KeyArn=key)
    assert list(foreign(strings(stack.resources), partition)) == []
    said = json.dumps(stack["UseKey"])
    suffix = SUFFIXES.get(partition, "amazonaws.com")
    assert f'"sqs.{REGIONS[partition]}.{suffix}"' in said
    assert f'"dynamodb.{REGIONS[partition]}.{suffix}"' in said


@PARTITIONS
@pytest.mark.parametrize(
    "name", ["global-events", "organization/hub", "organization/artifacts", "organization/stackset"]
)  # fmt: skip
def test_nothing_of_another_partition_is_in_the_other_templates(partition, name):
    resources = yaml_parse((INFRA / f"{name}.yaml").read_text())["Resources"]
    filled = json.dumps(resources)
    for parameter, value in pseudo(partition).items():
        filled = filled.replace(f"${{{parameter}}}", value)
    assert list(foreign(strings(json.loads(filled)), partition)) == []


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:sns:eu-west-1:1:t",
        "https://sqs.cn-north-1.amazonaws.com/1/q",
        "s3.amazonaws.com",
        "https://eu-west-1.console.aws.amazon.com/ecs",
    ],
)
def test_what_is_foreign_is_found(text):
    assert list(foreign([text], "aws-cn")) == [text]


@PARTITIONS
def test_rules_that_watch_know_the_topics_and_the_stack_of_their_partition(partition):
    stack = deployed(partition)
    names = stack["StackTampered"]["EventPattern"]["detail"]["$or"][0]
    assert f"arn:{partition}:cloudformation:" in json.dumps(names)
    for policy in ("TamperTopicPolicy", "TamperDeadLettersPolicy"):
        said = json.dumps(stack[policy])
        assert f"arn:{partition}:events:{REGIONS[partition]}:111122223333:rule/" in said


@PARTITIONS
def test_images_of_the_own_registry_are_known_by_the_host_of_the_partition(partition):
    containers = stack_pattern(partition)["containers"]["image"]
    suffix = SUFFIXES.get(partition, "amazonaws.com")
    host = f"111122223333.dkr.ecr.{REGIONS[partition]}.{suffix}/app:1"
    assert any(host.startswith(each["prefix"]) for each in containers)


def stack_pattern(partition):
    return deployed(partition)["TaskChanged"]["EventPattern"]["detail"]
