"""The service control policy that lets nobody but the deployment change a stack.

`infra/organization/protect.json` is what this prints without options; a test compares.

    python infra/protect.py [--stack NAME] [--deployer ROLE]... [--partition aws|aws-cn|aws-us-gov]

It denies, to everybody but the role that deploys, what the rules of the template tell of
(`docs/operations.md`, "When somebody tampers"). Resources are known by the stack's name, which
CloudFormation puts in front of theirs, and keys by their tag.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "organization" / "protect.json"
PARTITIONS = ["aws", "aws-cn", "aws-us-gov"]
STACK = "tidewaiter"
# A role of this name deploys unless another is said.
DEPLOYER = "tidewaiter-deployer"
# The roles by which CloudFormation deploys a service-managed stack set in a member.
STACK_SETS = "stacksets-exec-*"
# Of a service control policy, in characters, white space included.
LIMIT = 5120


def of(service: str, names: str) -> list[str]:
    """The actions of a service that have these names, which blanks part."""
    return [f"{service}:{each}" for each in names.split()]


# By service: what is denied, and on which resources of it. `STACK` is the stack's name.
CHANGES: list[tuple[list[str], list[str]]] = [
    (
        of("events", "DisableRule DeleteRule PutRule PutTargets RemoveTargets"),
        # The rules that watch begin with `tidewaiter-`, whatever the stack is called.
        ["events:*:*:rule/STACK-*", "events:*:*:rule/tidewaiter-*"],
    ),
    (
        [
            "lambda:UpdateFunction*",
            "lambda:DeleteFunction*",
            "lambda:PutFunction*",
            "lambda:PutRuntimeManagementConfig",
            "lambda:AddPermission",
            "lambda:RemovePermission",
            "lambda:CreateFunctionUrlConfig",
        ],
        ["lambda:*:*:function:STACK-*"],
    ),
    (
        of(
            "sns",
            "SetTopicAttributes DeleteTopic AddPermission RemovePermission PutDataProtectionPolicy",
        ),
        ["sns:*:*:STACK-*"],
    ),
    (
        of(
            "sqs",
            "SetQueueAttributes DeleteQueue PurgeQueue AddPermission RemovePermission",
        ),
        ["sqs:*:*:STACK-*"],
    ),
    (
        # Functions and the command line read and update items, and nobody else has to.
        of(
            "dynamodb",
            "DeleteTable UpdateTable UpdateTimeToLive UpdateContinuousBackups PutResourcePolicy "
            "DeleteResourcePolicy PutItem DeleteItem BatchWriteItem PartiQLInsert PartiQLUpdate PartiQLDelete",
        ),
        ["dynamodb:*:*:table/STACK-*"],
    ),
    (
        of(
            "logs",
            "DeleteLogGroup DeleteLogStream PutRetentionPolicy DeleteRetentionPolicy AssociateKmsKey DisassociateKmsKey",
        ),
        ["logs:*:*:log-group:/tidewaiter/*"],
    ),
    (
        of(
            "cloudwatch",
            "DeleteAlarms DisableAlarmActions PutMetricAlarm SetAlarmState",
        ),
        ["cloudwatch:*:*:alarm:STACK-*"],
    ),
    (
        of(
            "cloudformation",
            "DeleteStack UpdateStack CreateChangeSet ExecuteChangeSet UpdateTerminationProtection SetStackPolicy",
        ),
        ["cloudformation:*:*:stack/STACK/*"],
    ),
    (
        of("cloudtrail", "StopLogging DeleteTrail UpdateTrail PutEventSelectors"),
        ["cloudtrail:*:*:trail/*"],
    ),
    (
        # CreateRole, because whoever may make a role of the name that is let through is let through.
        of(
            "iam",
            "CreateRole DeleteRole UpdateRole UpdateAssumeRolePolicy PutRolePolicy DeleteRolePolicy AttachRolePolicy "
            "DetachRolePolicy PutRolePermissionsBoundary DeleteRolePermissionsBoundary",
        ),
        ["iam::*:role/STACK-*"],
    ),
]


def document(
    stack: str = STACK, deployers: Sequence[str] = (DEPLOYER,), partition: str = "aws"
) -> dict[str, Any]:
    """The policy, as IAM has it."""

    def arn(rest: str) -> str:
        return f"arn:{partition}:{rest.replace('STACK', stack)}"

    deploying = [arn(f"iam::*:role/{each}") for each in (*deployers, STACK_SETS)]

    def denied(
        name: str, actions: list[str], resources: list[str], **more: Any
    ) -> dict[str, Any]:
        return {
            "Sid": name,
            "Effect": "Deny",
            "Action": actions,
            "Resource": resources,
            "Condition": {"ArnNotLike": {"aws:PrincipalArn": deploying}, **more},
        }

    actions = [each for listed, _ in CHANGES for each in listed]
    resources = [arn(each) for _, listed in CHANGES for each in listed]
    return {
        "Version": "2012-10-17",
        "Statement": [
            # One statement for all services, because each would have to name the roles: no
            # action is there for the resources of another service.
            denied(
                "ProtectStack",
                actions,
                # In the order of the list, each once: with the usual names some are one.
                list(dict.fromkeys([*resources, *deploying])),
            ),
            denied(
                "ProtectMappings",
                ["lambda:UpdateEventSourceMapping", "lambda:DeleteEventSourceMapping"],
                ["*"],
                ArnLike={"lambda:FunctionArn": arn("lambda:*:*:function:STACK-*")},
            ),
            denied(
                "ProtectKeys",
                [
                    "kms:DisableKey",
                    "kms:ScheduleKeyDeletion",
                    "kms:PutKeyPolicy",
                    "kms:TagResource",
                    "kms:UntagResource",
                ],
                ["*"],
                StringEquals={"aws:ResourceTag/project": "tidewaiter"},
            ),
        ],
    }


def text(**options: Any) -> str:
    """The policy as it is written: a line for each statement, for blanks count."""
    statements = document(**options)["Statement"]
    lines = ",\n".join(json.dumps(each, separators=(",", ":")) for each in statements)
    return f'{{"Version":"2012-10-17","Statement":[\n{lines}\n]}}\n'


def name(value: str) -> str:
    """A name of a stack or role, which stands in ARNs."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+=,.@_-]{0,127}", value):
        raise argparse.ArgumentTypeError(f"`{value}` is no name of a stack or role")
    return value


def main(arguments: list[str]) -> int:
    """Prints the policy; 2 if it is too long for an organization."""
    parser = argparse.ArgumentParser(
        description="print the service control policy that protects a stack"
    )
    parser.add_argument(
        "--stack", type=name, default=STACK, help="name of the stack (%(default)s)"
    )
    parser.add_argument(
        "--deployer",
        type=name,
        action="append",
        help=f"name of a role that deploys it, as often as there are ({DEPLOYER})",
    )
    parser.add_argument("--partition", choices=PARTITIONS, default="aws")
    given = parser.parse_args(arguments)
    printed = text(
        stack=given.stack,
        deployers=given.deployer or [DEPLOYER],
        partition=given.partition,
    )
    if len(printed) > LIMIT:
        print(
            f"the policy has {len(printed)} characters, and an organization takes {LIMIT}: choose shorter names",
            file=sys.stderr,
        )
        return 2
    print(printed, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
