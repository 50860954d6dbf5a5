"""One local AWS a run, with the stack in enforce mode in one region and in audit mode in another."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "local-aws"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.append(str(Path(__file__).resolve().parents[2] / "infra"))

import record
from local_aws.process import LocalAws
from local_aws.registry_client import RegistryClient
from program import built
from stack import Stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What compares the calls of all tests comes after them."""
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    # The functions run under the roles of the template: a permission too few fails a test.
    record.begin()
    with LocalAws(enforce_iam=True, record_authorizations=record.CALLS) as aws:
        yield aws


@pytest.fixture(scope="session")
def enforce(aws: LocalAws) -> Stack:
    return Stack(aws, "enforce", "us-east-1").deploy()


@pytest.fixture(scope="session")
def audit(aws: LocalAws) -> Stack:
    return Stack(aws, "audit", "eu-west-1").deploy()


@pytest.fixture(scope="session")
def west(aws: LocalAws) -> Stack:
    """One that tests may take apart and put together again."""
    return Stack(aws, "enforce", "us-west-2", name="west").deploy()


@pytest.fixture(scope="session")
def program() -> Path:
    return built()


@pytest.fixture
def registry(enforce: Stack) -> RegistryClient:
    return RegistryClient(
        enforce.aws.endpoint, account=enforce.aws.account, region=enforce.region
    )


@pytest.fixture(autouse=True)
def no_faults(aws: LocalAws) -> Iterator[None]:
    yield
    aws.control("fault", method="DELETE")
