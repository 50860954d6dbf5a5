"""``dynamodb:LeadingKeys``, which MiniStack does not know: the partition key that a request is about."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ministack.services import dynamodb

Context = Callable[[bytes], dict[str, Any]]

#: A condition of a Query on an attribute: ``#id = :id``.
_EQUALS = re.compile(r"(#?[\w.-]+)\s*=\s*(:\w+)")


def of(data: dict[str, Any]) -> list[str]:
    """Return the values of the partition key that a request names, none for a Scan."""
    name = str(data.get("TableName", "")).rsplit("/", 1)[-1]
    table = dynamodb._tables.get(name)
    if table is None:
        return []
    key = table["pk_name"]
    for member in ("Key", "Item"):
        if key in data.get(member, {}):
            return [_text(data[member][key])]
    names = data.get("ExpressionAttributeNames") or {}
    values = data.get("ExpressionAttributeValues") or {}
    return [
        _text(values[value])
        for attribute, value in _EQUALS.findall(data.get("KeyConditionExpression", ""))
        if names.get(attribute, attribute) == key and value in values
    ]


def _text(value: dict[str, Any]) -> str:
    """Return what a value holds, whatever its type."""
    return str(next(iter(value.values())))


def added_to(inner: Context) -> Context:
    """Return the condition keys of a request with the leading keys among them."""

    def context(body: bytes) -> dict[str, Any]:
        try:
            data = json.loads(body or b"{}")
        except ValueError:
            data = {}
        found = of(data) if isinstance(data, dict) else []
        keys = {"dynamodb:LeadingKeys": found} if found else {}
        return {**inner(body), **keys}

    return context
