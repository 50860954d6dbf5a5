"""The ECR API calls about images that MiniStack gets wrong or lacks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response
from ministack.services import ecr as base

from local_aws import ecr_images, ecr_push, ecr_scans, ecr_settings
from local_aws.ecr_images import Answer, EcrError, Image, page

Handler = Callable[[dict[str, Any]], dict[str, Any]]

_MAX_DELETED = 100


# --- Reading -------------------------------------------------------------------


def _matching(name: str, data: dict[str, Any], default: str) -> list[Image]:
    """Return the images that a request's filter lets through."""
    chosen = data.get("filter") or {}
    wanted = chosen.get("imageStatus", default)
    tagging = chosen.get("tagStatus", "ANY")
    return [
        image
        for image in ecr_images.images(name)
        if wanted in ("ANY", ecr_images.status(image))
        and (tagging == "ANY" or (tagging == "TAGGED") == bool(image["imageTags"]))
    ]


def list_images(data: dict[str, Any]) -> dict[str, Any]:
    """ListImages: an entry for each tag; archived images only if asked for."""
    name = data["repositoryName"]
    ecr_images.repository(name)
    entries: list[dict[str, str]] = []
    for image in _matching(name, data, "ACTIVE"):
        digest = {"imageDigest": image["imageDigest"]}
        tagged = [{**digest, "imageTag": tag} for tag in image["imageTags"]]
        entries += tagged or [digest]
    found, token = page(entries, data)
    return {"imageIds": found, **token}


def _detail(name: str, image: Image) -> dict[str, Any]:
    parsed = ecr_images.manifest(image)
    parts = [parsed.get("config") or {}, *(parsed.get("layers") or [])]
    detail = {
        "registryId": get_account_id(),
        "repositoryName": name,
        "imageDigest": image["imageDigest"],
        "imageTags": list(image["imageTags"]) or None,
        "imageSizeInBytes": sum(part.get("size", 0) for part in parts),
        "imagePushedAt": image["imagePushedAt"],
        "imageManifestMediaType": image["imageManifestMediaType"],
        "artifactMediaType": ecr_images.artifact_type(image),
        "subjectManifestDigest": (parsed.get("subject") or {}).get("digest"),
        "imageStatus": ecr_images.status(image),
        "lastArchivedAt": image.get("_archived_at"),
        "lastActivatedAt": image.get("_activated_at"),
        **ecr_scans.summary(image),
    }
    return {key: value for key, value in detail.items() if value is not None}


def describe_images(data: dict[str, Any]) -> dict[str, Any]:
    """DescribeImages: an unknown image is an error; archived ones if named."""
    name = data["repositoryName"]
    ecr_images.repository(name)
    if data.get("imageIds"):
        chosen = []
        for image_id in data["imageIds"]:
            image = ecr_images.find(name, image_id)
            if image not in chosen:
                chosen.append(image)
        allowed = _matching(name, data, "ANY")
        chosen = [image for image in chosen if image in allowed]
    else:
        chosen = _matching(name, data, "ACTIVE")
    found, token = page(chosen, data)
    return {"imageDetails": [_detail(name, image) for image in found], **token}


def batch_get_image(data: dict[str, Any]) -> dict[str, Any]:
    """BatchGetImage: an archived image cannot be had."""
    name = data["repositoryName"]
    ecr_images.repository(name)
    found, failures = [], []
    for image_id in data.get("imageIds", []):
        image, code, reason = ecr_images.lookup(name, image_id)
        if image is not None and ecr_images.status(image) != "ACTIVE":
            image, code, reason = None, "ImageNotFound", "Requested image not found"
        if image is None:
            failures.append(
                {"imageId": image_id, "failureCode": code, "failureReason": reason}
            )
            continue
        found.append(
            {
                "registryId": get_account_id(),
                "repositoryName": name,
                "imageId": {**image_id, "imageDigest": image["imageDigest"]},
                "imageManifest": image["imageManifest"],
                "imageManifestMediaType": image["imageManifestMediaType"],
            }
        )
    return {"images": found, "failures": failures}


def download_url(data: dict[str, Any]) -> dict[str, Any]:
    """GetDownloadUrlForLayer: a URL of this server."""
    name, digest = data["repositoryName"], data["layerDigest"]
    ecr_images.repository(name)
    if digest not in base._layer_blobs.get(name, {}):
        raise EcrError(
            "LayersNotFoundException",
            f"The layers with digests '[{digest}]' do not exist in the repository "
            f"with name '{name}' in the registry with id '{get_account_id()}'",
        )
    registry = f"{get_account_id()}.dkr.ecr.{get_region()}.amazonaws.com"
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    return {
        "downloadUrl": f"{endpoint}/v2/{name}/blobs/{digest}?ns={registry}",
        "layerDigest": digest,
    }


# --- Deleting and archiving ----------------------------------------------------


def _delete_one(name: str, image_id: dict[str, str]) -> list[dict[str, str]]:
    """Delete or untag one image; return the ids gone. Raises EcrError if it fails."""
    image, code, reason = ecr_images.lookup(name, image_id)
    if image is None:
        raise EcrError(code, reason)
    digest, tag, tags = (
        image["imageDigest"],
        image_id.get("imageTag"),
        image["imageTags"],
    )
    if tag and tags != [tag]:
        tags.remove(tag)
        ecr_images.emit_action(name, image, "DELETE", image_tag=tag)
        return [{"imageDigest": digest, "imageTag": tag}]
    referrers = [parent["imageDigest"] for parent in ecr_images.parents(name, digest)]
    if referrers:
        raise EcrError(
            "ImageReferencedByManifestList",
            f"Requested image referenced by manifest list: [{', '.join(referrers)}]",
        )
    ecr_images.images(name).remove(image)
    base._manifest_blobs.get(name, {}).pop(digest, None)
    for gone in tags or [None]:
        ecr_images.emit_action(name, image, "DELETE", image_tag=gone)
    return [{"imageDigest": digest, "imageTag": gone} for gone in tags] or [
        {"imageDigest": digest}
    ]


def batch_delete_image(data: dict[str, Any]) -> dict[str, Any]:
    """BatchDeleteImage: by tag it takes the tag, and the image with its last tag."""
    name = data["repositoryName"]
    ecr_images.repository(name)
    if len(data.get("imageIds", [])) > _MAX_DELETED:
        raise EcrError(
            "InvalidParameterException",
            "Invalid parameter at 'imageIds' failed to satisfy constraint: "
            f"'Member must have length less than or equal to {_MAX_DELETED}'",
        )
    deleted, failures = [], []
    for image_id in data.get("imageIds", []):
        try:
            deleted += _delete_one(name, image_id)
        except EcrError as error:
            failures.append(
                {
                    "imageId": image_id,
                    "failureCode": error.code,
                    "failureReason": error.message,
                }
            )
    return {"imageIds": deleted, "failures": failures}


def update_storage_class(data: dict[str, Any]) -> dict[str, Any]:
    """UpdateImageStorageClass: into the archive and back."""
    name, target = data["repositoryName"], data.get("targetStorageClass")
    image = ecr_images.find(name, data["imageId"])
    details: dict[str, Any] = {
        "target_storage_class": target,
        "manifest_media_type": image["imageManifestMediaType"],
        "artifact_media_type": ecr_images.artifact_type(image),
    }
    if target == "ARCHIVE":
        active = [
            parent["imageDigest"]
            for parent in ecr_images.parents(name, image["imageDigest"])
            if ecr_images.status(parent) != "ARCHIVED"
        ]
        if active:
            raise EcrError(
                "ImageStorageClassUpdateNotSupportedException",
                f"The image is referenced by manifest list: {active}",
            )
        if ecr_images.status(image) != "ARCHIVED":
            ecr_images.archive(image)
            ecr_images.emit_action(name, image, "UPDATE_STORAGE_CLASS", **details)
    elif target == "STANDARD":
        if ecr_images.status(image) == "ARCHIVED":
            ecr_images.restore(image, at_once=False)
            details["last_activated_at"] = ecr_images.iso(image["_activated_at"])
            details["delay"] = ecr_images.ACTIVATION_SECONDS
            ecr_images.emit_action(name, image, "UPDATE_STORAGE_CLASS", **details)
    else:
        raise EcrError(
            "InvalidParameterException",
            "Invalid parameter at 'targetStorageClass' failed to satisfy constraint",
        )
    return {
        "registryId": get_account_id(),
        "repositoryName": name,
        "imageId": {**data["imageId"], "imageDigest": image["imageDigest"]},
        "imageStatus": ecr_images.status(image),
    }


def _handlers() -> dict[str, Handler]:
    return {
        "BatchDeleteImage": batch_delete_image,
        "BatchGetImage": batch_get_image,
        "DescribeImages": describe_images,
        "GetDownloadUrlForLayer": download_url,
        "ListImages": list_images,
        "PutImage": ecr_push.put_image,
        "UpdateImageStorageClass": update_storage_class,
        **ecr_scans.handlers(),
        **ecr_settings.handlers(),
    }


def install() -> None:
    """Put this module's handlers in front of MiniStack's."""
    own = _handlers()
    inner = base.handle_request

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Any
    ) -> Answer:
        handler = own.get(headers.get("x-amz-target", "").rpartition(".")[2])
        if handler is None:
            return await inner(method, path, headers, body, query)
        try:
            return json_response(handler(json.loads(body or b"{}")))
        except EcrError as error:
            return error.answer()

    base.handle_request = handle_request
