"""The project's own stack on the local AWS: deployed by SAM from the template, or by the CDK construct, and listened to by a queue."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import record
import synthesized
from local_aws.process import LocalAws

ROOT = Path(__file__).resolve().parents[2]
SAM = ROOT / ".venv" / "tools" / "bin" / "sam"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[
    platform.machine()
]
# `sam` or `cdk`: what deploys the stacks of the suite that do not say it themselves.
DEPLOYED_BY = os.environ.get("TIDEWAITER_STACK_FROM", "sam")


T = TypeVar("T")


class StackError(Exception):
    """The stack could not be deployed, or did not do what was waited for."""


def eventually(what: str, ask: Callable[[], T | None], seconds: float = 60.0) -> T:
    """Asks until the answer is neither None, empty nor False."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise StackError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)


class Subscriber:
    """A queue that is subscribed to a topic, and what it has received."""

    def __init__(self, client: Callable[[str], Any], topic: str, name: str) -> None:
        self._sqs = client("sqs")
        # The account and Region of a topic are in its ARN, and the queue is beside it.
        region, account = topic.split(":")[3:5]
        arn = f"arn:aws:sqs:{region}:{account}:{name}"
        policy = {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            },
        }
        queue = self._sqs.create_queue(
            QueueName=name, Attributes={"Policy": json.dumps(policy)}
        )
        self.url = queue["QueueUrl"]
        self.subscription = client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn
        )["SubscriptionArn"]

    def envelopes(self) -> list[dict[str, Any]]:
        """What has come since the last asking: the envelopes that SNS puts around messages."""
        found: list[dict[str, Any]] = []
        empty = 0
        # A message may be on its way: the queue is empty when it is so twice.
        while empty < 2:
            messages = self._sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10
            ).get("Messages", [])
            if not messages:
                empty += 1
                time.sleep(0.1)
            for message in messages:
                found.append(json.loads(message["Body"]))
                self._sqs.delete_message(
                    QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"]
                )
        return found


class Stack:
    """A deployed stack of infra/template.yaml in one region."""

    def __init__(
        self,
        aws: LocalAws,
        mode: str,
        region: str,
        *,
        name: str | None = None,
        policy: Path | None = None,
        parameters: dict[str, str] | None = None,
        by: str = DEPLOYED_BY,
    ) -> None:
        self.aws = aws
        self.mode = mode
        self.region = region
        # Roles are known in every region, and the local AWS makes their names from the stack's.
        self.name = f"tidewaiter-{name or mode}"
        # A file that the functions read in place of the one in the layer.
        self.policy = policy
        self.parameters = {
            "Mode": mode,
            "Architecture": ARCHITECTURE,
            **({"PolicyPath": str(policy)} if policy else {}),
            **(parameters or {}),
        }
        self.by = by
        self.outputs: dict[str, str] = {}
        self.on_call: Subscriber
        self._alerts: list[dict[str, Any]] = []

    def client(self, service: str) -> Any:
        return self.aws.client(service, region=self.region)

    def deploy(self) -> Stack:
        """Deploys as a user does, and subscribes a queue to the alerts."""
        if self.by == "cdk":
            synthesized.deploy(
                self.client,
                name=self.name,
                region=self.region,
                account=self.aws.account,
                parameters=self.parameters,
            )
        else:
            self._deploy_by_sam()
        stack = self.client("cloudformation").describe_stacks(StackName=self.name)[
            "Stacks"
        ][0]
        self.outputs = {
            output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]
        }
        self._record()
        self.on_call = self.subscribe("AlertTopicArn", "on-call")
        return self

    def subscribe(self, output: str, name: str) -> Subscriber:
        """Subscribes a queue of that name to the topic that an output of the stack names."""
        return Subscriber(self.client, self.outputs[output], name)

    def update(self, parameters: dict[str, str]) -> None:
        """Deploys the stack once more with other parameters, as a user of SAM does."""
        self.parameters |= parameters
        self._sam_deploy(f"artifacts-{self.region}")

    def _record(self) -> None:
        """Writes down whose roles these are, for the comparison of grants and calls."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        roles = {
            resource["PhysicalResourceId"]: resource["LogicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::IAM::Role"
        }
        record.deployed(self.name, self.mode, self.parameters, roles)

    def _deploy_by_sam(self) -> None:
        bucket = f"artifacts-{self.region}"
        # The first region is the one that may not be named.
        where = (
            {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
        )
        self.client("s3").create_bucket(
            Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {})
        )
        self._sam_deploy(bucket)

    def _sam_deploy(self, bucket: str) -> None:
        command = [
            *(
                str(SAM),
                "deploy",
                "--template-file",
                "infra/template.yaml",
                "--stack-name",
                self.name,
            ),
            *(
                "--s3-bucket",
                bucket,
                "--no-resolve-s3",
                "--config-env",
                self.mode,
                "--no-confirm-changeset",
                "--no-progressbar",
            ),
            *(
                "--parameter-overrides",
                *(f"{name}={value}" for name, value in self.parameters.items()),
            ),
        ]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "SAM_CLI_TELEMETRY": "0",
            **self.aws.environment(self.region),
        }
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StackError(
                f"sam deploy failed\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )

    def alerts(self) -> list[dict[str, Any]]:
        """Every alert so far, as the subscriber got it: `subject`, `alert` (the JSON), `attributes`."""
        for envelope in self.on_call.envelopes():
            attributes = {
                name: each["Value"]
                for name, each in envelope["MessageAttributes"].items()
            }
            self._alerts.append(
                {
                    "subject": envelope["Subject"],
                    "alert": json.loads(envelope["Message"]),
                    "attributes": attributes,
                }
            )
        return list(self._alerts)

    def alerts_about(self, name: str) -> list[dict[str, Any]]:
        """The alerts in whose subject `name` stands, but for those that it is over."""
        return [
            each
            for each in self.all_alerts_about(name)
            if each["alert"]["change"] != "resolved"
        ]

    def all_alerts_about(self, name: str) -> list[dict[str, Any]]:
        """The alerts in whose subject `name` stands."""
        return [
            each
            for each in self.alerts()
            if name in each["alert"].get("subject", {}).get("id", "")
        ]

    def lines(self, function: str) -> list[dict[str, Any]]:
        """The log lines of a function's invocations, one each (`TaskDefinitionGuard` or `ImageScanGuard`)."""
        logs = self.client("logs")
        group = self.outputs[f"{function}LogGroup"]
        events = logs.filter_log_events(logGroupName=group).get("events", [])
        lines = []
        for event in events:
            try:
                line = json.loads(event["message"])
            except ValueError:
                continue
            if isinstance(line, dict) and line.get("message") == "handled":
                lines.append(line)
        return lines

    def handled(self, function: str, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Waits until the function has handled `count` events whose subject has `name` in it, but for
        deregistrations."""

        def found() -> list[dict[str, Any]] | None:
            lines = [
                line
                for line in self.lines(function)
                if name in line["subject"] and line["outcome"] != "deregistered"
            ]
            return lines if len(lines) >= count else None

        return eventually(f"{function} to handle {name}", found)

    def dead_letters(self, function: str) -> list[dict[str, Any]]:
        """What is in the function's dead-letter queue."""
        url = self.outputs[f"{function}DeadLetterQueueUrl"]
        answer = self.client("sqs").receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def status(self, definition: str) -> str:
        """The status of a task definition as ECS reports it."""
        answer = self.client("ecs").describe_task_definition(taskDefinition=definition)
        return answer["taskDefinition"]["status"]

    def release(
        self, repository: str, digest: str, until: str = "2099-01-01T00:00:00Z"
    ) -> None:
        """Writes down that an image is released from quarantine, as ARCHITECTURE.md says."""
        arn = f"arn:aws:ecr:{self.region}:{self.aws.account}:repository/{repository}"
        self.client("dynamodb").update_item(
            TableName=self.outputs["LedgerName"],
            Key={"id": {"S": "quarantine"}, "part": {"S": f"{digest}@{arn}"}},
            UpdateExpression="SET #s = :s, #r = :r, #b = :b, #u = :u",
            ExpressionAttributeNames={
                "#s": "state",
                "#r": "reason",
                "#b": "by",
                "#u": "until",
            },
            ExpressionAttributeValues={
                ":s": {"S": "released"},
                ":r": {"S": "a test"},
                ":b": {"S": "ada"},
                ":u": {"S": until},
            },
        )

    def restore(self, repository: str, digest: str) -> None:
        """Takes an image out of the archive."""
        self.client("ecr").update_image_storage_class(
            repositoryName=repository,
            imageId={"imageDigest": digest},
            targetStorageClass="STANDARD",
        )

    def image_status(self, repository: str, digest: str) -> str:
        """The status of an image as ECR reports it."""
        answer = self.client("ecr").describe_images(
            repositoryName=repository, imageIds=[{"imageDigest": digest}]
        )
        return answer["imageDetails"][0]["imageStatus"]


def hardened(family: str) -> dict[str, Any]:
    """A task definition that no rule has anything to say about."""
    return {
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "app",
                "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:1.0",
                "user": "10001:10001",
                "readonlyRootFilesystem": True,
                "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
                "environment": [{"name": "LOG_LEVEL", "value": "info"}],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/ecs/app",
                        "awslogs-region": "us-east-1",
                    },
                },
            }
        ],
    }


def privileged(family: str) -> dict[str, Any]:
    """The same as somebody in a hurry would have it."""
    definition = hardened(family)
    definition |= {"requiresCompatibilities": ["EC2"], "networkMode": "bridge"}
    container = definition["containerDefinitions"][0]
    container["privileged"] = True
    return definition


def finding(severity: str, number: int = 1) -> dict[str, Any]:
    """A finding of basic scanning."""
    return {
        "name": f"CVE-2026-{number:05}",
        "severity": severity,
        "uri": f"https://example.com/CVE-2026-{number:05}",
        "attributes": [
            {"key": "package_name", "value": "openssl"},
            {"key": "package_version", "value": "3.0.1"},
        ],
    }
