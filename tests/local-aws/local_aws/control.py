"""The control plane: what tests ask of this server and never of AWS."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from ministack import app as ministack
from ministack.core.responses import request_scope

from local_aws import (
    DEFAULT_REGION,
    ecr_images,
    ecr_scans,
    ecr_settings,
    ecs_deployments,
    eventbridge,
    lambdas,
    logs,
)
from local_aws.calls import Fault, Journal
from local_aws.pump import PUMP

PREFIX = "/_local/"

_SCAN_STATUSES = frozenset(
    [
        "IN_PROGRESS",
        "COMPLETE",
        "FAILED",
        "UNSUPPORTED_IMAGE",
        "ACTIVE",
        "PENDING",
        "SCAN_ELIGIBILITY_EXPIRED",
        "FINDINGS_UNAVAILABLE",
        "LIMIT_EXCEEDED",
        "IMAGE_ARCHIVED",
        "IMAGE_SIZE_EXCEEDED",
    ]
)


class ControlError(Exception):
    """A request to the control plane that makes no sense."""


def _account() -> str:
    return os.environ["MINISTACK_ACCOUNT_ID"]


def scan(body: dict[str, Any]) -> dict[str, Any]:
    """Seed the scan of an image, and by default complete it at once."""
    status = body.get("status")
    if status is not None and status not in _SCAN_STATUSES:
        raise ControlError(f"no such scan status: {status}")
    try:
        made = ecr_scans.make(
            findings=body.get("findings"),
            enhanced_findings=body.get("enhancedFindings"),
            enhanced=body.get("enhanced"),
            status=status,
            description=body.get("description", ""),
            counts=body.get("counts"),
        )
        name, digest = body["repo"], body.get("digest")
        with request_scope(
            body.get("account", _account()), body.get("region", DEFAULT_REGION)
        ):
            if body.get("later"):
                ecr_images.repository(name)
                ecr_scans.seed(name, digest or _digest(name, body), made)
                return {"digest": digest, "counts": made.counts}
            image = ecr_images.find(
                name, {"imageDigest": digest} if digest else {"imageTag": body["tag"]}
            )
            if ecr_images.is_index(image):
                raise ControlError("an index is never scanned: name one of its images")
            ecr_scans.seed(name, image["imageDigest"], made)
            ecr_scans.complete(name, image, emit=body.get("emit", True))
            return {"digest": image["imageDigest"], "counts": made.counts}
    except ecr_images.EcrError as error:
        raise ControlError(f"{error.code}: {error.message}") from error
    except KeyError as error:
        raise ControlError(f"missing: {error}") from error


def _digest(name: str, body: dict[str, Any]) -> str:
    return ecr_images.find(name, {"imageTag": body["tag"]})["imageDigest"]


def event(body: dict[str, Any]) -> dict[str, Any]:
    """Put an event on the default bus of its region."""
    with request_scope(_account(), body.get("region", DEFAULT_REGION)):
        return {"id": eventbridge.inject(body)}


def deploy(body: dict[str, Any]) -> dict[str, Any]:
    """Deploy a revision that was deregistered, as ECS does for some minutes more."""
    with request_scope(_account(), body.get("region", DEFAULT_REGION)):
        return {"service": ecs_deployments.deploy_late(**body)}


_BAD_REQUESTS = (ControlError, TypeError, ValueError, AttributeError, re.error)


class Control:
    """The requests below ``/_local/``."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    async def handle(
        self, method: str, path: str, query: str, body: bytes
    ) -> tuple[int, Any]:
        """Serve one request; return status and answer."""
        routes: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "health"): lambda _body: {"status": "ok", "account": _account()},
            ("POST", "fault"): self.set_faults,
            ("GET", "fault"): lambda _body: [vars(f) for f in self.journal.faults],
            ("DELETE", "fault"): lambda _body: self.set_faults([]),
            ("GET", "calls"): lambda _body: self.journal.listing(
                **dict(parse_qsl(query))
            ),
            ("DELETE", "calls"): lambda _body: self.clear_calls(),
        }
        name = path[len(PREFIX) :]
        try:
            parsed = json.loads(body) if body else {}
            if (method, name) == ("POST", "scan"):
                return 200, scan(parsed)
            if (method, name) == ("POST", "event"):
                return 200, await asyncio.to_thread(event, parsed)
            if (method, name) == ("POST", "deploy"):
                return 200, await asyncio.to_thread(deploy, parsed)
            if (method, name) == ("POST", "reset"):
                return 200, await self.reset()
            route = routes.get((method, name))
            if route is None:
                return 404, {"error": f"no such control: {method} {path}"}
            return 200, route(parsed)
        except _BAD_REQUESTS as error:
            return 400, {"error": f"{type(error).__name__}: {error}"}

    def clear_calls(self) -> dict[str, int]:
        """Forget the calls seen so far; return how many they were."""
        count = len(self.journal.calls)
        self.journal.calls.clear()
        return {"forgotten": count}

    def set_faults(self, body: Any) -> dict[str, int]:
        """Replace the faults by the given ones."""
        items = body if isinstance(body, list) else [body]
        self.journal.faults[:] = [Fault(**item) for item in items]
        return {"faults": len(self.journal.faults)}

    async def reset(self) -> dict[str, str]:
        """Return everything to the state right after the start."""
        async with ministack._get_reset_lock():
            await asyncio.to_thread(self.reset_now)
        return {"reset": "ok"}

    def reset_now(self) -> None:
        """Forget all state, here and in MiniStack."""
        PUMP.clear()
        ministack._reset_all_state()
        lambdas.reset()
        ecr_scans.reset()
        ecr_settings.reset()
        logs.reset()
        self.journal.reset()
