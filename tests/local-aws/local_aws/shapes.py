"""Walk a request or an answer along its shape in the AWS API model.

The model that botocore carries says which members are sensitive, which are
timestamps and how members are spelled. Following it beats keeping lists by hand.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.utils import parse_timestamp

#: What CloudTrail shows instead of a sensitive value, whatever its type was.
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"

_MONTHS = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]

Visit = Callable[[Any, Shape], Any]


@functools.cache
def service_model(service: str) -> ServiceModel:
    """Return the API model of a service, such as ``ecs``."""
    return botocore.session.Session().get_service_model(service)


def operation(service: str, action: str) -> OperationModel | None:
    """Return the model of one API action, or None if there is no such action."""
    model = service_model(service)
    return model.operation_model(action) if action in model.operation_names else None


def walk(value: Any, shape: Shape | None, visit: Visit) -> Any:
    """Copy ``value``, with ``visit`` called on every part that has a known shape.

    ``visit`` returns the part itself to have its insides walked, or anything else
    to put that in its place.
    """
    if shape is None:
        return value
    replaced = visit(value, shape)
    if replaced is not value:
        return replaced
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            name: walk(inner, shape.members.get(name), visit)
            for name, inner in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [walk(inner, shape.member, visit) for inner in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {name: walk(inner, shape.value, visit) for name, inner in value.items()}
    return value


def as_cloudtrail(value: Any, shape: Shape | None) -> Any:
    """Return ``value`` as CloudTrail records it: secrets hidden, dates for display."""

    def visit(part: Any, part_shape: Shape) -> Any:
        if part_shape.metadata.get("sensitive"):
            return HIDDEN
        if part_shape.type_name == "timestamp":
            return display_date(part)
        return part

    return walk(value, shape, visit)


def with_epoch_dates(value: Any, shape: Shape | None) -> Any:
    """Return ``value`` with ISO dates turned into the numbers the JSON API uses."""

    def visit(part: Any, part_shape: Shape) -> Any:
        if part_shape.type_name == "timestamp" and isinstance(part, str):
            return parse_timestamp(part).timestamp()
        return part

    return walk(value, shape, visit)


def display_date(value: Any) -> Any:
    """Return a date the way CloudTrail prints it: ``Nov 20, 2026, 9:00:00 AM``."""
    try:
        when = parse_timestamp(value).astimezone(datetime.UTC)
    except (TypeError, ValueError, OverflowError):
        return value
    half = "AM" if when.hour < 12 else "PM"
    return (
        f"{_MONTHS[when.month - 1]} {when.day}, {when.year}, "
        f"{when.hour % 12 or 12}:{when:%M}:{when:%S} {half}"
    )


def from_cloudformation(value: Any, shape: Shape | None) -> Any:
    """Return CloudFormation properties as the API's request: names and types."""
    if shape is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        result = {}
        for name, inner in value.items():
            member = name[:1].lower() + name[1:]
            if member not in shape.members and name in shape.members:
                member = name
            result[member] = from_cloudformation(inner, shape.members.get(member))
        return result
    if shape.type_name == "list" and isinstance(value, list):
        return [from_cloudformation(inner, shape.member) for inner in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {
            name: from_cloudformation(inner, shape.value)
            for name, inner in value.items()
        }
    if shape.type_name == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    if shape.type_name in ("integer", "long") and isinstance(value, str):
        return int(value)
    if shape.type_name == "string" and isinstance(value, (int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value
