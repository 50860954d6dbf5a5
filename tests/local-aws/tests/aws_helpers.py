"""What several tests use besides the fixtures."""

from __future__ import annotations

import io
import json
import sys
import textwrap
import time
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

from local_aws import DEFAULT_REGION
from local_aws.process import LocalAws

BOOTSTRAP = """\
#!{python}
import http.client, json, os, sys

api = os.environ["AWS_LAMBDA_RUNTIME_API"]


{handler}


def exchange(method, path, body=None):
    connection = http.client.HTTPConnection(api, timeout=60)
    connection.request(method, "/2018-06-01/runtime/" + path, body)
    answer = connection.getresponse()
    return answer.headers, answer.read()


while True:
    headers, body = exchange("GET", "invocation/next")
    request = headers["Lambda-Runtime-Aws-Request-Id"]
    try:
        kind, answer = "response", handler(json.loads(body))
    except Exception as error:
        kind = "error"
        answer = {{"errorMessage": str(error), "errorType": type(error).__name__}}
    exchange("POST", f"invocation/{{request}}/{{kind}}", json.dumps(answer))
"""


def eventually(check: Callable[[], Any], timeout: float = 5.0) -> Any:
    """Return what ``check`` returns as soon as that is truthy."""
    deadline = time.monotonic() + timeout
    while True:
        result = check()
        if result or time.monotonic() > deadline:
            assert result, "did not happen in time"
            return result
        time.sleep(0.03)


def zipped(files: dict[str, str | bytes]) -> bytes:
    """Return a zip archive of executable files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def function_zip(handler: str) -> bytes:
    """Return the package of a function whose ``handler`` is given as source."""
    source = textwrap.dedent(handler).strip()
    bootstrap = BOOTSTRAP.format(python=sys.executable, handler=source)
    return zipped({"bootstrap": bootstrap})


class Queue:
    """An SQS queue that a test reads."""

    def __init__(self, aws: LocalAws, region: str = DEFAULT_REGION) -> None:
        self._sqs = aws.client("sqs", region)
        name = f"q-{uuid.uuid4().hex[:12]}"
        self.url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{region}:{aws.account}:{name}"

    def messages(self, count: int = 1, timeout: float = 5.0) -> list[dict[str, Any]]:
        """Wait for ``count`` messages and return them."""
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + timeout
        while len(found) < count and time.monotonic() < deadline:
            answer = self._sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=0,
                MessageAttributeNames=["All"],
            )
            for message in answer.get("Messages", []):
                self._sqs.delete_message(
                    QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"]
                )
                found.append(message)
            if len(found) < count:
                time.sleep(0.03)
        assert len(found) == count, f"{len(found)} messages instead of {count}"
        return found

    def bodies(self, count: int = 1, timeout: float = 5.0) -> list[Any]:
        """Wait for ``count`` messages and return their bodies, decoded."""
        return [
            json.loads(message["Body"]) for message in self.messages(count, timeout)
        ]

    def assert_empty(self, wait: float = 0.4) -> None:
        """Fail if a message arrives within a moment."""
        time.sleep(wait)
        answer = self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        assert not answer.get("Messages"), answer["Messages"]


def register(ecs: Any, family: str = "web", **more: Any) -> dict[str, Any]:
    """Register a small task definition."""
    container = {"name": "main", "image": "nginx:1", "memory": 64}
    return ecs.register_task_definition(
        **{"family": family, "containerDefinitions": [container], **more}
    )["taskDefinition"]
