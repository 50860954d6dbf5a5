"""CloudTrail records of calls, delivered as events by EventBridge.

An account with a trail gets an event for every management call that writes, with
the call's record as the event's detail.
"""

from __future__ import annotations

import datetime
import json
import re
import uuid
from typing import Any

from local_aws import eventbridge, management, shapes
from local_aws.identity import RequestInfo

SERVICES = frozenset({"ecs", "ecr"})

_READS = re.compile(r"(Describe|List|Get|BatchGet|BatchCheck|Discover|Validate)")

#: CloudTrail leaves out either element above this size.
_ELEMENT_LIMIT = 100 * 1024
#: EventBridge gets no event at all above this size.
_EVENT_LIMIT = 256 * 1024


def is_recorded(service: str, action: str) -> bool:
    """Tell whether a call reaches EventBridge: a write to ECS or ECR."""
    return service in SERVICES and not _READS.match(action)


def _element(name: str, value: Any) -> Any:
    size = len(json.dumps(value))
    if size <= _ELEMENT_LIMIT:
        return value
    return {"omitted": True, "originalSize": size, "reason": f"{name} too large"}


def _lower_tags(value: Any) -> Any:
    """Spell ECR's ``Key`` and ``Value`` of tags as CloudTrail does."""
    if isinstance(value, dict) and isinstance(value.get("tags"), list):
        tags = [
            {name.lower(): text for name, text in tag.items()} for tag in value["tags"]
        ]
        return {**value, "tags": tags}
    return value


def record(
    *,
    service: str,
    action: str,
    account: str,
    region: str,
    request: RequestInfo,
    params: dict[str, Any],
    answer: dict[str, Any] | None,
    error: tuple[str, str] | None = None,
    request_id: str | None = None,
) -> dict[str, Any]:
    """Return the CloudTrail record of one call."""
    operation = shapes.operation(service, action)
    shape_in = operation.input_shape if operation else None
    shape_out = operation.output_shape if operation else None
    shown_params = shapes.as_cloudtrail(_lower_tags(params), shape_in)
    shown_answer = None
    if error is None and answer:
        shown_answer = shapes.as_cloudtrail(_lower_tags(answer), shape_out)
    detail = _record(
        f"{service}.amazonaws.com",
        action,
        account=account,
        region=region,
        request=request,
        shown_params=shown_params,
        shown_answer=shown_answer,
        error=error,
        request_id=request_id,
    )
    if service == "ecr" and params.get("repositoryName"):
        arn = f"arn:aws:ecr:{region}:{account}:repository/{params['repositoryName']}"
        detail["resources"] = [{"ARN": arn, "accountId": account}]
    return detail


def _record(
    source: str,
    name: str,
    *,
    account: str,
    region: str,
    request: RequestInfo,
    shown_params: Any,
    shown_answer: Any,
    error: tuple[str, str] | None,
    request_id: str | None,
) -> dict[str, Any]:
    identity = request.caller.user_identity()
    if request.invoked_by:
        identity["invokedBy"] = request.invoked_by
    now = datetime.datetime.now(datetime.UTC)
    detail: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": source,
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": request.invoked_by or request.source_ip,
        "userAgent": request.invoked_by or request.user_agent[:1024],
        "requestParameters": _element("requestParameters", shown_params),
        "responseElements": _element("responseElements", shown_answer),
        "requestID": request_id or str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": source.replace(".", f".{region}.", 1),
        },
    }
    if error is not None:
        detail["errorCode"], detail["errorMessage"] = error[0], error[1][:1024]
    return detail


def publish(*, service: str, account: str, region: str, **parts: Any) -> None:
    """Send the record of a call to the region's default event bus."""
    detail = record(service=service, account=account, region=region, **parts)
    if len(json.dumps(detail)) > _EVENT_LIMIT:
        return
    eventbridge.emit(
        f"aws.{service}",
        "AWS API Call via CloudTrail",
        detail,
        account=account,
        region=region,
    )


def publish_management(
    call: management.Call,
    *,
    account: str,
    region: str,
    request: RequestInfo,
    error: tuple[str, str] | None = None,
    request_id: str | None = None,
) -> None:
    """Send the record of a call to a service beside ECS and ECR.

    It is heard of in the region where the call was made, or in the one that the
    service tells of all its calls.
    """
    region = call.region(region)
    operation = shapes.operation(call.service, call.action)
    shape = operation.input_shape if operation else None
    hidden = shapes.as_cloudtrail(call.params, shape)
    shown = management.Call(call.service, call.action, hidden).shown()
    detail = _record(
        f"{call.source}.amazonaws.com",
        call.event_name,
        account=account,
        region=region,
        request=request,
        shown_params=_element("requestParameters", shown),
        shown_answer=None,
        error=error,
        request_id=request_id,
    )
    eventbridge.emit(
        f"aws.{call.source}",
        "AWS API Call via CloudTrail",
        detail,
        account=account,
        region=region,
    )
