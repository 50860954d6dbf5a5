"""Pushing images to ECR, by the API and by the registry protocol."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import ecr as base

from local_aws import ecr_images, ecr_scans, ecr_settings
from local_aws.ecr_images import EcrError, Image


def _media_type(data: dict[str, Any], parsed: dict[str, Any]) -> str:
    if data.get("imageManifestMediaType"):
        return data["imageManifestMediaType"]
    if parsed.get("mediaType"):
        return parsed["mediaType"]
    if "manifests" in parsed:
        return "application/vnd.oci.image.index.v1+json"
    return "application/vnd.docker.distribution.manifest.v2+json"


def check_push(name: str, tag: str | None, digest: str, parsed: dict[str, Any]) -> None:
    """Refuse a push that ECR would refuse, whether by API or by registry."""
    record = ecr_images.repository(name)
    present = {image["imageDigest"]: image for image in ecr_images.images(name)}
    missing = [child for child in ecr_images.children(parsed) if child not in present]
    if missing:
        raise EcrError(
            "ReferencedImagesNotFoundException",
            f"Images with digests '{missing}' required for pushing image into "
            f"repository with name '{name}' in the registry with id "
            f"'{get_account_id()}' do not exist",
        )
    holder, _code, _reason = (
        ecr_images.lookup(name, {"imageTag": tag}) if tag else (None, "", "")
    )
    if (
        holder is not None
        and holder["imageDigest"] != digest
        and ecr_images.tag_is_immutable(record, tag or "")
    ):
        raise EcrError(
            "ImageTagAlreadyExistsException",
            f"The image tag '{tag}' already exists in the '{name}' repository and "
            "cannot be overwritten because the tag is immutable.",
        )


def put_image(data: dict[str, Any]) -> dict[str, Any]:
    """PutImage."""
    name, tag = data["repositoryName"], data.get("imageTag")
    ecr_images.repository(name)
    raw = data.get("imageManifest", "")
    try:
        parsed = json.loads(raw)
    except ValueError:
        raise EcrError(
            "InvalidParameterException",
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: "
            "'Invalid JSON syntax'",
        ) from None
    digest = "sha256:" + hashlib.sha256(raw.encode()).hexdigest()
    if data.get("imageDigest", digest) != digest:
        raise EcrError(
            "ImageDigestDoesNotMatchException",
            f"The specified image digest does not match the digest ECR calculated "
            f"for the image: {digest}",
        )
    image, _code, _reason = ecr_images.lookup(name, {"imageDigest": digest})
    archived = image is not None and ecr_images.status(image) == "ARCHIVED"
    if image and not archived and (not tag or tag in image["imageTags"]):
        raise EcrError(
            "ImageAlreadyExistsException",
            f"Image with digest '{digest}' and tag '{tag}' already exists in the "
            f"repository with name '{name}' in registry with id '{get_account_id()}'",
        )
    check_push(name, tag, digest, parsed)
    if image is None:
        image = {
            "registryId": get_account_id(),
            "repositoryName": name,
            "imageId": {"imageDigest": digest},
            "imageDigest": digest,
            "imageManifest": raw,
            "imageManifestMediaType": _media_type(data, parsed),
            "imageTags": [],
            "imagePushedAt": int(time.time()),
        }
        ecr_images.images(name).append(image)
        base._manifest_blobs.setdefault(name, {})[digest] = raw.encode()
    after_push(name, tag, image)
    return {
        "image": {
            "registryId": get_account_id(),
            "repositoryName": name,
            "imageId": {"imageDigest": digest, **({"imageTag": tag} if tag else {})},
            "imageManifest": raw,
            "imageManifestMediaType": image["imageManifestMediaType"],
        }
    }


def after_push(name: str, tag: str | None, image: Image) -> None:
    """Do what follows any push: tag, restore, announce, scan on push."""
    if tag:
        ecr_images.move_tag(name, tag, image)
    if ecr_images.status(image) == "ARCHIVED":
        ecr_images.restore(image, at_once=True)
    ecr_images.emit_action(name, image, "PUSH", image_tag=tag)
    settings = ecr_settings.scanning_of(name)
    if settings["scanOnPush"] and not ecr_images.is_index(image):
        ecr_scans.begin(name, image)
