"""What ECS tells of what runs: the events of tasks, and the revisions of services.

MiniStack announces no task and knows no revision. Here a task is announced when it
runs and when it has stopped, and a service's revision has the digests that its first
task was started from.
"""

from __future__ import annotations

import copy
import json
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

from local_aws import eventbridge

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[dict[str, Any]], Answer]


def _detail(task: dict[str, Any]) -> dict[str, Any]:
    """Return a task as its event shows it: without tags, and without what is unset."""
    shown = copy.deepcopy(task)
    detail = {
        name: value
        for name, value in shown.items()
        if not name.startswith("_") and name != "tags" and value not in (None, "")
    }
    for container in detail["containers"]:
        for name in [name for name, value in container.items() if value is None]:
            del container[name]
    detail["updatedAt"] = base._iso()
    return detail


def _announce(task: dict[str, Any]) -> None:
    detail = _detail(task)
    arn = detail["taskArn"]
    eventbridge.emit("aws.ecs", "ECS Task State Change", detail, [arn])


def _run_and_announce(inner: Handler) -> Handler:
    def run(data: dict[str, Any]) -> Answer:
        status, headers, body = inner(data)
        if status < 400:
            for shown in json.loads(body)["tasks"]:
                task = base._tasks[shown["taskArn"]]
                _pin(task)
                _announce(task)
        return status, headers, body

    return run


def _stop_and_announce(inner: Callable[..., bool]) -> Callable[..., bool]:
    def stop(arn: str, task: dict[str, Any], *more: Any, **named: Any) -> bool:
        is_stopped = inner(arn, task, *more, **named)
        if is_stopped:
            _announce(task)
        return is_stopped

    return stop


# --- Revisions of services -----------------------------------------------------


def _pin(task: dict[str, Any]) -> None:
    """Keep the digests of a deployment's first task for all that follow."""
    deployment = task.get("_deployment_id")
    for service in base._services.values():
        for each in service["deployments"]:
            if each["id"] == deployment:
                each.setdefault(
                    "_pins",
                    {
                        container["name"]: container["imageDigest"]
                        for container in task["containers"]
                        if container.get("imageDigest")
                    },
                )


def _revision_arn(service: dict[str, Any], deployment: dict[str, Any]) -> str:
    cluster = service["clusterArn"].rsplit("/", 1)[-1]
    number = int(deployment["id"].rsplit("/", 1)[-1][:15], 16)
    return (
        f"arn:aws:ecs:{get_region()}:{get_account_id()}:service-revision/"
        f"{cluster}/{service['serviceName']}/{number}"
    )


def revision_of(service: dict[str, Any], deployment: dict[str, Any]) -> dict[str, Any]:
    """Return the revision that a deployment of a service brings."""
    return _revision(_revision_arn(service, deployment), service, deployment)


def _with_revisions(inner: Handler) -> Handler:
    """Name the revisions in force of the services that are described."""

    def describe(data: dict[str, Any]) -> Answer:
        if len(data.get("services", [])) > 10:
            return error_response_json(
                "InvalidParameterException", "Services cannot be more than 10.", 400
            )
        status, headers, body = inner(data)
        if status >= 400:
            return status, headers, body
        answer = json.loads(body)
        for shown in answer["services"]:
            cluster = shown["clusterArn"].rsplit("/", 1)[-1]
            service = base._services[f"{cluster}/{shown['serviceName']}"]
            shown["currentServiceRevisions"] = [
                {
                    "arn": _revision_arn(service, deployment),
                    "requestedTaskCount": deployment["desiredCount"],
                    "runningTaskCount": deployment["runningCount"],
                    "pendingTaskCount": deployment["pendingCount"],
                }
                for deployment in service["deployments"]
            ]
        return json_response(answer)

    return describe


def describe_revisions(data: dict[str, Any]) -> Answer:
    """DescribeServiceRevisions: the images of a revision, with digests once known."""
    wanted = data.get("serviceRevisionArns", [])
    if len(wanted) > 20:
        return error_response_json(
            "InvalidParameterException",
            "Service revisions cannot be more than 20.",
            400,
        )
    known = {
        _revision_arn(service, deployment): (service, deployment)
        for service in base._services.values()
        for deployment in service["deployments"]
    }
    found, failures = [], []
    for arn in wanted:
        if arn in known:
            found.append(_revision(arn, *known[arn]))
        else:
            failures.append({"arn": arn, "reason": "MISSING"})
    return json_response({"serviceRevisions": found, "failures": failures})


def _revision(
    arn: str, service: dict[str, Any], deployment: dict[str, Any]
) -> dict[str, Any]:
    definition = base._task_defs.get(base._resolve_td_key(deployment["taskDefinition"]))
    pins = deployment.get("_pins", {})
    images = []
    for container in (definition or {}).get("containerDefinitions", []):
        name = container["name"]
        image = {"containerName": name, "image": container["image"]}
        if name in pins:
            image["imageDigest"] = pins[name]
        images.append(image)
    return {
        "serviceRevisionArn": arn,
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "taskDefinition": deployment["taskDefinition"],
        "containerImages": images,
        "createdAt": deployment["createdAt"],
    }


def _in_pages(inner: Handler) -> Handler:
    """ListServices: in pages, of ten unless asked otherwise."""

    def listed(data: dict[str, Any]) -> Answer:
        size = data.get("maxResults") or 10
        if not 1 <= size <= 100:
            return error_response_json(
                "InvalidParameterException", "maxResults must be between 1 and 100", 400
            )
        status, headers, body = inner(data)
        if status >= 400:
            return status, headers, body
        arns = json.loads(body)["serviceArns"]
        start = int(data.get("nextToken") or 0)
        answer: dict[str, Any] = {"serviceArns": arns[start : start + size]}
        if start + size < len(arns):
            answer["nextToken"] = str(start + size)
        return json_response(answer)

    return listed


def _of_services(inner: Callable[..., str]) -> Callable[..., str]:
    """Have IAM asked about the services and revisions that are described."""

    def resource(
        service: str, method: str, path: str, headers: Any, body: bytes, *more: Any
    ) -> str:
        target = headers.get("x-amz-target", "")
        if service == "ecs" and target.endswith(".DescribeServices"):
            data = json.loads(body or b"{}")
            name = str((data.get("services") or ["*"])[0])
            cluster = str(data.get("cluster", "default")).rsplit("/", 1)[-1]
            place = f"arn:aws:ecs:{get_region()}:{get_account_id()}"
            is_arn = name.startswith("arn:")
            return name if is_arn else f"{place}:service/{cluster}/{name}"
        if service == "ecs" and target.endswith(".DescribeServiceRevisions"):
            arns = json.loads(body or b"{}").get("serviceRevisionArns") or ["*"]
            return str(arns[0])
        return inner(service, method, path, headers, body, *more)

    return resource


def install() -> None:
    """Put this module's handlers in the place of MiniStack's, after those of `ecs`."""
    iam_actions.extract_resource_arn = _of_services(iam_actions.extract_resource_arn)
    base._run_task = _run_and_announce(base._run_task)
    base._mark_task_stopped = _stop_and_announce(base._mark_task_stopped)
    base._ACTION_MAP.update(
        {
            "RunTask": base._run_task,
            "DescribeServices": _with_revisions(base._describe_services),
            "DescribeServiceRevisions": describe_revisions,
            "ListServices": _in_pages(base._list_services),
        }
    )
