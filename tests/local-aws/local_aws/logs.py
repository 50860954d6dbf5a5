"""What CloudWatch Logs does and MiniStack does not: metrics in log events, and saved queries."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ministack.core.responses import (
    AccountRegionScopedDict,
    error_response_json,
    json_response,
    new_uuid,
)
from ministack.services import cloudwatch
from ministack.services import cloudwatch_logs as base
from ministack.services.cloudformation import provisioners

Answer = tuple[int, dict[str, str], bytes]

#: The limits of the format: metrics of a directive, dimensions of a set, values of a metric.
_METRICS, _DIMENSIONS, _VALUES = 100, 30, 100

_definitions = AccountRegionScopedDict()


def metrics_in(message: str) -> Iterator[tuple[str, str, float, str, dict[str, str]]]:
    """The data points of a log event in the embedded metric format.

    CloudWatch takes all of a directive or nothing of it.
    """
    try:
        document = json.loads(message)
        directives = document["_aws"]["CloudWatchMetrics"]
        float(document["_aws"]["Timestamp"])
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        try:
            yield from list(_points(document, directive))
        except (KeyError, TypeError, ValueError):
            continue


def _points(
    document: dict[str, Any], directive: dict[str, Any]
) -> Iterator[tuple[str, str, float, str, dict[str, str]]]:
    metrics = directive["Metrics"]
    if len(metrics) > _METRICS:
        raise ValueError("too many metrics")
    for names in directive["Dimensions"]:
        dimensions = {name: document[name] for name in names}
        if len(dimensions) > _DIMENSIONS:
            raise ValueError("too many dimensions")
        if not all(isinstance(v, str) and v for v in dimensions.values()):
            raise ValueError("a dimension has a text that is not empty")
        for metric in metrics:
            value = document[metric["Name"]]
            values = value if isinstance(value, list) else [value]
            if len(values) > _VALUES:
                raise ValueError("too many values")
            for each in values:
                if isinstance(each, bool) or not isinstance(each, int | float):
                    raise TypeError("not a number")
                unit = metric.get("Unit", "None")
                namespace = directive["Namespace"]
                yield namespace, metric["Name"], float(each), unit, dimensions


def _with_metrics(inner: Callable[..., None]) -> Callable[..., None]:
    def append(stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
        inner(stream, events)
        for event in events:
            for point in metrics_in(event["message"]):
                cloudwatch.record_metric(*point)

    return append


def _put(definition: dict[str, Any]) -> str:
    identity = definition.get("queryDefinitionId") or new_uuid()
    _definitions[identity] = {
        "queryDefinitionId": identity,
        "queryLanguage": definition.get("queryLanguage", "CWLI"),
        "name": definition["name"],
        "queryString": definition["queryString"],
        "logGroupNames": definition.get("logGroupNames", []),
    }
    return identity


def _put_query_definition(data: dict[str, Any]) -> Answer:
    identity = data.get("queryDefinitionId")
    if identity and identity not in _definitions:
        return error_response_json("ResourceNotFoundException", "no such query", 400)
    return json_response({"queryDefinitionId": _put(data)})


def _describe_query_definitions(data: dict[str, Any]) -> Answer:
    prefix = data.get("queryDefinitionNamePrefix", "")
    found = (d for d in _definitions.values() if d["name"].startswith(prefix))
    most = data.get("maxResults", 1000)
    return json_response({"queryDefinitions": list(islice(found, most))})


def _delete_query_definition(data: dict[str, Any]) -> Answer:
    if data["queryDefinitionId"] not in _definitions:
        return error_response_json("ResourceNotFoundException", "no such query", 400)
    del _definitions[data["queryDefinitionId"]]
    return json_response({"success": True})


_HANDLERS = {
    "PutQueryDefinition": _put_query_definition,
    "DescribeQueryDefinitions": _describe_query_definitions,
    "DeleteQueryDefinition": _delete_query_definition,
}


def _definition(props: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": props["Name"],
        "queryString": props["QueryString"],
        "logGroupNames": props.get("LogGroupNames", []),
    }


def _create(
    _logical_id: str, props: dict[str, Any], _stack: str
) -> tuple[str, dict[str, Any]]:
    identity = _put(_definition(props))
    return identity, {"QueryDefinitionId": identity}


def _update(
    identity: str, _old: dict[str, Any], new: dict[str, Any], _stack: str
) -> tuple[str, dict[str, Any]]:
    _put(_definition(new) | {"queryDefinitionId": identity})
    return identity, {"QueryDefinitionId": identity}


def _delete(identity: str, _props: dict[str, Any]) -> None:
    _definitions.pop(identity, None)


def reset() -> None:
    """Forget all queries."""
    _definitions.clear()


def install() -> None:
    """Put this module's handlers in front of MiniStack's."""
    base._append_log_events = _with_metrics(base._append_log_events)
    inner = base.handle_request

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Any
    ) -> Answer:
        handler = _HANDLERS.get(headers.get("x-amz-target", "").rpartition(".")[2])
        if handler is None:
            return await inner(method, path, headers, body, query)
        return handler(json.loads(body or b"{}"))

    base.handle_request = handle_request
    provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }
