"""The Docker registry protocol (``/v2/``) in front of the same ECR images.

MiniStack serves the protocol. This adds what ECR does besides: it refuses what the
API would refuse, hides archived and deleted images, and sends events.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ecr as base

from local_aws import cloudtrail, ecr_images, ecr_push, identity
from local_aws.ecr_images import EcrError

_ERROR_CODES = {
    "ImageTagAlreadyExistsException": (400, "TAG_INVALID"),
    "ReferencedImagesNotFoundException": (404, "MANIFEST_BLOB_UNKNOWN"),
    "RepositoryNotFoundException": (404, "NAME_UNKNOWN"),
}

Answer = tuple[int, dict[str, str], bytes]


def _put_manifest(
    name: str, reference: str, headers: dict[str, str], body: bytes
) -> Answer:
    """PUT of a manifest: the end of a push."""
    raw = body or b""
    digest = "sha256:" + hashlib.sha256(raw).hexdigest()
    tag = None if reference.startswith("sha256:") else reference
    try:
        parsed = json.loads(raw or b"{}")
        ecr_push.check_push(name, tag, digest, parsed)
    except ValueError:
        return base._registry_error(400, "MANIFEST_INVALID", "manifest is not JSON")
    except EcrError as error:
        status, code = _ERROR_CODES.get(error.code, (400, "DENIED"))
        return base._registry_error(status, code, error.message)
    if tag is None and reference != digest:
        return base._registry_error(400, "DIGEST_INVALID", "digest does not match")
    before, _code, _reason = ecr_images.lookup(name, {"imageDigest": digest})
    unchanged = (
        before is not None
        and ecr_images.status(before) == "ACTIVE"
        and (tag is None or tag in before["imageTags"])
    )
    # ECR's settings were checked above; MiniStack's check knows no exclusions.
    record = base._repositories[name]
    mutability = record.get("imageTagMutability")
    record["imageTagMutability"] = "MUTABLE"
    try:
        answer = _base_put_manifest(name, reference, headers, raw)
    finally:
        record["imageTagMutability"] = mutability
    if answer[0] < 400 and not unchanged:
        image, _code, _reason = ecr_images.lookup(name, {"imageDigest": digest})
        assert image is not None
        ecr_push.after_push(name, tag, image)
        _publish(name, tag, image)
    return answer


def _publish(name: str, tag: str | None, image: dict[str, Any]) -> None:
    """Record the push as the PutImage call that ECR makes of it."""
    image_id = {
        "imageDigest": image["imageDigest"],
        **({"imageTag": tag} if tag else {}),
    }
    shared = {
        "registryId": get_account_id(),
        "repositoryName": name,
        "imageManifest": image["imageManifest"],
        "imageManifestMediaType": image["imageManifestMediaType"],
    }
    cloudtrail.publish(
        service="ecr",
        action="PutImage",
        account=get_account_id(),
        region=get_region(),
        request=identity.current(),
        params={**shared, **({"imageTag": tag} if tag else {})},
        answer={"image": {**shared, "imageId": image_id}},
    )


def _resolve_manifest(
    name: str, reference: str
) -> tuple[str, bytes, str] | tuple[None, None, None]:
    """Find a manifest to pull, unless its image is archived or deleted."""
    kind = "imageDigest" if reference.startswith("sha256:") else "imageTag"
    image, _code, _reason = ecr_images.lookup(name, {kind: reference})
    if image is None or ecr_images.status(image) != "ACTIVE":
        return None, None, None
    content = image["imageManifest"].encode()
    return image["imageDigest"], content, image["imageManifestMediaType"]


_base_put_manifest = base._v2_put_manifest


def install() -> None:
    """Put this module's functions in the place of MiniStack's."""
    base._v2_put_manifest = _put_manifest
    base._resolve_manifest = _resolve_manifest
