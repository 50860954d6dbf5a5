"""Asynchronous invocation of Lambda functions: retries, then the failure targets."""

from __future__ import annotations

import contextvars
import hashlib
import json
import logging
import os
import threading
import time
import uuid
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import lambda_svc, sns, sqs

from local_aws import authorization

_LOG = logging.getLogger("local_aws")

_RETRY_BASE = float(os.environ.get("LAMBDA_ASYNC_RETRY_BASE_SECONDS", "1"))
_RETRY_MAX = 30.0


def _attribute(value: str, data_type: str = "String") -> dict[str, str]:
    return {"DataType": data_type, "StringValue": value}


def send_to_queue(
    queue: dict[str, Any], body: str, attributes: dict[str, str | int]
) -> None:
    """Put a message on an SQS queue, as an AWS service that is allowed to."""
    typed = {
        name: _attribute(str(value), "Number" if isinstance(value, int) else "String")
        for name, value in attributes.items()
        if str(value)
    }
    now = time.time()
    queue["messages"].append(
        {
            "id": str(uuid.uuid4()),
            "body": body,
            "md5_body": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
            "md5_attrs": sqs._md5_msg_attrs(typed),
            "receipt_handle": None,
            "sent_at": now,
            "visible_at": now + sqs.queue_delay(queue),
            "receive_count": 0,
            "first_receive_at": None,
            "message_attributes": typed,
            "sys": sqs._build_send_sys_attrs(now, {}),
            "group_id": None,
            "dedup_id": None,
            "dedup_cache_key": None,
            "seq": None,
        }
    )
    sqs.esm_wake.set()


def _invoke_config(function: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Return the EventInvokeConfig that applies to a function's qualifier."""
    by_qualifier = function.get("event_invoke_configs") or {}
    for qualifier in (config.get("Version", "$LATEST"), "$LATEST", ""):
        if by_qualifier.get(qualifier):
            return by_qualifier[qualifier]
    return function.get("event_invoke_config") or {}


def _dead_letter(
    config: dict[str, Any], request_id: str, event: Any, result: dict[str, Any]
) -> None:
    """Send the original event to the function's own dead-letter target."""
    target = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    if not target:
        return
    action = "sqs:SendMessage" if ":sqs:" in target else "sns:Publish"
    if not authorization.permitted_to_function(config, action, target):
        _LOG.warning("%s may not use %s", config.get("Role"), target)
        return
    answer = result.get("body")
    error = answer if isinstance(answer, dict) else {}
    attributes: dict[str, str | int] = {
        "RequestID": request_id,
        "ErrorCode": 200,
        "ErrorMessage": str(error.get("errorMessage", ""))[:1024],
    }
    body = json.dumps(event)
    if ":sqs:" in target:
        queue = sqs._queue_by_arn(target)
        if queue is None:
            _LOG.warning("dead-letter queue %s does not exist", target)
        else:
            send_to_queue(queue, body, attributes)
        return
    sns._fanout(
        target,
        str(uuid.uuid4()),
        body,
        "",
        "",
        {name: _attribute(str(value)) for name, value in attributes.items()},
    )


def _attempts(
    function: dict[str, Any], event: Any, settings: dict[str, Any]
) -> dict[str, Any] | None:
    """Invoke until it works; return None then, and the last failure otherwise."""
    retries = int(settings.get("MaximumRetryAttempts", 2))
    deadline = time.monotonic() + int(settings.get("MaximumEventAgeInSeconds", 21600))
    failed = 0
    while True:
        result = lambda_svc._execute_function(function, event)
        if not result.get("error"):
            return None
        # A throttled invocation is no attempt: it is repeated until it is too old.
        if result.get("throttle"):
            delay = _RETRY_BASE
        else:
            failed += 1
            delay = min(_RETRY_BASE * 2 ** (failed - 1), _RETRY_MAX)
        if failed > retries or time.monotonic() + delay > deadline:
            return result
        time.sleep(delay)


def _run(function: dict[str, Any], event: Any) -> None:
    config = function.get("config") or function
    account, region = lambda_svc._account_region_from_function_config(config)
    with request_scope(account, region):
        settings = _invoke_config(function, config)
        failure = _attempts(function, event, settings)
        if failure is None:
            return
        destinations = settings.get("DestinationConfig") or {}
        on_failure = (destinations.get("OnFailure") or {}).get("Destination")
        if on_failure:
            name = config.get("FunctionName", "")
            lambda_svc._route_async_failure(on_failure, name, event, failure)
        _dead_letter(config, str(uuid.uuid4()), event, failure)


def invoke(function: dict[str, Any], event: Any) -> None:
    """Invoke a function without waiting for it.

    ``function`` is MiniStack's record of it.
    """
    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(_run, function, event), daemon=True
    ).start()


def install() -> None:
    """Put this module's functions in the place of MiniStack's."""
    lambda_svc.invoke_async_with_retry = invoke
