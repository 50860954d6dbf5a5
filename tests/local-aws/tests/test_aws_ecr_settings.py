"""Amazon ECR: settings of repositories and of the registry."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from local_aws.registry_client import OCI_MANIFEST, RegistryClient, RegistryError

EXCLUSIONS = [{"filterType": "WILDCARD", "filter": "dev-*"}]


def mutability(ecr: Any, value: str, **more: Any) -> dict[str, Any]:
    return ecr.put_image_tag_mutability(
        repositoryName="app", imageTagMutability=value, **more
    )


def test_exclusion_filters_are_kept_and_replaced(ecr: Any) -> None:
    more = {"imageTagMutabilityExclusionFilters": EXCLUSIONS}
    assert mutability(ecr, "IMMUTABLE_WITH_EXCLUSION", **more)[
        "imageTagMutabilityExclusionFilters"
    ]
    (repository,) = ecr.describe_repositories()["repositories"]
    assert repository["imageTagMutabilityExclusionFilters"] == EXCLUSIONS
    mutability(ecr, "IMMUTABLE")
    (repository,) = ecr.describe_repositories()["repositories"]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert "imageTagMutabilityExclusionFilters" not in repository


def test_repository_can_be_created_with_exclusion_filters(ecr: Any) -> None:
    answer = ecr.create_repository(
        repositoryName="other",
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=EXCLUSIONS,
    )
    shown = answer["repository"]["imageTagMutabilityExclusionFilters"]
    assert shown == EXCLUSIONS


def test_exclusion_filters_need_a_setting_with_exclusion(ecr: Any) -> None:
    with pytest.raises(ClientError, match="InvalidParameterException"):
        mutability(ecr, "IMMUTABLE_WITH_EXCLUSION")
    with pytest.raises(ClientError, match="InvalidParameterException"):
        mutability(ecr, "MUTABLE", imageTagMutabilityExclusionFilters=EXCLUSIONS)


@pytest.mark.parametrize(
    ("setting", "movable", "fixed"),
    [
        ("IMMUTABLE_WITH_EXCLUSION", "dev-1", "v1"),
        ("MUTABLE_WITH_EXCLUSION", "v1", "dev-1"),
    ],
)
def test_excluded_tags_are_treated_the_other_way(
    ecr: Any, registry: RegistryClient, setting: str, movable: str, fixed: str
) -> None:
    mutability(ecr, setting, imageTagMutabilityExclusionFilters=EXCLUSIONS)
    registry.push_image("app", movable, seed=1)
    registry.push_image("app", movable, seed=2)
    registry.push_image("app", fixed, seed=1)
    with pytest.raises(RegistryError, match="TAG_INVALID"):
        registry.push_image("app", fixed, seed=2)


def test_registry_rule_decides_about_scans(ecr: Any) -> None:
    names = ["app", "nope"]
    answer = ecr.batch_get_repository_scanning_configuration(repositoryNames=names)
    (before,) = answer["scanningConfigurations"]
    assert (before["scanOnPush"], before["scanFrequency"]) == (False, "MANUAL")
    assert answer["failures"][0]["failureCode"] == "REPOSITORY_NOT_FOUND"
    rule = {
        "scanFrequency": "SCAN_ON_PUSH",
        "repositoryFilters": [{"filter": "a*", "filterType": "WILDCARD"}],
    }
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[rule])
    assert ecr.get_registry_scanning_configuration()["scanningConfiguration"] == {
        "scanType": "BASIC",
        "rules": [rule],
    }
    (after,) = ecr.batch_get_repository_scanning_configuration(repositoryNames=["app"])[
        "scanningConfigurations"
    ]
    assert (after["scanOnPush"], after["scanFrequency"]) == (True, "SCAN_ON_PUSH")
    assert after["appliedScanFilters"] == rule["repositoryFilters"]


def test_referrers_are_the_images_with_that_subject(
    ecr: Any, registry: RegistryClient
) -> None:
    subject = registry.push_image("app", "1")
    pointer = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1}
    signature = registry.push_image("app", seed="signature", subject=pointer)
    answer = ecr.list_image_referrers(
        repositoryName="app", subjectId={"imageDigest": subject}
    )
    assert [item["digest"] for item in answer["referrers"]] == [signature]


def test_there_are_no_pull_through_cache_rules(ecr: Any) -> None:
    assert ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
