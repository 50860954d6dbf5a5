"""Settings of ECR repositories and of the registry that MiniStack lacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id
from ministack.services import ecr as base

from local_aws import ecr_images
from local_aws.ecr_images import EcrError, page

#: The registry's scanning configuration, under the one key of its account and region.
_SCANNING = AccountRegionScopedDict()
_KEY = "configuration"


def _configuration() -> dict[str, Any]:
    return _SCANNING.get(_KEY) or {"scanType": "BASIC", "rules": []}


def scan_type() -> str:
    """Return BASIC or ENHANCED."""
    return _configuration()["scanType"]


def _rule_covers(rule: dict[str, Any], name: str) -> list[dict[str, str]]:
    """Return the filters of a registry scanning rule that match a repository."""
    return [
        item
        for item in rule.get("repositoryFilters") or []
        if re.fullmatch(re.escape(item["filter"]).replace(r"\*", ".*"), name)
    ]


def scanning_of(name: str) -> dict[str, Any]:
    """Return the scanning configuration that applies to a repository."""
    record = ecr_images.repository(name)
    own = record.get("imageScanningConfiguration") or {}
    frequencies = {}
    for rule in _configuration()["rules"]:
        matching = _rule_covers(rule, name)
        if matching:
            frequencies[rule["scanFrequency"]] = matching
    for frequency in ("CONTINUOUS_SCAN", "SCAN_ON_PUSH", "MANUAL"):
        if frequency in frequencies:
            break
    else:
        frequency = "SCAN_ON_PUSH" if own.get("scanOnPush") else "MANUAL"
    return {
        "repositoryArn": record["repositoryArn"],
        "repositoryName": name,
        "scanOnPush": frequency != "MANUAL",
        "scanFrequency": frequency,
        "appliedScanFilters": frequencies.get(frequency, []),
    }


def put_registry_scanning(data: dict[str, Any]) -> dict[str, Any]:
    """PutRegistryScanningConfiguration."""
    configuration = {
        "scanType": data.get("scanType", "BASIC"),
        "rules": data.get("rules", []),
    }
    _SCANNING[_KEY] = configuration
    return {"registryScanningConfiguration": configuration}


def get_registry_scanning(_data: dict[str, Any]) -> dict[str, Any]:
    """GetRegistryScanningConfiguration."""
    return {"registryId": get_account_id(), "scanningConfiguration": _configuration()}


def batch_get_scanning(data: dict[str, Any]) -> dict[str, Any]:
    """BatchGetRepositoryScanningConfiguration."""
    found, failures = [], []
    for name in data.get("repositoryNames", []):
        if name in base._repositories:
            found.append(scanning_of(name))
        else:
            failures.append(
                {
                    "repositoryName": name,
                    "failureCode": "REPOSITORY_NOT_FOUND",
                    "failureReason": "The repository was not found.",
                }
            )
    return {"scanningConfigurations": found, "failures": failures}


def put_tag_mutability(data: dict[str, Any]) -> dict[str, Any]:
    """PutImageTagMutability: the exclusion filters are replaced with it."""
    record = ecr_images.repository(data["repositoryName"])
    mutability = data["imageTagMutability"]
    filters = data.get("imageTagMutabilityExclusionFilters")
    _check_filters(mutability, filters)
    record["imageTagMutability"] = mutability
    record["imageTagMutabilityExclusionFilters"] = filters
    answer = {
        "registryId": get_account_id(),
        "repositoryName": data["repositoryName"],
        "imageTagMutability": mutability,
        "imageTagMutabilityExclusionFilters": filters,
    }
    return {name: value for name, value in answer.items() if value is not None}


def _check_filters(mutability: str, filters: list[dict[str, str]] | None) -> None:
    if mutability.endswith("_WITH_EXCLUSION") == bool(filters):
        return
    raise EcrError(
        "InvalidParameterException",
        "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy "
        f"constraint: filters and '{mutability}' do not go together",
    )


def list_referrers(data: dict[str, Any]) -> dict[str, Any]:
    """ListImageReferrers: artifacts whose subject is the image, such as signatures."""
    name = data["repositoryName"]
    ecr_images.repository(name)
    subject = data["subjectId"]["imageDigest"]
    chosen = data.get("filter") or {}
    wanted = chosen.get("artifactStatus", "ACTIVE")
    types = chosen.get("artifactTypes")
    referrers = []
    for image in ecr_images.images(name):
        parsed = ecr_images.manifest(image)
        kind = ecr_images.artifact_type(image)
        status = ecr_images.status(image)
        if (parsed.get("subject") or {}).get("digest") != subject:
            continue
        if wanted not in ("ANY", status) or (types and kind not in types):
            continue
        referrers.append(
            {
                "digest": image["imageDigest"],
                "mediaType": image["imageManifestMediaType"],
                "artifactType": kind,
                "size": len(image["imageManifest"]),
                "annotations": parsed.get("annotations") or {},
                "artifactStatus": status,
            }
        )
    found, token = page(referrers, data, default=50, limit=50)
    return {"referrers": found, **token}


def no_pull_through_rules(_data: dict[str, Any]) -> dict[str, Any]:
    """DescribePullThroughCacheRules: there are none."""
    return {"pullThroughCacheRules": []}


def handlers() -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
    """Return the API calls served here."""
    return {
        "BatchGetRepositoryScanningConfiguration": batch_get_scanning,
        "DescribePullThroughCacheRules": no_pull_through_rules,
        "GetRegistryScanningConfiguration": get_registry_scanning,
        "ListImageReferrers": list_referrers,
        "PutImageTagMutability": put_tag_mutability,
        "PutRegistryScanningConfiguration": put_registry_scanning,
    }


def reset() -> None:
    """Forget the registry's settings."""
    _SCANNING.clear()


def install() -> None:
    """Keep exclusion filters in what MiniStack stores and shows of a repository."""
    inner_shape, inner_create = base._repo_shape, base._create_repository

    def shape(record: dict[str, Any]) -> dict[str, Any]:
        filters = record.get("imageTagMutabilityExclusionFilters")
        shown = inner_shape(record)
        return (
            {**shown, "imageTagMutabilityExclusionFilters": filters}
            if filters
            else shown
        )

    def create(data: dict[str, Any]) -> ecr_images.Answer:
        filters = data.get("imageTagMutabilityExclusionFilters")
        try:
            _check_filters(data.get("imageTagMutability", "MUTABLE"), filters)
        except EcrError as error:
            return error.answer()
        answer = inner_create(data)
        record = base._repositories.get(data.get("repositoryName", ""))
        if answer[0] < 400 and record is not None and filters:
            record["imageTagMutabilityExclusionFilters"] = filters
            return base.json_response({"repository": shape(record)})
        return answer

    base._repo_shape, base._create_repository = shape, create
