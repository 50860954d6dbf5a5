"""Management calls of services beside ECS and ECR, as CloudTrail names them.

Only those that the project listens for: what changes or deletes a rule, a function, a
role, a topic, a queue, a key, a table, logs, an alarm, a pipe, a stack or a trail. The
API models that botocore carries say how each call looks on the wire.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from botocore.model import OperationModel

from local_aws import apicall, shapes

#: The operations, by botocore's name of the service.
RECORDED = {
    "events": "DisableRule EnableRule DeleteRule PutRule PutTargets RemoveTargets",
    "lambda": (
        "UpdateFunctionCode UpdateFunctionConfiguration DeleteFunction AddPermission "
        "RemovePermission PutFunctionConcurrency DeleteFunctionConcurrency "
        "PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig "
        "DeleteFunctionEventInvokeConfig CreateFunctionUrlConfig "
        "CreateEventSourceMapping UpdateEventSourceMapping "
        "DeleteEventSourceMapping"
    ),
    "iam": (
        "PutRolePolicy DeleteRolePolicy AttachRolePolicy DetachRolePolicy "
        "UpdateAssumeRolePolicy UpdateRole DeleteRole PutRolePermissionsBoundary "
        "DeleteRolePermissionsBoundary"
    ),
    "sns": (
        "SetTopicAttributes DeleteTopic AddPermission RemovePermission Unsubscribe "
        "SetSubscriptionAttributes"
    ),
    "sqs": ("SetQueueAttributes DeleteQueue PurgeQueue AddPermission RemovePermission"),
    "kms": "DisableKey ScheduleKeyDeletion PutKeyPolicy",
    "dynamodb": (
        "DeleteTable UpdateTable UpdateTimeToLive UpdateContinuousBackups "
        "PutResourcePolicy DeleteResourcePolicy"
    ),
    "logs": (
        "DeleteLogGroup DeleteLogStream PutRetentionPolicy DeleteRetentionPolicy "
        "AssociateKmsKey DisassociateKmsKey"
    ),
    "cloudtrail": "StopLogging DeleteTrail UpdateTrail PutEventSelectors",
    "cloudwatch": "DeleteAlarms DisableAlarmActions PutMetricAlarm SetAlarmState",
    "cloudformation": (
        "DeleteStack UpdateStack ExecuteChangeSet UpdateTerminationProtection "
        "SetStackPolicy"
    ),
    "pipes": "StopPipe UpdatePipe DeletePipe",
}
_ACTIONS = {service: set(text.split()) for service, text in RECORDED.items()}

#: Where the name of an event is not that of the operation. Source: Lambda Developer
#: Guide, "Logging Lambda API calls using AWS CloudTrail".
_VERSIONED = {
    "UpdateFunctionCode": "UpdateFunctionCode20150331v2",
    "UpdateFunctionConfiguration": "UpdateFunctionConfiguration20150331v2",
    "DeleteFunction": "DeleteFunction20150331",
    "AddPermission": "AddPermission20150331v2",
    "RemovePermission": "RemovePermission20150331v2",
    "PutFunctionConcurrency": "PutFunctionConcurrency20171031",
    "DeleteFunctionConcurrency": "DeleteFunctionConcurrency20171031",
    "CreateEventSourceMapping": "CreateEventSourceMapping20150331",
    "UpdateEventSourceMapping": "UpdateEventSourceMapping20150331",
    "DeleteEventSourceMapping": "DeleteEventSourceMapping20150331",
}
#: Members that CloudTrail leaves out of Lambda's records (same source).
_LEFT_OUT = {"lambda": {"ZipFile", "Environment"}}
#: How event sources are called where botocore has another name.
_SOURCES = {"cloudwatch": "monitoring"}
#: IAM is a service of the whole partition, and its events come in one Region.
_REGIONS = {"iam": "us-east-1"}
#: By the name that a request is signed for.
_SIGNED = {"monitoring": "cloudwatch"}


@dataclass(frozen=True)
class Call:
    """One management call, as it is recorded."""

    service: str
    action: str
    params: dict[str, Any]

    @property
    def source(self) -> str:
        """The first part of the event source, as in ``monitoring``."""
        return _SOURCES.get(self.service, self.service)

    @property
    def event_name(self) -> str:
        """The name of the event in CloudTrail."""
        versioned = _VERSIONED if self.service == "lambda" else {}
        return versioned.get(self.action, self.action)

    def region(self, called: str) -> str:
        """The region that hears of a call that was made in another."""
        return _REGIONS.get(self.service, called)

    def shown(self) -> dict[str, Any]:
        """The parameters as CloudTrail spells them."""
        left_out = _LEFT_OUT.get(self.service, set())
        return lower_first(
            {name: each for name, each in self.params.items() if name not in left_out}
        )


def lower_first(value: Any) -> Any:
    """Spell members as CloudTrail does: the first letter small, as in ``uUID``."""
    if isinstance(value, dict):
        return {
            name[:1].lower() + name[1:]: lower_first(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [lower_first(each) for each in value]
    return value


@functools.cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], OperationModel]]:
    routes = []
    for action in sorted(_ACTIONS[service]):
        model = shapes.operation(service, action)
        if model is None:
            continue
        pattern = re.escape(model.http["requestUri"].split("?")[0])
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", pattern)
        routes.append((model.http["method"], re.compile(pattern + "/?"), model))
    return routes


def _rest(method: str, path: str) -> tuple[OperationModel, dict[str, str]] | None:
    for service in ("lambda", "pipes"):
        for wanted, pattern, model in _routes(service):
            match = pattern.fullmatch(path)
            if wanted == method and match:
                found = {
                    name: unquote(text) for name, text in match.groupdict().items()
                }
                return model, found
    return None


def may_be(method: str, path: str) -> bool:
    """Tell from its head whether a request of a REST protocol is a call to record."""
    return _rest(method, path) is not None


def _from_form(form: dict[str, str]) -> dict[str, Any]:
    """The parameters of a query: plain ones, and lists of plain ones."""
    params: dict[str, Any] = {}
    for name, text in form.items():
        if name in ("Action", "Version"):
            continue
        member = re.fullmatch(r"(\w+)\.member\.\d+", name)
        if member:
            params.setdefault(member[1], []).append(text)
        elif "." not in name:
            params[name] = text
    return params


def recognise(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> Call | None:
    """Return the management call in a request, or None if it is none that counts."""
    rest = _rest(method, path)
    if rest:
        model, in_path = rest
        members = model.input_shape.members if model.input_shape else {}
        by_location = {
            shape.serialization.get("name", name): name
            for name, shape in members.items()
        }
        try:
            params = json.loads(body or b"{}")
        except ValueError:
            params = {}
        places = {**in_path, **dict(parse_qsl(query))}
        params |= {by_location.get(name, name): text for name, text in places.items()}
        return Call(model.service_model.service_name, model.name, params)
    call = apicall.parse(headers, body)
    if call is None:
        return None
    service = _SIGNED.get(call.service, call.service)
    if service.endswith("CloudTrail_20131101"):
        service = "cloudtrail"
    if service.startswith("GraniteServiceVersion"):
        service = "cloudwatch"
    if call.action not in _ACTIONS.get(service, set()):
        return None
    params = _from_form(call.params) if call.is_query else call.params
    return Call(service, call.action, params)
