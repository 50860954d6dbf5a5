"""ECS task definitions as Amazon ECS treats them.

Replaces MiniStack's handlers for the life of a task definition, and stands in front
of those that use one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import (
    error_response_json,
    json_response,
    request_scope,
)
from ministack.services import ecr
from ministack.services import ecs as base

from local_aws import ecr_images, identity, taskdefs

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[dict[str, Any]], Answer]

_ECR_IMAGE = re.compile(
    r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/"
    r"([^:@]+)(?::([^:@/]+))?(?:@(sha256:[0-9a-f]{64}))?"
)


def _client_error(message: str) -> Answer:
    return error_response_json("ClientException", message, 400)


def _family_and_revision(reference: str) -> tuple[str, str]:
    """Split a name or an ARN of a task definition; the revision may be empty."""
    family, _, revision = reference.rsplit("/", 1)[-1].partition(":")
    return family, revision


def latest_active(family: str) -> dict[str, Any] | None:
    """Return a family's ACTIVE task definition with the highest revision."""
    active = [
        definition
        for definition in base._task_defs.values()
        if definition["family"] == family and definition["status"] == "ACTIVE"
    ]
    return max(active, key=lambda definition: definition["revision"], default=None)


def find(reference: str) -> dict[str, Any] | None:
    """Return the task definition that a family, family:revision or ARN means."""
    family, revision = _family_and_revision(reference)
    if not revision:
        return latest_active(family)
    return base._task_defs.get(base._resolve_td_key(reference))


def register(data: dict[str, Any]) -> Answer:
    """RegisterTaskDefinition."""
    data = taskdefs.normalised_request(data)
    problem = taskdefs.fargate_problem(data)
    if problem:
        return _client_error(problem)
    status, headers, body = _register(data)
    if status >= 400:
        return status, headers, body
    arn = json.loads(body)["taskDefinition"]["taskDefinitionArn"]
    definition = base._task_defs[base._resolve_td_key(arn)]
    taskdefs.complete(definition, data)
    definition["registeredBy"] = identity.current().caller.arn
    answer: dict[str, Any] = {"taskDefinition": definition}
    if data.get("tags"):
        answer["tags"] = data["tags"]
    return json_response(answer)


def deregister(data: dict[str, Any]) -> Answer:
    """DeregisterTaskDefinition: takes no bare family."""
    reference = data.get("taskDefinition", "")
    _family, revision = _family_and_revision(reference)
    if not revision:
        return _client_error("Revision is missing.")
    definition = find(reference)
    if definition is None or definition["status"] == "DELETE_IN_PROGRESS":
        return _client_error("Unable to describe task definition.")
    if definition["status"] == "INACTIVE":
        return json_response({"taskDefinition": definition})
    return _deregister(data)


def describe(data: dict[str, Any]) -> Answer:
    """DescribeTaskDefinition: a bare family means its latest ACTIVE revision."""
    definition = find(data.get("taskDefinition", ""))
    if definition is None:
        return _client_error("Unable to describe task definition.")
    answer: dict[str, Any] = {"taskDefinition": definition}
    if "TAGS" in data.get("include", []):
        answer["tags"] = base._tags.get(definition["taskDefinitionArn"], [])
    return json_response(answer)


def list_definitions(data: dict[str, Any]) -> Answer:
    """ListTaskDefinitions: of exactly one family if asked, in order, in pages."""
    family = data.get("familyPrefix")
    status = data.get("status", "ACTIVE")
    found = [
        definition
        for definition in base._task_defs.values()
        if definition["status"] == status and family in (None, "", definition["family"])
    ]
    found.sort(
        key=lambda definition: (definition["family"], definition["revision"]),
        reverse=data.get("sort") == "DESC",
    )
    arns = [definition["taskDefinitionArn"] for definition in found]
    return _page("taskDefinitionArns", arns, data)


def list_families(data: dict[str, Any]) -> Answer:
    """ListTaskDefinitionFamilies: by prefix, in pages."""
    status = data.get("status", "ACTIVE")
    families = {
        definition["family"]
        for definition in base._task_defs.values()
        if definition["status"] == status
        or (status == "ALL" and definition["status"] != "DELETE_IN_PROGRESS")
    }
    prefix = data.get("familyPrefix") or ""
    return _page(
        "families", sorted(name for name in families if name.startswith(prefix)), data
    )


def delete_definitions(data: dict[str, Any]) -> Answer:
    """DeleteTaskDefinitions: only of what is INACTIVE."""
    deleted, failures = [], []
    for reference in data.get("taskDefinitions", []):
        definition = find(reference) if _family_and_revision(reference)[1] else None
        if definition is None:
            failures.append({"arn": reference, "reason": "TASK_DEFINITION_NOT_FOUND"})
        elif definition["status"] == "ACTIVE":
            failures.append(
                {
                    "arn": definition["taskDefinitionArn"],
                    "reason": "The specified task definition is still in ACTIVE "
                    "status. Please deregister the target and try again.",
                }
            )
        else:
            definition["status"] = "DELETE_IN_PROGRESS"
            deleted.append(definition)
    return json_response({"taskDefinitions": deleted, "failures": failures})


def _page(name: str, items: list[str], data: dict[str, Any]) -> Answer:
    size = data.get("maxResults") or 100
    if not 1 <= size <= 100:
        return error_response_json(
            "InvalidParameterException", "maxResults must be between 1 and 100", 400
        )
    try:
        start = int(data.get("nextToken") or 0)
    except ValueError:
        return error_response_json(
            "InvalidParameterException", "Invalid token in the request.", 400
        )
    answer: dict[str, Any] = {name: items[start : start + size]}
    if start + size < len(items):
        answer["nextToken"] = str(start + size)
    return json_response(answer)


def _only_active(handler: Handler) -> Handler:
    """Let a call through only if the task definition it names is ACTIVE."""

    def checked(data: dict[str, Any]) -> Answer:
        reference = data.get("taskDefinition")
        if not reference:
            return handler(data)
        definition = find(reference)
        if definition is None:
            return _client_error("TaskDefinition not found.")
        if definition["status"] != "ACTIVE":
            return _client_error("TaskDefinition is inactive")
        return handler({**data, "taskDefinition": definition["taskDefinitionArn"]})

    return checked


def _image_digest(name: str) -> str | None:
    """Return the digest of an image in ECR, as it is at this moment."""
    match = _ECR_IMAGE.fullmatch(name)
    if match is None:
        return None
    account, region, repository, tag, digest = match.groups()
    with request_scope(account, region):
        if repository not in ecr._repositories:
            return None
        image_id = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
        image, _code, _reason = ecr_images.lookup(repository, image_id)
    return image["imageDigest"] if image else None


def _with_digests(inner: Callable[..., list[dict[str, Any]]]) -> Callable[..., Any]:
    """Give the containers of a new task the digests of their images."""

    def build(definition: dict[str, Any], overrides: Any) -> list[dict[str, Any]]:
        containers = inner(definition, overrides)
        for container in containers:
            digest = _image_digest(container["image"])
            if digest:
                container["imageDigest"] = digest
        return containers

    return build


def _of_tasks(inner: Callable[..., str]) -> Callable[..., str]:
    """Have IAM asked about the tasks that are described, not about their cluster.

    All of them are in one cluster, so the first stands for the others.
    """

    def resource(
        service: str, method: str, path: str, headers: Any, body: bytes, *more: Any
    ) -> str:
        target = headers.get("x-amz-target", "")
        if service == "ecs" and target.endswith(".DescribeTasks"):
            tasks = json.loads(body or b"{}").get("tasks") or ["*"]
            if str(tasks[0]).startswith("arn:"):
                return str(tasks[0])
        return inner(service, method, path, headers, body, *more)

    return resource


_register: Handler = base._register_task_definition
_deregister: Handler = base._deregister_task_definition


def install() -> None:
    """Put this module's handlers in the place of MiniStack's."""
    iam_actions.extract_resource_arn = _of_tasks(iam_actions.extract_resource_arn)
    base._build_task_containers = _with_digests(base._build_task_containers)
    base._run_task = _only_active(base._run_task)
    base._create_service = _only_active(base._create_service)
    base._update_service = _only_active(base._update_service)
    base._ACTION_MAP.update(
        {
            "RegisterTaskDefinition": register,
            "DeregisterTaskDefinition": deregister,
            "DescribeTaskDefinition": describe,
            "ListTaskDefinitions": list_definitions,
            "ListTaskDefinitionFamilies": list_families,
            "DeleteTaskDefinitions": delete_definitions,
            "RunTask": base._run_task,
            "CreateService": base._create_service,
            "UpdateService": base._update_service,
        }
    )
