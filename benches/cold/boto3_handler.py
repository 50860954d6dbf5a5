"""The task definition guard as a few lines of boto3, to compare with.

It changes and tells the same for the two events of the benchmark, and does nothing else
of what the guard does: no policy, no audit mode, no ledger, no dead-letter queue, no report.
"""

import json
import os
from typing import Any

import boto3

ecs = boto3.client("ecs")
sns = boto3.client("sns")


def handler(event: dict[str, Any], _context: None) -> None:
    """Deregister a task definition with a privileged container; tell of host access."""
    definition = event["detail"]["responseElements"]["taskDefinition"]
    arn = definition["taskDefinitionArn"]
    findings = [
        f"container {container['name']} is privileged"
        for container in definition["containerDefinitions"]
        if container.get("privileged")
    ]
    if findings:
        ecs.deregister_task_definition(taskDefinition=arn)
    findings += [
        f"{mode} is host"
        for mode in ("networkMode", "pidMode", "ipcMode")
        if definition.get(mode) == "host"
    ]
    if findings:
        sns.publish(
            TopicArn=os.environ["TIDEWAITER_TOPIC_ARN"],
            Subject="Task definition denied",
            Message=json.dumps({"taskDefinition": arn, "findings": findings}),
        )
