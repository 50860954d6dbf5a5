"""What AWS services do in the name of a function's role, each asked of IAM first.

Lambda writes logs, takes messages from queues and sets failed events aside; with tracing X-Ray
gets its segments; ECR asks Amazon Inspector about enhanced scans.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ministack.services import iam, lambda_svc

from local_aws import identity
from local_aws.authorization import permitted, permitted_to_function

_LOG = logging.getLogger("local_aws")

#: What an event source mapping needs to be allowed of its queue.
_TAKE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
_TRACE = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
_INSPECT = ("inspector2:ListCoverage", "inspector2:ListFindings")

Function = dict[str, Any]


def _configuration(function: Function) -> dict[str, Any]:
    return function.get("config") or function


def _logging(inner: Callable[..., None]) -> Callable[..., None]:
    """Write a function's logs only if its role may."""

    def emit(function: Function, *more: Any, **named: Any) -> None:
        config = _configuration(function)
        _, _, _, region, account, *_ = config["FunctionArn"].split(":")
        name = config.get("FunctionName", "unknown")
        settings = config.get("LoggingConfig") or {}
        group = settings.get("LogGroup") or f"/aws/lambda/{name}"
        stream = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{name}"
        actions = ("logs:CreateLogStream", "logs:PutLogEvents")
        if all(permitted_to_function(config, each, stream) for each in actions):
            inner(function, *more, **named)

    return emit


def _taking(inner: Callable[..., None]) -> Callable[..., None]:
    """Hand messages of a queue to a function only if its role may take them."""

    def run(esm: dict[str, Any], function: Function, *more: Any) -> None:
        config, queue = _configuration(function), esm["EventSourceArn"]
        if all(permitted_to_function(config, each, queue) for each in _TAKE):
            inner(esm, function, *more)
        else:
            esm["LastProcessingResult"] = "PROBLEM: access denied"
            _LOG.warning("%s may not take messages from %s", config.get("Role"), queue)

    return run


def _traced(inner: Callable[..., Any]) -> Callable[..., Any]:
    def execute(function: Function, event: Any) -> Any:
        config = _configuration(function)
        if (config.get("TracingConfig") or {}).get("Mode") == "Active":
            for action in _TRACE:
                permitted_to_function(config, action, "*")
        return inner(function, event)

    return execute


def may_inspect() -> bool:
    """Tell whether the role that calls ECR now may have Amazon Inspector asked; who has none may."""
    caller = identity.current().caller
    role = caller.role_arn or ""
    if iam._roles.get_scoped(caller.account, None, role.rsplit("/", 1)[-1]) is None:
        return True
    return all(permitted(role, each, "*", by="ecr.amazonaws.com") for each in _INSPECT)


def install() -> None:
    """Ask before what MiniStack does in the name of functions."""
    lambda_svc._emit_lambda_logs = _logging(lambda_svc._emit_lambda_logs)
    lambda_svc._run_sqs_batch = _taking(lambda_svc._run_sqs_batch)
    lambda_svc._execute_function = _traced(lambda_svc._execute_function)
