"""The images of an ECR repository, under the API and the registry protocol alike.

MiniStack keeps one record for each image. The storage class and the scan of an image
are kept in that record, so they share its account, region, repository and digest,
and go away with it.
"""

from __future__ import annotations

import base64
import datetime
import json
import re
import time
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import ecr as base

from local_aws import eventbridge
from local_aws.pump import DEFAULT_DELAY

Image = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

INDEX_TYPES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)

#: How long an image stays ACTIVATING after it was restored from the archive.
ACTIVATION_SECONDS = 0.2


class EcrError(Exception):
    """An error to answer an ECR call with."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def answer(self) -> Answer:
        """Return the error as an HTTP answer."""
        return error_response_json(self.code, self.message, 400)


def repository(name: str) -> dict[str, Any]:
    """Return a repository's record, or fail as ECR does."""
    record = base._repositories.get(name)
    if record is None:
        raise EcrError(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry "
            f"with id '{get_account_id()}'",
        )
    return record


def repository_arn(name: str) -> str:
    """Return the ARN of a repository in the current account and region."""
    return f"arn:aws:ecr:{get_region()}:{get_account_id()}:repository/{name}"


def images(name: str) -> list[Image]:
    """Return the records of all images in a repository."""
    return base._images.setdefault(name, [])


def lookup(name: str, image_id: dict[str, str]) -> tuple[Image | None, str, str]:
    """Find an image; without one, return the failure code and reason as well."""
    digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
    if not digest and not tag:
        return (
            None,
            "MissingDigestAndTag",
            "Invalid request parameters: both tag and digest cannot be null",
        )
    for image in images(name):
        if tag and tag in image["imageTags"]:
            if digest and image["imageDigest"] != digest:
                break
            return image, "", ""
        if digest == image["imageDigest"] and not tag:
            return image, "", ""
    else:
        return None, "ImageNotFound", "Requested image not found"
    return None, "ImageTagDoesNotMatchDigest", "Image tag does not match digest"


def find(name: str, image_id: dict[str, str]) -> Image:
    """Return an image's record, or fail as ECR does."""
    repository(name)
    image, _code, _reason = lookup(name, image_id)
    if image is None:
        shown = ", ".join(
            f"{key}:'{image_id.get(key, 'null')}'"
            for key in ("imageDigest", "imageTag")
        )
        raise EcrError(
            "ImageNotFoundException",
            f"The image with imageId {{{shown}}} does not exist within the repository "
            f"with name '{name}' in the registry with id '{get_account_id()}'",
        )
    return image


def status(image: Image) -> str:
    """Return ACTIVE, ARCHIVED or ACTIVATING."""
    if image.get("_archived_at"):
        return "ARCHIVED"
    if time.time() < image.get("_active_from", 0):
        return "ACTIVATING"
    return "ACTIVE"


def archive(image: Image) -> None:
    """Put an image into the archive; its scan results are gone with that."""
    image["_archived_at"] = time.time()
    image.pop("_scan", None)


def restore(image: Image, *, at_once: bool) -> None:
    """Take an image out of the archive."""
    image["_archived_at"] = None
    image["_active_from"] = time.time() + (0 if at_once else ACTIVATION_SECONDS)
    image["_activated_at"] = image["_active_from"]


def manifest(image: Image) -> dict[str, Any]:
    """Return an image's manifest, or nothing if it is not JSON."""
    try:
        parsed = json.loads(image.get("imageManifest") or "{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def is_index(image: Image) -> bool:
    """Tell whether an image is an index, or manifest list, of other images."""
    return image.get("imageManifestMediaType") in INDEX_TYPES


def children(parsed: dict[str, Any]) -> Iterator[str]:
    """Yield the digests of the manifests an index refers to."""
    for child in parsed.get("manifests") or []:
        if child.get("digest"):
            yield child["digest"]


def parents(name: str, digest: str) -> list[Image]:
    """Return the indexes in a repository that refer to an image."""
    return [image for image in images(name) if digest in children(manifest(image))]


def artifact_type(image: Image) -> str | None:
    """Return an image's artifact media type: that of its configuration."""
    parsed = manifest(image)
    config = parsed.get("config") or {}
    return parsed.get("artifactType") or config.get("mediaType")


def tag_is_immutable(record: dict[str, Any], tag: str) -> bool:
    """Tell whether a repository's settings forbid to move a tag."""
    mutability = record.get("imageTagMutability", "MUTABLE")
    if mutability in ("MUTABLE", "IMMUTABLE"):
        return mutability == "IMMUTABLE"
    excluded = any(
        re.fullmatch(re.escape(rule["filter"]).replace(r"\*", ".*"), tag)
        for rule in record.get("imageTagMutabilityExclusionFilters") or []
    )
    return excluded != (mutability == "IMMUTABLE_WITH_EXCLUSION")


def move_tag(name: str, tag: str, target: Image) -> None:
    """Give a tag to an image and take it from any other."""
    for image in images(name):
        if image is not target and tag in image["imageTags"]:
            image["imageTags"].remove(tag)
    if tag not in target["imageTags"]:
        target["imageTags"].append(tag)


def emit_action(
    name: str,
    image: Image,
    action: str,
    *,
    delay: float = DEFAULT_DELAY,
    **more: str | None,
) -> None:
    """Send an ``ECR Image Action`` event about an image after some seconds.

    ``more`` holds further members of the detail; those that are None are left out.
    """
    detail = {
        "result": "SUCCESS",
        "repository-name": name,
        "image-digest": image["imageDigest"],
        "action-type": action,
        **{key.replace("_", "-"): text for key, text in more.items() if text},
    }
    eventbridge.emit("aws.ecr", "ECR Image Action", detail, delay=delay)


def iso(when: float) -> str:
    """Return a time as in ECR's events."""
    moment = datetime.datetime.fromtimestamp(when, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 10000:02d}Z"


def page(
    items: list[Any], data: dict[str, Any], *, default: int = 100, limit: int = 1000
) -> tuple[list[Any], dict[str, str]]:
    """Cut out the page a request asks for; return it and the token for the next."""
    size = data.get("maxResults")
    size = default if size is None else size
    if not 1 <= size <= limit:
        raise EcrError(
            "InvalidParameterException",
            f"Invalid parameter at 'maxResults' failed to satisfy constraint: "
            f"'must be between 1 and {limit}'",
        )
    try:
        token = data.get("nextToken")
        start = int(base64.b64decode(token, validate=True)) if token else 0
    except ValueError:
        raise EcrError("InvalidParameterException", "Invalid nextToken") from None
    more = start + size < len(items)
    following = base64.b64encode(str(start + size).encode()).decode()
    return items[start : start + size], {"nextToken": following} if more else {}
