"""Send events to the default event bus, and deliver them to targets as AWS does.

Adds to MiniStack: events of AWS services, retries for Lambda targets, permission
checks for Lambda and SNS targets and the dead-letter queue of a rule's target.
"""

from __future__ import annotations

import fnmatch
import json
import logging
import time
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge as base
from ministack.services import lambda_svc, sns, sqs

from local_aws import lambda_async
from local_aws.pump import DEFAULT_DELAY, PUMP

_LOG = logging.getLogger("local_aws")

_ENVELOPE = {
    "version",
    "id",
    "source",
    "account",
    "time",
    "region",
    "resources",
    "detail-type",
    "detail",
}
_PASCAL = {
    "Source": "source",
    "DetailType": "detail-type",
    "Detail": "detail",
    "Resources": "resources",
    "Time": "time",
}


def emit(
    source: str,
    detail_type: str,
    detail: dict[str, Any],
    resources: Iterable[str] = (),
    *,
    account: str | None = None,
    region: str | None = None,
    delay: float = DEFAULT_DELAY,
) -> None:
    """Send an event of an AWS service, shortly after the current request."""
    account, region = account or get_account_id(), region or get_region()
    event = {
        "source": source,
        "detail-type": detail_type,
        "detail": detail,
        "resources": list(resources),
        "account": account,
        "region": region,
    }
    PUMP.later(lambda: inject(event), delay=delay, account=account, region=region)


def inject(event: dict[str, Any], *, account: str | None = None) -> str:
    """Put any event on the default bus of its region and return its id.

    ``event`` is as a target receives it, or an entry as for PutEvents. What it
    lacks is filled in. The bus is that of ``account``, by default the account in
    scope; the event itself may name another one.
    """
    event = {_PASCAL.get(name, name): value for name, value in event.items()}
    region = event.get("region") or get_region()
    detail = event.get("detail", {})
    identifier = event.get("id") or str(uuid.uuid4())
    with request_scope(account or get_account_id(), region):
        entry = {
            "EventId": identifier,
            "Version": event.get("version", "0"),
            "Source": event.get("source", ""),
            "DetailType": event.get("detail-type", ""),
            "Detail": detail if isinstance(detail, str) else json.dumps(detail),
            "EventBusName": "default",
            "Time": _epoch(event.get("time")),
            "Resources": event.get("resources", []),
            "Account": event.get("account") or get_account_id(),
            "Region": region,
        }
        extra = {name: event[name] for name in event.keys() - _ENVELOPE}
        if extra:
            entry["_ExtraEnvelope"] = extra
        base._events_log_list().append(entry)
        view = base._pattern_event_view(entry)
        base._dispatch_event(entry, view)
        base._archive_event(entry, view)
    return identifier


def _epoch(when: Any) -> Any:
    """Return a time as whole seconds; one that is no date stays what it is."""
    if when is None:
        return int(time.time())
    if isinstance(when, str):
        try:
            return int(datetime.fromisoformat(when).timestamp())
        except ValueError:
            return when
    return when


# --- Delivery to targets -------------------------------------------------------


def _permits(statement: dict[str, Any], rule_arn: str) -> bool:
    """Tell whether a statement of a target's policy lets the rule in."""
    principal = statement.get("Principal")
    services = principal.get("Service", []) if isinstance(principal, dict) else []
    if principal != "*" and "events.amazonaws.com" not in services:
        return False
    if statement.get("Effect", "Allow") != "Allow":
        return False
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, wanted in keys.items():
            if key.lower() != "aws:sourcearn":
                continue
            patterns = wanted if isinstance(wanted, list) else [wanted]
            if "Like" in operator:
                matches = any(fnmatch.fnmatchcase(rule_arn, p) for p in patterns)
            else:
                matches = rule_arn in patterns
            if not matches:
                return False
    return True


def _lambda_problem(arn: str, rule: dict[str, Any]) -> tuple[str, str] | None:
    """Return why EventBridge cannot invoke a function, or None if it can."""
    function, config, _name = lambda_svc._get_func_record_for_ref(arn)
    if function is None or config is None:
        return "NO_RESOURCE", f"Function not found: {arn}"
    if ":rule/" not in rule.get("Arn", ""):
        return None  # EventBridge Scheduler invokes with a role of its own.
    statements = (function.get("policy") or {}).get("Statement", [])
    if any(_permits(statement, rule["Arn"]) for statement in statements):
        return None
    return "NO_PERMISSIONS", f"The rule is not permitted to invoke {arn}"


def _topic_problem(arn: str, rule: dict[str, Any]) -> tuple[str, str] | None:
    """Return why EventBridge cannot publish to a topic, or None if it can."""
    topic = sns._topics.get(arn)
    if topic is None:
        return "NO_RESOURCE", f"Topic not found: {arn}"
    policy = json.loads(topic["attributes"].get("Policy") or "{}")
    statements = policy.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    publishing = [
        each
        for each in statements
        if {"sns:Publish", "SNS:Publish"} & set(_listed(each.get("Action")))
    ]
    if any(_permits(statement, rule["Arn"]) for statement in publishing):
        return None
    return "NO_PERMISSIONS", f"The rule is not permitted to publish to {arn}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _dead_letter(
    target: dict[str, Any], rule: dict[str, Any], body: str, problem: tuple[str, str]
) -> None:
    queue_arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    queue = sqs._queue_by_arn(queue_arn) if queue_arn else None
    if queue is None:
        return
    attributes = {
        "RULE_ARN": rule.get("Arn", ""),
        "TARGET_ARN": target.get("Arn", ""),
        "ERROR_CODE": problem[0],
        "ERROR_MESSAGE": problem[1],
    }
    lambda_async.send_to_queue(queue, body, attributes)


def _to_other_region(bus: Any, event: dict[str, Any]) -> None:
    """Put an event on an event bus of another region, where it stays what it was."""
    name = bus.resource.removeprefix("event-bus/")

    def put() -> None:
        entry = {**event, "EventBusName": name, "Detail": event["Detail"]}
        base._dispatch_event(entry, base._pattern_event_view(entry))

    PUMP.later(put, account=bus.account_id, region=bus.region)


def _invoke_target(
    target: dict[str, Any],
    event: dict[str, Any],
    rule: dict[str, Any],
    view: Any = None,
) -> None:
    """Deliver an event to a target; a Lambda target only if that is allowed."""
    arn = target.get("Arn", "")
    try:
        spec = parse_arn(arn)
        service = spec.service
    except ArnParseError:
        spec, service = None, ""
    if (
        spec is not None
        and service == "events"
        and spec.resource.startswith("event-bus/")
        and spec.account_id == get_account_id()
        and spec.region != get_region()
        and "Input" not in target
    ):
        _to_other_region(spec, event)
        return
    problems = {"lambda": _lambda_problem, "sns": _topic_problem}
    if service in problems:
        problem = problems[service](arn, rule)
        if problem:
            _LOG.warning("%s: %s", rule.get("Name"), problem[1])
            view = view or base._pattern_event_view(event)
            body = json.dumps(view.event_with_detail())
            _dead_letter(target, rule, body, problem)
            return
    _base_invoke_target(target, event, rule, view)


def _dispatch_to_lambda(arn: str, payload: str) -> None:
    """Invoke a target function asynchronously, with Lambda's own retries."""
    try:
        event = json.loads(payload)
    except ValueError:
        event = payload
    function, config, _name = lambda_svc._get_func_record_for_ref(arn)
    if function is not None and config is not None:
        record = lambda_svc._execution_record_for_config(function, config)
        lambda_async.invoke(record, event)


def install() -> None:
    """Put this module's functions in the place of MiniStack's."""
    global _base_invoke_target
    _base_invoke_target = base._invoke_target
    base._invoke_target = _invoke_target
    base._dispatch_to_lambda = _dispatch_to_lambda


_base_invoke_target = base._invoke_target
