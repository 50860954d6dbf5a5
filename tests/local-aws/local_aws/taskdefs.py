"""The content of an ECS task definition: what ECS accepts, fills in and derives."""

from __future__ import annotations

import copy
import re
from typing import Any

from local_aws import shapes

#: Lists that ECS shows empty in every container definition it describes.
_CONTAINER_LISTS = (
    "portMappings",
    "environment",
    "mountPoints",
    "volumesFrom",
    "systemControls",
)

#: Container parameters that no Fargate task can have.
_NOT_ON_FARGATE = (
    "disableNetworking",
    "dnsSearchDomains",
    "dnsServers",
    "dockerSecurityOptions",
    "extraHosts",
    "links",
    "privileged",
)

#: Task memory in MiB for each Fargate CPU size: lowest, highest.
_FARGATE_SIZES = {
    "256": (512, 2048),
    "512": (1024, 4096),
    "1024": (2048, 8192),
    "2048": (4096, 16384),
    "4096": (8192, 30720),
    "8192": (16384, 61440),
    "16384": (32768, 122880),
    "32768": (61440, 249856),
}


def _units(text: str, suffix: str) -> str:
    """Return ``1 vCPU`` or ``2GB`` as the number of units ECS stores."""
    match = re.fullmatch(rf"\s*([0-9.]+)\s*{suffix}\s*", text, re.IGNORECASE)
    return str(int(float(match.group(1)) * 1024)) if match else text.strip()


def normalised_request(data: dict[str, Any]) -> dict[str, Any]:
    """Return a RegisterTaskDefinition request with sizes as ECS stores them."""
    data = copy.deepcopy(data)
    if "cpu" in data:
        data["cpu"] = _units(str(data["cpu"]), "vcpu")
    if "memory" in data:
        data["memory"] = _units(str(data["memory"]), "gb")
    return data


def _fargate_obstacle(data: dict[str, Any]) -> str | None:
    """Return why a task definition cannot run on Fargate, or None if it can."""
    if data.get("networkMode") != "awsvpc":
        return "Fargate only supports network mode 'awsvpc'."
    if not data.get("cpu") or not data.get("memory"):
        return "Fargate requires that 'cpu' and 'memory' be defined at the task level."
    low, high = _FARGATE_SIZES.get(data["cpu"], (0, -1))
    if not data["memory"].isdigit() or not low <= int(data["memory"]) <= high:
        return "No Fargate configuration exists for given values."
    if data.get("ipcMode") or data.get("pidMode") == "host":
        return "Fargate supports neither 'ipcMode' nor pidMode 'host'."
    if data.get("placementConstraints") or data.get("inferenceAccelerators"):
        return "Fargate does not support placement constraints or accelerators."
    for volume in data.get("volumes") or []:
        if (volume.get("host") or {}).get("sourcePath"):
            return "Fargate does not support 'host.sourcePath' in volumes."
        if volume.get("dockerVolumeConfiguration"):
            return "Fargate does not support 'dockerVolumeConfiguration'."
    for container in data.get("containerDefinitions") or []:
        obstacle = _fargate_container_obstacle(container)
        if obstacle:
            return obstacle
    return None


def _fargate_container_obstacle(container: dict[str, Any]) -> str | None:
    for name in _NOT_ON_FARGATE:
        if container.get(name):
            return f"Fargate does not support the container parameter '{name}'."
    linux = container.get("linuxParameters") or {}
    added = set((linux.get("capabilities") or {}).get("add") or [])
    if added - {"SYS_PTRACE"}:
        return "Fargate allows to add no capability but SYS_PTRACE."
    for name in ("devices", "sharedMemorySize", "maxSwap", "swappiness"):
        if linux.get(name):
            return f"Fargate does not support the linux parameter '{name}'."
    requirements = container.get("resourceRequirements") or []
    if any(requirement.get("type") == "GPU" for requirement in requirements):
        return "Fargate does not support GPUs."
    return None


def fargate_problem(data: dict[str, Any]) -> str | None:
    """Return why a request that requires Fargate is refused, or None.

    Without FARGATE in ``requiresCompatibilities`` ECS checks none of this.
    """
    if "FARGATE" not in (data.get("requiresCompatibilities") or []):
        return None
    return _fargate_obstacle({"networkMode": "awsvpc", **data})


def compatibilities(data: dict[str, Any]) -> list[str]:
    """Return everything a task definition could run on, as ECS derives it."""
    mode = data.get("networkMode", "bridge")
    if "FARGATE" in (data.get("requiresCompatibilities") or []):
        mode = data.get("networkMode", "awsvpc")
    result = []
    if mode != "awsvpc" and not data.get("proxyConfiguration"):
        result.append("EXTERNAL")
    result.append("EC2")
    windows = str(
        (data.get("runtimePlatform") or {}).get("operatingSystemFamily", "")
    ).startswith("WINDOWS")
    if mode in ("awsvpc", "host") and not windows:
        result.append("MANAGED_INSTANCES")
    if _fargate_obstacle({**data, "networkMode": mode}) is None:
        result.append("FARGATE")
    return result


def complete(definition: dict[str, Any], data: dict[str, Any]) -> None:
    """Bring MiniStack's record of a task definition into the form ECS shows.

    ``data`` is the request that registered it.
    """
    known = shapes.service_model("ecs").shape_for("TaskDefinition").members
    for name in known:
        if name in data:
            definition[name] = copy.deepcopy(data[name])
    if "networkMode" not in data:
        # ECS shows no network mode unless one was given, except for Fargate.
        if "FARGATE" in (data.get("requiresCompatibilities") or []):
            definition["networkMode"] = "awsvpc"
        else:
            definition.pop("networkMode", None)
    definition["compatibilities"] = compatibilities(data)
    for name in [name for name, value in definition.items() if value in ("", None)]:
        del definition[name]
    for container in definition["containerDefinitions"]:
        container.setdefault("cpu", 0)
        container.setdefault("essential", True)
        for name in _CONTAINER_LISTS:
            container.setdefault(name, [])
