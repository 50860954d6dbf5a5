"""Amazon ECR and Amazon Inspector: the events they send."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws_helpers import Queue
from local_aws.process import LocalAws
from local_aws.registry_client import OCI_CONFIG, OCI_MANIFEST, RegistryClient

ACTION = {"source": ["aws.ecr"], "detail-type": ["ECR Image Action"]}
SCAN = {"detail-type": ["ECR Image Scan", "Inspector2 Scan"]}
PUT = {"source": ["aws.ecr"], "detail": {"eventName": ["PutImage"]}}


def test_push_by_registry_is_announced(
    ecr: Any, registry: RegistryClient, tap: Callable[..., Queue]
) -> None:
    actions, records = tap(ACTION), tap(PUT)
    digest = registry.push_image("app", "1")
    (event,) = actions.bodies()
    assert event["resources"] == []
    assert event["detail"] == {
        "result": "SUCCESS",
        "repository-name": "app",
        "image-digest": digest,
        "action-type": "PUSH",
        "image-tag": "1",
    }
    detail = records.bodies()[0]["detail"]
    assert detail["requestParameters"]["imageTag"] == "1"
    image_id = detail["responseElements"]["image"]["imageId"]
    assert image_id == {"imageDigest": digest, "imageTag": "1"}


def test_push_by_api_is_announced_once(
    ecr: Any, registry: RegistryClient, tap: Callable[..., Queue]
) -> None:
    registry.push_image("app", "1")
    text = registry.pull("app", "1").body.decode()
    actions, records = tap(ACTION), tap(PUT)
    ecr.put_image(repositoryName="app", imageManifest=text, imageTag="2")
    assert actions.bodies()[0]["detail"]["image-tag"] == "2"
    assert records.bodies()[0]["detail"]["requestParameters"]["imageTag"] == "2"
    actions.assert_empty()
    records.assert_empty(0)


def test_untagged_push_has_no_tag_in_its_event(
    ecr: Any, registry: RegistryClient, tap: Callable[..., Queue]
) -> None:
    queue = tap(ACTION)
    registry.push_image("app")
    assert "image-tag" not in queue.bodies()[0]["detail"]


def test_push_of_what_is_there_already_is_not_announced(
    ecr: Any, registry: RegistryClient, tap: Callable[..., Queue]
) -> None:
    registry.push_image("app", "1")
    queue = tap(ACTION)
    registry.push_image("app", "1")
    queue.assert_empty()


def test_delete_is_announced_for_each_tag(
    ecr: Any, registry: RegistryClient, tap: Callable[..., Queue]
) -> None:
    digest = registry.push_image("app", "1")
    registry.push_image("app", "2")
    queue = tap({**ACTION, "detail": {"action-type": ["DELETE"]}})
    ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageDigest": digest}])
    details = [event["detail"] for event in queue.bodies(2)]
    assert sorted(detail["image-tag"] for detail in details) == ["1", "2"]
    assert {detail["image-digest"] for detail in details} == {digest}


def test_change_of_storage_class_is_announced(
    ecr: Any, registry: RegistryClient, tap: Callable[..., Queue]
) -> None:
    digest = registry.push_image("app", "1")
    queue = tap({**ACTION, "detail": {"action-type": ["UPDATE_STORAGE_CLASS"]}})
    expected = {
        "result": "SUCCESS",
        "repository-name": "app",
        "image-digest": digest,
        "action-type": "UPDATE_STORAGE_CLASS",
        "target-storage-class": "ARCHIVE",
        "manifest-media-type": OCI_MANIFEST,
        "artifact-media-type": OCI_CONFIG,
    }
    for target in ("ARCHIVE", "STANDARD"):
        ecr.update_image_storage_class(
            repositoryName="app",
            imageId={"imageTag": "1"},
            targetStorageClass=target,
        )
        detail = queue.bodies()[0]["detail"]
        activated = detail.pop("last-activated-at", None)
        assert bool(activated) == (target == "STANDARD")
        assert detail == {**expected, "target-storage-class": target}


def test_finished_basic_scan_is_announced(
    aws: LocalAws, ecr: Any, registry: RegistryClient, tap: Callable[..., Queue]
) -> None:
    digest = registry.push_image("app", "1")
    registry.push_image("app", "latest")
    queue = tap(SCAN)
    findings = [{"name": "CVE-1", "severity": "HIGH"}, {"name": "CVE-2"}]
    aws.control("scan", {"repo": "app", "tag": "1", "findings": findings})
    (event,) = queue.bodies()
    assert event["source"] == "aws.ecr"
    assert event["resources"] == [f"arn:aws:ecr:us-east-1:{aws.account}:repository/app"]
    assert event["detail"] == {
        "scan-status": "COMPLETE",
        "repository-name": "app",
        "image-digest": digest,
        "image-tags": ["1", "latest"],
        "finding-severity-counts": {"HIGH": 1, "UNDEFINED": 1},
    }


def test_failed_scan_has_no_counts_in_its_event(
    aws: LocalAws, ecr: Any, registry: RegistryClient, tap: Callable[..., Queue]
) -> None:
    registry.push_image("app", "1")
    queue = tap(SCAN)
    aws.control("scan", {"repo": "app", "tag": "1", "status": "FAILED"})
    detail = queue.bodies()[0]["detail"]
    assert detail["scan-status"] == "FAILED"
    assert "finding-severity-counts" not in detail


def test_finished_enhanced_scan_is_announced_by_inspector(
    aws: LocalAws, ecr: Any, registry: RegistryClient, tap: Callable[..., Queue]
) -> None:
    digest = registry.push_image("app", "1")
    queue = tap(SCAN)
    found = [{"severity": "HIGH"}, {"severity": "LOW"}]
    aws.control("scan", {"repo": "app", "tag": "1", "enhancedFindings": found})
    (event,) = queue.bodies()
    arn = f"arn:aws:ecr:us-east-1:{aws.account}:repository/app"
    assert event["source"] == "aws.inspector2"
    assert event["resources"] == [arn]
    assert event["detail"]["repository-name"] == arn
    assert event["detail"]["image-digest"] == digest
    assert event["detail"]["scan-status"] == "INITIAL_SCAN_COMPLETE"
    counts = event["detail"]["finding-severity-counts"]
    assert counts == {"CRITICAL": 0, "HIGH": 1, "MEDIUM": 0, "LOW": 1, "TOTAL": 2}


def test_scan_of_an_index_image_has_its_own_digest_and_no_tags(
    aws: LocalAws, ecr: Any, registry: RegistryClient, tap: Callable[..., Queue]
) -> None:
    _parent, (child, _other) = registry.push_index("app", "m")
    queue = tap(SCAN)
    aws.control("scan", {"repo": "app", "digest": child, "findings": []})
    detail = queue.bodies()[0]["detail"]
    assert detail["image-digest"] == child
    assert detail["image-tags"] == []


def test_seed_without_event_sends_none(
    aws: LocalAws, ecr: Any, registry: RegistryClient, tap: Callable[..., Queue]
) -> None:
    registry.push_image("app", "1")
    queue = tap(SCAN)
    aws.control("scan", {"repo": "app", "tag": "1", "findings": [], "emit": False})
    queue.assert_empty()


def test_events_reach_rules_of_their_region_only(
    aws: LocalAws, ecr: Any, tap: Callable[..., Queue]
) -> None:
    aws.client("ecr", "eu-west-1").create_repository(repositoryName="app")
    east, west = tap(ACTION), tap(ACTION, "eu-west-1")
    RegistryClient(aws.endpoint, region="eu-west-1").push_image("app", "1")
    (event,) = west.bodies()
    assert event["region"] == "eu-west-1"
    east.assert_empty()
    scans_east, scans_west = tap(SCAN), tap(SCAN, "eu-west-1")
    aws.control("scan", {"repo": "app", "tag": "1", "region": "eu-west-1"})
    assert json.dumps(scans_west.bodies()[0]).count("eu-west-1") == 2
    scans_east.assert_empty()
