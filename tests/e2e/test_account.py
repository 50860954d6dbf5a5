"""The command line against an account: what a person at work does, with the real program."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_aws.registry_client import RegistryClient
from person import Person
from stack import Stack, finding, hardened, privileged

SEEDS = (f"account/{number}" for number in itertools.count(1))


@pytest.fixture
def person(program: Path, enforce: Stack, tmp_path: Path) -> Iterator[Person]:
    person = Person(program, enforce, tmp_path)
    yield person
    person.run("resume")


def denied(stack: Stack, registry: RegistryClient, name: str) -> tuple[str, str]:
    """An index with one bad platform, archived by the function; both digests."""
    stack.client("ecr").create_repository(repositoryName=name)
    child = registry.push_image(name, seed=next(SEEDS))
    index, _ = registry.push_index(name, "1.0", [(child, "amd64")])
    stack.handled("ImagePushGuard", f"{name}@{index}")
    body = {
        "repo": name,
        "digest": child,
        "region": stack.region,
        "findings": [finding("CRITICAL")],
    }
    stack.aws.control("scan", body)
    [line] = stack.handled("ImageScanGuard", f"{name}@{child}")
    assert (line["decision"], line["effects"]) == ("deny", "done"), str(line)
    return index, child


def test_what_a_function_archived_is_listed_shown_and_released(
    enforce: Stack, registry: RegistryClient, person: Person
) -> None:
    name = "person/released"
    index, child = denied(enforce, registry, name)
    assert registry.pull_status(name, "1.0") == 404
    listed = json.loads(
        person.does("quarantine", "list", "--repository", name, "--format", "json")
    )
    assert {image["digest"] for image in listed["images"]} == {index, child}
    shown = person.does("quarantine", "show", f"{name}:1.0")
    assert "ARCHIVED" in shown and child in shown and "tidewaiter undo" in shown
    release = ["quarantine", "release", f"{name}:1.0", "--reason", "a false alarm"]
    release += ["--expires", "7d", "--ticket", "SEC-1"]
    person.does(*release, "--dry-run")
    assert enforce.image_status(name, index) == "ARCHIVED"
    status, _, error = person.run(*release)
    assert status == 2 and "--yes" in error
    said = person.does(*release, "--yes")
    assert "within 20 minutes" in said
    assert enforce.image_status(name, index) in ("ACTIVATING", "ACTIVE")
    assert enforce.image_status(name, child) in ("ACTIVATING", "ACTIVE")
    listed = json.loads(
        person.does("quarantine", "list", "--repository", name, "--format", "json")
    )
    assert {image["state"] for image in listed["images"]} == {"released"}
    assert {image["ticket"] for image in listed["images"]} == {"SEC-1"}


def test_an_image_that_a_person_puts_into_quarantine_cannot_be_pulled(
    enforce: Stack, registry: RegistryClient, person: Person
) -> None:
    name = "person/added"
    enforce.client("ecr").create_repository(repositoryName=name)
    digest = registry.push_image(name, "1.0", seed=next(SEEDS))
    enforce.handled("ImagePushGuard", f"{name}@")
    add = ["quarantine", "add", f"{name}:1.0", "--reason", "it phones home"]
    person.does(*add, "--dry-run")
    assert registry.pull_status(name, "1.0") == 200
    person.does(*add, "--yes")
    assert enforce.image_status(name, digest) == "ARCHIVED"
    assert registry.pull_status(name, "1.0") == 404
    assert "already" in person.does(*add, "--yes")


def test_a_person_is_kept_from_breaking_what_runs(
    enforce: Stack, registry: RegistryClient, person: Person
) -> None:
    name = "person-in-use"
    enforce.client("ecr").create_repository(repositoryName=name)
    digest = registry.push_image(name, "1.0", seed=next(SEEDS))
    definition = hardened(name)
    definition["containerDefinitions"][0]["image"] = registry.image_uri(name, "1.0")
    ecs = enforce.client("ecs")
    ecs.register_task_definition(**definition)
    ecs.create_cluster(clusterName=name)
    ecs.run_task(cluster=name, taskDefinition=name)
    add = ["quarantine", "add", f"{name}@{digest}", "--reason", "it phones home"]
    status, out, _ = person.run(*add, "--yes")
    assert status == 1 and "--even-in-use" in out and name in out
    assert enforce.image_status(name, digest) == "ACTIVE"
    person.does(*add, "--yes", "--even-in-use")
    assert enforce.image_status(name, digest) == "ARCHIVED"


def test_a_deregistered_revision_is_undone_by_a_copy_once(
    enforce: Stack, person: Person
) -> None:
    family = "person-undoes"
    answer = enforce.client("ecs").register_task_definition(
        **privileged(family), tags=[{"key": "team", "value": "payments"}]
    )
    arn = answer["taskDefinition"]["taskDefinitionArn"]
    enforce.handled("TaskDefinitionGuard", family)
    assert enforce.status(arn) == "INACTIVE"
    # Else the copy is judged as the revision was.
    person.does("pause", "--reason", "undoing")
    undo = ["undo", f"deregister-task-definition:{arn}", "--reason", "it was right"]
    said = person.does(*undo, "--yes")
    copy = arn.removesuffix(":1") + ":2"
    assert f"registered {copy}" in said
    described = enforce.client("ecs").describe_task_definition(
        taskDefinition=copy, include=["TAGS"]
    )
    assert described["tags"] == [{"key": "team", "value": "payments"}]
    [container] = described["taskDefinition"]["containerDefinitions"]
    assert container["privileged"] is True
    assert "already" in person.does(*undo, "--yes")
    assert enforce.status(copy) == "ACTIVE"
    revisions = enforce.client("ecs").list_task_definitions(familyPrefix=family)
    assert revisions["taskDefinitionArns"] == [copy]


def test_an_archived_image_is_undone_by_the_action_that_alerts_name(
    enforce: Stack, registry: RegistryClient, person: Person
) -> None:
    name = "person/undone"
    index, child = denied(enforce, registry, name)
    arn = f"arn:aws:ecr:{enforce.region}:{enforce.aws.account}:repository/{name}"
    undo = ["undo", f"archive-image:{arn}@{child}", "--reason", "a false alarm"]
    person.does(*undo, "--yes")
    assert enforce.image_status(name, child) in ("ACTIVATING", "ACTIVE")
    assert enforce.image_status(name, index) == "ARCHIVED", "that one alone"
    assert "already" in person.does(*undo, "--yes")


def test_a_pause_holds_a_function_back_within_one_event_and_resume_lets_it_act(
    enforce: Stack, person: Person
) -> None:
    ecs = enforce.client("ecs")

    def registered(family: str) -> str:
        answer = ecs.register_task_definition(**privileged(family))
        enforce.handled("TaskDefinitionGuard", family)
        return answer["taskDefinition"]["taskDefinitionArn"]

    person.does("pause", "--reason", "a release goes out")
    assert enforce.status(registered("person-paused")) == "ACTIVE"
    status = json.loads(person.does("status", "--format", "json"))
    assert status["paused"] and status["switch"]["reason"] == "a release goes out"
    [message] = enforce.alerts_about("person-paused")
    assert "a release goes out" in message["alert"]["held_back"]
    person.does("resume")
    assert enforce.status(registered("person-resumed")) == "INACTIVE"
    status = json.loads(person.does("status", "--format", "json"))
    assert not status["paused"]
    spent = {each["function"]: each["actions"] for each in status["actions_this_hour"]}
    assert spent["task-definition-guard"] >= 1


def test_a_stack_that_does_not_exist_is_said_with_the_way_out(person: Person) -> None:
    status, _, error = person.run("status", stack="no-such-stack")
    assert status == 2
    assert "there is no stack `no-such-stack`" in error and "--ledger" in error


def test_a_table_can_be_named_in_place_of_a_stack(
    enforce: Stack, person: Person
) -> None:
    command = [
        person.program,
        "status",
        "--ledger",
        enforce.outputs["LedgerName"],
        "--endpoint-url",
        enforce.aws.endpoint,
        "--region",
        enforce.region,
    ]
    environment = {
        name: text
        for name, text in person.environment.items()
        if name not in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION")
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert enforce.region in done.stdout


def test_a_profile_gives_credentials_region_and_endpoint(
    enforce: Stack, person: Person, tmp_path: Path
) -> None:
    keys = {
        name: person.environment.pop(name)
        for name in list(person.environment)
        if name.startswith("AWS_")
    }
    person.environment["AWS_EC2_METADATA_DISABLED"] = "true"
    config = tmp_path / ".aws" / "config"
    config.parent.mkdir()
    config.write_text(
        "[profile ops]\n"
        f"region = {enforce.region}\n"
        f"endpoint_url = {enforce.aws.endpoint}\n"
        f"aws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
    )
    assert enforce.region in person.does("status", "--profile", "ops")
    status, _, error = person.run(
        "status", "--profile", "nobody", "--region", "us-east-1"
    )
    assert status == 2 and "nobody" in error


def test_without_credentials_it_is_said_where_they_are_looked_for(
    person: Person,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        person.environment.pop(name, None)
    person.environment["AWS_EC2_METADATA_DISABLED"] = "true"
    status, out, error = person.run("quarantine", "list")
    assert (status, out) == (2, "")
    assert "credentials are looked for" in error.lower() and "--profile" in error
