"""One server for all tests; every test finds it empty."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_helpers import Queue, function_zip
from local_aws import DEFAULT_ACCOUNT, DEFAULT_REGION
from local_aws.process import LocalAws
from local_aws.pump import DEFAULT_DELAY
from local_aws.registry_client import RegistryClient


@pytest.fixture(scope="session")
def server() -> Iterator[LocalAws]:
    """The server, with whatever an earlier test left in it."""
    with LocalAws(retry_base_seconds=0.05) as running:
        yield running


@pytest.fixture
def aws(server: LocalAws) -> LocalAws:
    """The server, empty."""
    server.reset()
    return server


@pytest.fixture
def ecs(aws: LocalAws) -> Any:
    return aws.client("ecs")


@pytest.fixture
def ecr(aws: LocalAws) -> Any:
    """An ECR client, with the repository ``app`` created."""
    client = aws.client("ecr")
    client.create_repository(repositoryName="app")
    return client


@pytest.fixture
def registry(aws: LocalAws) -> RegistryClient:
    return RegistryClient(aws.endpoint)


@pytest.fixture
def queue(aws: LocalAws) -> Queue:
    return Queue(aws)


@pytest.fixture
def tap(aws: LocalAws) -> Callable[..., Queue]:
    """Make a queue that gets the events matching a pattern."""

    def make(pattern: dict[str, Any], region: str = DEFAULT_REGION) -> Queue:
        events = aws.client("events", region)
        queue = Queue(aws, region)
        # What was done before is still under way as an event, which a rule made now would match.
        time.sleep(5 * DEFAULT_DELAY)
        name = f"tap-{uuid.uuid4().hex[:8]}"
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": queue.arn}])
        return queue

    return make


@pytest.fixture
def make_function(aws: LocalAws) -> Callable[..., str]:
    """Create a function from the source of its handler; return its ARN."""

    def make(name: str, handler: str, *, allow_events: bool = True, **more: Any) -> str:
        client = aws.client("lambda")
        settings = {
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": f"arn:aws:iam::{DEFAULT_ACCOUNT}:role/{name}-role",
            "Timeout": 20,
            **more,
        }
        arn = client.create_function(
            FunctionName=name, Code={"ZipFile": function_zip(handler)}, **settings
        )["FunctionArn"]
        if allow_events:
            client.add_permission(
                FunctionName=name,
                StatementId="events",
                Action="lambda:InvokeFunction",
                Principal="events.amazonaws.com",
            )
        return arn

    return make
