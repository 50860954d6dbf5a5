"""AWS as far as the functions of the benchmark ask it: every service at one address, and a channel."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from typing import Any
from urllib.parse import parse_qsl

from servers import ACCOUNT, REGION, Handler, Server

TOPIC_ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
#: The calls that are kept: those that change something, tell it, or set an event aside.
EFFECTS = {
    "DeregisterTaskDefinition",
    "Publish",
    "SendMessage",
    "UpdateImageStorageClass",
}
#: Where alerts are posted, beside the calls.
CHANNEL = "/channel"

_FINDINGS = {
    "imageScanStatus": {"status": "COMPLETE"},
    "imageScanFindings": {
        "findingSeverityCounts": {"CRITICAL": 2, "MEDIUM": 7},
        "findings": [
            {
                "name": f"CVE-2026-{1000 + number}",
                "severity": "CRITICAL" if number < 2 else "MEDIUM",
                "attributes": [
                    {"key": "package_name", "value": "openssl"},
                    {"key": "package_version", "value": "3.0.1"},
                ],
            }
            for number in range(9)
        ],
    },
}
_QUERY = """<{0}Response xmlns="http://example.com/"><{0}Result>{1}</{0}Result>\
<ResponseMetadata><RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId>\
</ResponseMetadata></{0}Response>"""
_ANSWERS = {
    "Publish": "<MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId>",
    "GetCallerIdentity": f"<Account>{ACCOUNT}</Account><UserId>AIDA</UserId>"
    f"<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/function/bench</Arn>",
    "ListAccountAliases": "<AccountAliases/><IsTruncated>false</IsTruncated>",
}
_PREFIX = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
_REVISION = f"{_PREFIX}:service-revision/prod/web/1"
_DEPLOYMENT = f"{_PREFIX}:service-deployment/prod/web/1"


class _AwsHandler(Handler):
    server: FakeAws

    def parse_request(self) -> bool:
        # The first line of a request has arrived: from here on it is AWS that is waited for.
        self._began = time.perf_counter()
        self.server.begun()
        return super().parse_request()

    def answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        super().answer(status, body, headers)
        self.server.took(time.perf_counter() - self._began)

    def do_POST(self) -> None:
        body = self.body()
        if self.path.startswith(CHANNEL):
            self._call("Post", self.path)
            self.answer(200, b"ok")
            return
        target = self.headers.get("X-Amz-Target")
        if target is None:
            form = dict(parse_qsl(body.decode()))
            action = form.get("Action", "")
            self._call(action, form.get("TopicArn", ""))
            answer = _QUERY.format(action, _ANSWERS.get(action, ""))
            self.answer(200, answer.encode(), {"Content-Type": "text/xml"})
            return
        operation = target.rsplit(".", 1)[-1]
        on, answer = self._answered(operation, json.loads(body))
        self._call(operation, on)
        version = "1.0" if operation == "SendMessage" else "1.1"
        content_type = {"Content-Type": f"application/x-amz-json-{version}"}
        self.answer(200, json.dumps(answer).encode(), content_type)

    def _answered(
        self, operation: str, asked: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Return what an operation is about, and its answer."""
        match operation:
            case "DescribeTaskDefinition" | "DeregisterTaskDefinition":
                arn = asked["taskDefinition"]
                known = self.server.definitions.get(arn, {})
                return arn, {"taskDefinition": {**known, "taskDefinitionArn": arn}}
            case "DescribeImageScanFindings":
                self.server.digest = asked["imageId"]["imageDigest"]
                return asked["repositoryName"], _FINDINGS
            case "DescribeImages":
                return asked["repositoryName"], {"imageDetails": [self._image(asked)]}
            case "UpdateImageStorageClass":
                answer = {"imageId": asked["imageId"], "imageStatus": "ARCHIVED"}
                return asked["repositoryName"], answer
            case "SendMessage":
                text = asked["MessageBody"].encode()
                digest = hashlib.md5(text, usedforsecurity=False).hexdigest()
                return asked["QueueUrl"], {"MD5OfMessageBody": digest, "MessageId": "1"}
            case "GetSecretValue":
                secret = {"url": f"{self.server.url}{CHANNEL}", "key": "secret"}
                return asked["SecretId"], {"SecretString": json.dumps(secret)}
            case "ListServiceDeployments":
                listed = {"serviceDeploymentArn": _DEPLOYMENT, "status": "IN_PROGRESS"}
                return asked["service"], {"serviceDeployments": [listed]}
            case "DescribeServiceDeployments":
                described = {
                    "serviceDeploymentArn": _DEPLOYMENT,
                    "status": "IN_PROGRESS",
                    "targetServiceRevision": {"arn": _REVISION},
                }
                return _DEPLOYMENT, {"serviceDeployments": [described]}
            case "DescribeServiceRevisions":
                return _REVISION, {"serviceRevisions": [self._revision()]}
            case "UpdateItem":
                # A counter that has been at nothing.
                return asked["TableName"], {"Attributes": {"spent": {"N": "1"}}}
            case _:
                return "?", {}

    def _image(self, asked: dict[str, Any]) -> dict[str, Any]:
        ids = asked.get("imageIds") or [{}]
        return {
            "registryId": ACCOUNT,
            "repositoryName": asked["repositoryName"],
            "imageDigest": ids[0].get("imageDigest", self.server.digest),
            "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
            "imageStatus": "ACTIVE",
        }

    @staticmethod
    def _revision() -> dict[str, Any]:
        registry = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
        return {
            "serviceRevisionArn": _REVISION,
            "taskDefinition": f"{_PREFIX}:task-definition/web:5",
            "containerImages": [
                {
                    "containerName": "app",
                    "image": f"{registry}/team/web:1.0",
                    "imageDigest": "sha256:" + "c3" * 32,
                }
            ],
        }

    def _call(self, operation: str, on: str) -> None:
        self.server.count(operation)
        if operation in EFFECTS or operation == "Post":
            self.server.calls.append(f"{operation} {on}")


class FakeAws(Server):
    """Every service at one address; each call succeeds, and those that change something or tell it are kept.

    The ledger is empty and stays so. The account has no cluster: what is listed of one is held to ten calls a
    second by the functions, on purpose.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        #: What was asked for, and how often.
        self.asked: dict[str, int] = {}
        #: What definitions are, by their ARN.
        self.definitions: dict[str, Any] = {}
        #: Of the image whose findings were asked for last.
        self.digest = ""
        self._seconds = 0.0
        self._answering = 0
        self._changed = threading.Condition()
        super().__init__(_AwsHandler)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.address}"

    def count(self, operation: str) -> None:
        """Keep that a call was made."""
        with self._changed:
            self.asked[operation] = self.asked.get(operation, 0) + 1

    def begun(self) -> None:
        """Keep that a call is being answered."""
        with self._changed:
            self._answering += 1

    def took(self, seconds: float) -> None:
        """Keep how long a call has taken, from its first line to the end of its answer."""
        with self._changed:
            self._answering -= 1
            self._seconds += seconds
            self._changed.notify_all()

    def take(self) -> tuple[list[str], dict[str, int], float]:
        """Return the effects since this was last asked as `Operation resource`, all calls, and their seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._answering <= 0, timeout=1.0)
            taken = self.calls, self.asked, self._seconds
            self.calls, self.asked, self._seconds = [], {}, 0.0
            self._answering = 0
        return taken
