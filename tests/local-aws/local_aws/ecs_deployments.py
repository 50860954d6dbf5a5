"""Deployments of Amazon ECS services.

Adds to MiniStack, which knows none: service deployments that are in progress for some
seconds (in AWS it is minutes), their end by a rollback, and their events.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import ecs as base

from local_aws import ecs_running, eventbridge

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[dict[str, Any]], Answer]

#: How long a deployment is in progress.
SECONDS = 8.0

_KEY = "_serviceDeployments"
_UNFINISHED = ("PENDING", "IN_PROGRESS")


def _arn(kind: str, service: dict[str, Any]) -> str:
    name = service["serviceArn"].rsplit(":service/", 1)[1]
    where = f"{get_region()}:{get_account_id()}"
    return f"arn:aws:ecs:{where}:{kind}/{name}/{uuid.uuid4().hex[:20]}"


def _record(service: dict[str, Any]) -> None:
    """Begin a service deployment, unless that of the service's is known already."""
    known = service.setdefault(_KEY, [])
    deployment_id = service["deployments"][0]["id"]
    if known and known[0]["id"] == deployment_id:
        return
    for before in known:
        if _status(before) in _UNFINISHED:
            before["status"] = "STOPPED"
    finished = [one for one in known if _status(one) == "SUCCESSFUL"]
    known.insert(
        0,
        {
            "id": deployment_id,
            "arn": _arn("service-deployment", service),
            "status": "IN_PROGRESS",
            "createdAt": time.time(),
            "target": ecs_running.revision_of(service, service["deployments"][0]),
            "sources": [one["target"] for one in finished[:1]],
        },
    )
    eventbridge.emit(
        "aws.ecs",
        "ECS Deployment State Change",
        {
            "eventType": "INFO",
            "eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS",
            "deploymentId": deployment_id,
            "reason": f"ECS deployment {deployment_id} in progress.",
        },
        [service["serviceArn"]],
    )


def _status(deployment: dict[str, Any]) -> str:
    is_over = time.time() > deployment["createdAt"] + SECONDS
    if deployment["status"] in _UNFINISHED and is_over:
        deployment["status"] = "SUCCESSFUL"
    return deployment["status"]


def _recorded(handler: Handler) -> Handler:
    def call(data: dict[str, Any]) -> Answer:
        status, headers, body = handler(data)
        if status < 400:
            arn = json.loads(body)["service"]["serviceArn"]
            _record(base._services[arn.rsplit(":service/", 1)[1]])
        return status, headers, body

    return call


def _brief(service: dict[str, Any], deployment: dict[str, Any]) -> dict[str, Any]:
    return {
        "serviceDeploymentArn": deployment["arn"],
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "createdAt": deployment["createdAt"],
        "startedAt": deployment["createdAt"],
        "targetServiceRevisionArn": deployment["target"]["serviceRevisionArn"],
        "status": _status(deployment),
    }


def list_deployments(data: dict[str, Any]) -> Answer:
    """ListServiceDeployments: of one service, newest first, by status if asked."""
    name = data.get("service", "").rsplit("/", 1)[-1]
    cluster = data.get("cluster", "default").rsplit("/", 1)[-1]
    service = base._services.get(f"{cluster}/{name}")
    if service is None:
        return error_response_json(
            "ServiceNotFoundException", "Service not found.", 400
        )
    wanted = data.get("status")
    found = [_brief(service, one) for one in service.get(_KEY, [])]
    found = [one for one in found if not wanted or one["status"] in wanted]
    return json_response({"serviceDeployments": found})


def _all() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    services = base._services.values()
    return [(service, one) for service in services for one in service.get(_KEY, [])]


def describe_deployments(data: dict[str, Any]) -> Answer:
    """DescribeServiceDeployments: with what they bring and what they replace."""
    found, failures = [], []
    for arn in data.get("serviceDeploymentArns", []):
        match = [pair for pair in _all() if pair[1]["arn"] == arn]
        if not match:
            failures.append({"arn": arn, "reason": "MISSING"})
        for service, one in match:
            brief = _brief(service, one)
            target = brief.pop("targetServiceRevisionArn")
            sources = [{"arn": each["serviceRevisionArn"]} for each in one["sources"]]
            found.append(
                {
                    **brief,
                    "targetServiceRevision": {"arn": target},
                    "sourceServiceRevisions": sources,
                }
            )
    return json_response({"serviceDeployments": found, "failures": failures})


def describe_revisions(data: dict[str, Any]) -> Answer:
    """DescribeServiceRevisions: of what is deployed no more as well."""
    status, headers, body = ecs_running.describe_revisions(data)
    if status >= 400:
        return status, headers, body
    answer = json.loads(body)
    before = {one["target"]["serviceRevisionArn"]: one["target"] for _, one in _all()}
    missing = [each["arn"] for each in answer["failures"]]
    answer["serviceRevisions"] += [before[arn] for arn in missing if arn in before]
    answer["failures"] = [
        each for each in answer["failures"] if each["arn"] not in before
    ]
    return json_response(answer)


def stop_deployment(data: dict[str, Any]) -> Answer:
    """StopServiceDeployment: rolls back what is not over."""
    arn = data.get("serviceDeploymentArn", "")
    match = [pair for pair in _all() if pair[1]["arn"] == arn]
    if not match:
        return error_response_json(
            "ServiceDeploymentNotFoundException", "Service deployment not found.", 400
        )
    ((service, deployment),) = match
    if _status(deployment) not in _UNFINISHED or not deployment["sources"]:
        return error_response_json(
            "ConflictException", "The service deployment cannot be stopped.", 400
        )
    source = deployment["sources"][0]
    base_update(
        {
            "cluster": service["clusterArn"],
            "service": service["serviceName"],
            "taskDefinition": source["taskDefinition"],
            "forceNewDeployment": True,
        }
    )
    # The rollback is a part of the deployment that it ends, and no deployment of its own.
    deployment |= {
        "status": "ROLLBACK_SUCCESSFUL",
        "id": service["deployments"][0]["id"],
    }
    return json_response({"serviceDeploymentArn": arn})


def deploy_late(
    cluster: str, service: str, definition: str, region: str | None = None
) -> str:
    """Deploy a revision whatever its status is, and return the ARN of the service.

    AWS lets a deregistered revision be used for up to ten minutes. Here UpdateService
    refuses it at once, so that tests need not wait for the end of those.
    """
    data = {"cluster": cluster, "service": service, "taskDefinition": definition}
    status, _headers, body = _recorded(base_update)(data)
    if status >= 400:
        raise ValueError(body.decode())
    return json.loads(body)["service"]["serviceArn"]


def _named(inner: Callable[..., str]) -> Callable[..., str]:
    """Have IAM asked about the service, task or deployment that a call names."""

    def resource(
        service: str, method: str, path: str, headers: Any, body: bytes, *more: Any
    ) -> str:
        operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if service != "ecs" or operation not in _RESOURCES:
            return inner(service, method, path, headers, body, *more)
        kind, member = _RESOURCES[operation]
        data = json.loads(body or b"{}")
        named = data.get(member) or "*"
        name = str(named[0] if isinstance(named, list) else named)
        if name.startswith("arn:"):
            return name
        cluster = data.get("cluster", "default").rsplit("/", 1)[-1]
        where = f"{get_region()}:{get_account_id()}"
        return f"arn:aws:ecs:{where}:{kind}/{cluster}/{name}"

    return resource


_RESOURCES = {
    "UpdateService": ("service", "service"),
    "ListServiceDeployments": ("service", "service"),
    "DescribeServiceDeployments": ("service-deployment", "serviceDeploymentArns"),
    "StopServiceDeployment": ("service-deployment", "serviceDeploymentArn"),
    "StopTask": ("task", "task"),
}

#: UpdateService as MiniStack has it: a rollback may bring back a revision that is INACTIVE.
base_update: Handler = base._update_service


def install() -> None:
    """Put this module's handlers in the place of MiniStack's; after those of ``ecs_running``."""
    iam_actions.extract_resource_arn = _named(iam_actions.extract_resource_arn)
    base._ACTION_MAP.update(
        {
            "CreateService": _recorded(base._ACTION_MAP["CreateService"]),
            "UpdateService": _recorded(base._ACTION_MAP["UpdateService"]),
            "ListServiceDeployments": list_deployments,
            "DescribeServiceDeployments": describe_deployments,
            "DescribeServiceRevisions": describe_revisions,
            "StopServiceDeployment": stop_deployment,
        }
    )
