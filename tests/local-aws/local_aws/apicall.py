"""Recognise AWS API calls among the HTTP requests, and answer them with errors."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

_TARGETS = {
    "AmazonEC2ContainerServiceV20141113": "ecs",
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
    "AmazonSQS": "sqs",
    "AWSEvents": "events",
    "AmazonSSM": "ssm",
    "DynamoDB_20120810": "dynamodb",
    "Logs_20140328": "logs",
    "TrentService": "kms",
    "secretsmanager": "secretsmanager",
}
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/")

#: Services whose calls are recorded, and for which no action is overlooked.
RECORDED = frozenset({"ecs", "ecr", "sns", "sqs"})


@dataclass(frozen=True)
class Signature:
    """What the Authorization header tells, unverified."""

    access_key: str = ""
    region: str = ""
    service: str = ""


@dataclass(frozen=True)
class ApiCall:
    """One call of the JSON or the query protocol."""

    service: str
    action: str
    params: dict[str, Any]
    is_query: bool


def signature(headers: dict[str, str]) -> Signature:
    """Read the credential scope of a request."""
    match = _CREDENTIAL.search(headers.get("authorization", ""))
    return Signature(*match.groups()) if match else Signature()


def may_be_api_call(method: str, headers: dict[str, str]) -> bool:
    """Tell from its head whether a request can be a JSON or query protocol call."""
    if method != "POST":
        return False
    content_type = headers.get("content-type", "")
    return "x-amz-target" in headers or content_type.startswith(
        "application/x-www-form-urlencoded"
    )


def parse(headers: dict[str, str], body: bytes) -> ApiCall | None:
    """Return the API call in a request, or None if there is none."""
    target = headers.get("x-amz-target", "")
    scope = signature(headers).service
    if target:
        prefix, _, action = target.rpartition(".")
        try:
            params = json.loads(body or b"{}")
        except ValueError:
            params = {}
        service = _TARGETS.get(prefix, scope or prefix)
        return ApiCall(
            service, action, params if isinstance(params, dict) else {}, False
        )
    try:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    except UnicodeDecodeError:
        return None
    if "Action" not in form:
        return None
    return ApiCall(scope, form["Action"], form, True)


def error_answer(
    call: ApiCall, code: str, message: str, status: int, request_id: str
) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return headers and body of an error in the protocol of the call."""
    if call.is_query:
        fault = "Sender" if status < 500 else "Receiver"
        content_type = "text/xml"
        body = (
            "<ErrorResponse><Error>"
            f"<Type>{fault}</Type><Code>{escape(code)}</Code>"
            f"<Message>{escape(message)}</Message>"
            f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        ).encode()
    else:
        content_type = "application/x-amz-json-1.1"
        if call.service == "sqs":
            content_type = "application/x-amz-json-1.0"
        body = json.dumps({"__type": code, "message": message}).encode()
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-amzn-requestid", request_id.encode()),
    ]
    if not call.is_query:
        headers.append((b"x-amzn-errortype", code.encode()))
    return headers, body


def error_of(body: bytes) -> tuple[str, str]:
    """Return code and message of an error answer in either protocol."""
    try:
        answer = json.loads(body)
    except ValueError:
        text = body.decode(errors="replace")
        found = [
            re.search(f"<{name}>(.*?)</{name}>", text, re.DOTALL)
            for name in ("Code", "Message")
        ]
        return (
            found[0].group(1) if found[0] else "Unknown",
            found[1].group(1) if found[1] else "",
        )
    if not isinstance(answer, dict):
        return "Unknown", ""
    code = str(answer.get("__type") or answer.get("code") or "Unknown")
    message = answer.get("message") or answer.get("Message") or ""
    return code.split("#")[-1], str(message)
