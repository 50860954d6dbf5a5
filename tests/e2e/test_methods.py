"""The methods of a quarantine other than the archive, each with a stack whose policy names it."""

from __future__ import annotations

import datetime
import itertools
import json
import re
from typing import Any

import pytest
from local_aws.process import LocalAws
from local_aws.registry_client import RegistryClient
from stack import Stack, eventually, finding
from test_ledger import turn

GUARD = "ImageScanGuard"
SEEDS = (f"methods/{number}" for number in itertools.count(1))


def deploy(aws: LocalAws, folder: Any, name: str, region: str, method: str) -> Stack:
    policy = folder / "policy.yaml"
    policy.write_text(f"version: 1\nquarantine: {method}\n")
    return Stack(aws, "enforce", region, name=name, policy=policy).deploy()


@pytest.fixture(scope="module")
def untag(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    folder = tmp_path_factory.mktemp("untag")
    return deploy(aws, folder, "untag", "eu-west-2", "{method: untag}")


@pytest.fixture(scope="module")
def delete(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    folder = tmp_path_factory.mktemp("delete")
    method = "{method: delete, delete-after-days: 7}"
    return deploy(aws, folder, "delete", "eu-west-3", method)


def registry_of(stack: Stack) -> RegistryClient:
    return RegistryClient(
        stack.aws.endpoint, account=stack.aws.account, region=stack.region
    )


def scan(stack: Stack, name: str, digest: str) -> dict[str, Any]:
    """Finds something critical in an image, and gives the line of log of what came of it."""
    stack.handled("ImagePushGuard", f"{name}@{digest}")
    body = {
        "repo": name,
        "digest": digest,
        "region": stack.region,
        "findings": [finding("CRITICAL")],
    }
    stack.aws.control("scan", body)
    return stack.handled(GUARD, f"{name}@")[0]


def tags(stack: Stack, name: str, digest: str) -> list[str]:
    answer = stack.client("ecr").describe_images(
        repositoryName=name, imageIds=[{"imageDigest": digest}]
    )
    return sorted(answer["imageDetails"][0].get("imageTags", []))


def digests(stack: Stack, name: str) -> set[str]:
    answer = stack.client("ecr").describe_images(
        repositoryName=name, filter={"imageStatus": "ANY"}
    )
    return {image["imageDigest"] for image in answer["imageDetails"]}


def quarantine_tag(digest: str) -> str:
    today = datetime.datetime.now(datetime.UTC)
    return f"quarantine-{today:%Y%m%d}-{digest.split(':')[1][:12]}"


# ---- untag -------------------------------------------------------------------------


def undo(stack: Stack, command: str) -> None:
    """Makes the calls of an undo command, as the AWS CLI and jq would."""
    ecr = stack.client("ecr")
    [name] = set(re.findall(r"--repository-name (\S+)", command))
    [digest] = set(re.findall(r"--image-ids imageDigest=(\S+)", command))
    if "put-image" in command:
        types = re.search(r"--accepted-media-types (.+?) --output", command)
        assert types
        got = ecr.batch_get_image(
            repositoryName=name,
            imageIds=[{"imageDigest": digest}],
            acceptedMediaTypes=types[1].split(),
        )
        [image] = got["images"]
        [tag] = re.findall(r'imageTag: "([^"]+)"', command)
        assert f'imageDigest: "{digest}"' in command
        ecr.put_image(
            repositoryName=name,
            imageManifest=image["imageManifest"],
            imageManifestMediaType=image["imageManifestMediaType"],
            imageDigest=digest,
            imageTag=tag,
        )
        return
    [tag] = re.findall(r"--image-ids imageTag=(\S+)", command)
    if len(tags(stack, name, digest)) > 1:
        answer = ecr.batch_delete_image(
            repositoryName=name, imageIds=[{"imageTag": tag}]
        )
        assert answer["failures"] == []


@pytest.mark.parametrize("mutability", ["MUTABLE", "IMMUTABLE"])
def test_a_bad_image_loses_its_tags_and_its_undo_brings_them_back(
    untag: Stack, mutability: str
) -> None:
    name = f"untagged-{mutability.lower()}"
    ecr = untag.client("ecr")
    ecr.create_repository(repositoryName=name, imageTagMutability=mutability)
    registry = registry_of(untag)
    seed = next(SEEDS)
    digest = registry.push_image(name, "1.0", seed=seed)
    assert registry.push_image(name, "stable", seed=seed) == digest
    line = scan(untag, name, digest)
    assert (line["decision"], line["effects"]) == ("deny", "done"), str(line)
    assert tags(untag, name, digest) == [quarantine_tag(digest)]
    assert untag.image_status(name, digest) == "ACTIVE"
    for tag in ("1.0", "stable"):
        assert registry.pull_status(name, tag) == 404
    assert registry.pull_status(name, digest) == 200
    # Our own push of the quarantine tag is judged, and changes nothing more.
    pushes = untag.handled("ImagePushGuard", f"{name}@", 3)
    assert tags(untag, name, digest) == [quarantine_tag(digest)], str(pushes)
    messages = untag.alerts_about(f"{name}@")
    actions = messages[0]["alert"]["actions"]
    assert [action["action"] for action in actions] == [
        "tag-image",
        "untag-image",
        "untag-image",
    ]
    # The image is still bad, so whoever undoes it has the functions pause, or releases it, first.
    turn(untag, "paused")
    try:
        for action in reversed(actions):
            undo(untag, action["undo"]["command"])
        untag.handled("ImagePushGuard", f"{name}@", 5)
        assert tags(untag, name, digest) == ["1.0", "stable"]
    finally:
        turn(untag, "running")
    for tag in ("1.0", "stable"):
        assert registry.pull_status(name, tag) == 200


def test_an_index_and_its_platforms_lose_their_tags(untag: Stack) -> None:
    name = "untagged-index"
    untag.client("ecr").create_repository(repositoryName=name)
    registry = registry_of(untag)
    amd64 = registry.push_image(name, "1.0-amd64", seed=next(SEEDS))
    arm64 = registry.push_image(name, seed=next(SEEDS), architecture="arm64")
    index, _ = registry.push_index(name, "1.0", [(amd64, "amd64"), (arm64, "arm64")])
    line = scan(untag, name, amd64)
    assert (line["decision"], line["effects"]) == ("deny", "done"), str(line)
    assert tags(untag, name, index) == [quarantine_tag(index)]
    assert tags(untag, name, amd64) == [quarantine_tag(amd64)]
    assert tags(untag, name, arm64) == []
    assert digests(untag, name) == {amd64, arm64, index}


def test_an_image_without_a_tag_is_left_and_told(untag: Stack) -> None:
    name = "never-tagged"
    untag.client("ecr").create_repository(repositoryName=name)
    digest = registry_of(untag).push_image(name, seed=next(SEEDS))
    line = scan(untag, name, digest)
    assert (line["decision"], line["effects"]) == ("deny", "")
    [message] = untag.alerts_about(f"{name}@")
    assert message["alert"]["withheld"].startswith("it has no tag to remove")


# ---- delete ------------------------------------------------------------------------


def entries(stack: Stack, digest: str) -> list[dict[str, Any]]:
    """What is in quarantine of this digest."""
    answer = stack.client("dynamodb").query(
        TableName=stack.outputs["LedgerName"],
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": {"S": "quarantine"}},
    )
    return [item for item in answer["Items"] if digest in item["part"]["S"]]


def age(stack: Stack, digest: str, days: int) -> None:
    """Has an image be in quarantine for so many days."""
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)
    for item in entries(stack, digest):
        stack.client("dynamodb").update_item(
            TableName=stack.outputs["LedgerName"],
            Key={"id": item["id"], "part": item["part"]},
            UpdateExpression="SET #at = :at",
            ExpressionAttributeNames={"#at": "at"},
            ExpressionAttributeValues={":at": {"S": f"{then:%Y-%m-%dT%H:%M:%SZ}"}},
        )


def review(stack: Stack) -> None:
    """Has a day begin."""
    event = {
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000001",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": stack.aws.account,
        "time": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": stack.region,
        "resources": [],
        "detail": {},
    }
    answer = stack.client("lambda").invoke(
        FunctionName=stack.outputs[f"{GUARD}Name"], Payload=json.dumps(event)
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


def test_an_image_is_archived_at_once_and_deleted_when_its_days_are_over(
    delete: Stack,
) -> None:
    name = "deleted"
    delete.client("ecr").create_repository(repositoryName=name)
    registry = registry_of(delete)
    amd64 = registry.push_image(name, seed=next(SEEDS))
    arm64 = registry.push_image(name, seed=next(SEEDS), architecture="arm64")
    other = registry.push_image(name, "2.0", seed=next(SEEDS))
    index, _ = registry.push_index(name, "1.0", [(amd64, "amd64"), (arm64, "arm64")])
    line = scan(delete, name, amd64)
    assert (line["decision"], line["effects"]) == ("deny", "done"), str(line)
    bad = (index, amd64, arm64)
    assert {delete.image_status(name, digest) for digest in bad} == {"ARCHIVED"}
    for digest in bad:
        age(delete, digest, 6)
    review(delete)
    assert digests(delete, name) == {*bad, other}
    for digest in bad:
        age(delete, digest, 7)
    review(delete)
    assert digests(delete, name) == {other}

    def told() -> list[dict[str, Any]] | None:
        alerts = [message["alert"] for message in delete.alerts_about(f"{name}@")]
        deleted = [a for a in alerts if a["headline"].startswith("Deleted image")]
        return deleted if len(deleted) >= len(bad) else None

    deleted = eventually("every deletion to be told", told)
    # ECR refuses to delete what an index leads to: the index is the first.
    ids = [alert["subject"]["id"].split("@")[1] for alert in deleted]
    assert ids[0] == index and set(ids) == set(bad)
    [action] = deleted[0]["actions"]
    assert action["action"] == "delete-image"
    assert action["undo"]["command"].startswith("# no command")
    [entry] = entries(delete, index)
    assert entry["deletion"]["S"] == "done"
    # It is not looked for again.
    lines = len(delete.lines(GUARD))
    review(delete)
    eventually("the review", lambda: len(delete.lines(GUARD)) > lines)
    assert len(delete.alerts_about(f"{name}@")) == len(deleted) + 1


def test_what_an_index_in_place_leads_to_and_what_runs_stays(delete: Stack) -> None:
    name = "kept"
    delete.client("ecr").create_repository(repositoryName=name)
    registry = registry_of(delete)
    digest = registry.push_image(name, "1.0", seed=next(SEEDS))
    scan(delete, name, digest)
    assert delete.image_status(name, digest) == "ARCHIVED"
    age(delete, digest, 30)
    refuse = {
        "target": "ListClusters",
        "code": "AccessDeniedException",
        "message": "no",
        "times": None,
    }
    delete.aws.control("fault", [refuse])
    review(delete)
    assert digests(delete, name) == {digest}
    withheld = [m["alert"].get("withheld", "") for m in delete.alerts_about(name)]
    assert any(reason.startswith("it is to be deleted") for reason in withheld)
    delete.aws.control("fault", method="DELETE")
    review(delete)
    assert digests(delete, name) == set()
