"""The two ends a function sees: Lambda's Runtime API, and AWS. Both are local."""

from __future__ import annotations

import hashlib
import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl

REGION = "eu-central-1"
ACCOUNT = "444455556666"
TOPIC_ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
_RUNTIME = "/2018-06-01/runtime"
#: The calls that are kept: those that change something, tell it, or set an event aside.
EFFECTS = {
    "DeregisterTaskDefinition",
    "Publish",
    "SendMessage",
    "UpdateImageStorageClass",
}


class _Handler(BaseHTTPRequestHandler):
    """Kept-alive connections, and each answer in one packet that leaves at once."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def body(self) -> bytes:
        if "Content-Length" not in self.headers:
            raise ValueError(f"{self.path} came without its length")
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    """A server on a free port of this machine, for a ``with`` block."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[_Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the process at the other end has been killed, or will time out."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Signal(NamedTuple):
    """What a function told the Runtime API, and when (``time.perf_counter``)."""

    kind: str
    at: float
    body: bytes = b""


class _RuntimeHandler(_Handler):
    server: RuntimeApi

    def do_GET(self) -> None:
        if self.path != f"{_RUNTIME}/invocation/next":
            self.answer(404, b"")
            return
        self.server.signals.put(Signal("next", time.perf_counter()))
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.server.request_id(),
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 30_000),
            "Lambda-Runtime-Invoked-Function-Arn": (
                f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:bench"
            ),
        }
        self.server.signals.put(Signal("delivered", time.perf_counter()))
        self.answer(200, event, headers)

    def do_POST(self) -> None:
        at = time.perf_counter()
        kind = self.path.rsplit("/", 1)[-1]  # response, or error
        self.server.signals.put(Signal(kind, at, self.body()))
        self.answer(202, b"")


class RuntimeApi(_Server):
    """The Runtime API for one process of a function."""

    def __init__(self) -> None:
        self.signals: queue.SimpleQueue[Signal] = queue.SimpleQueue()
        self.events: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._requests = 0
        super().__init__(_RuntimeHandler)

    def request_id(self) -> str:
        """Return a new one."""
        self._requests += 1
        return f"8476a536-e9f4-11e8-9739-{self._requests:012}"

    def __exit__(self, *exception: object) -> None:
        self.events.put(None)  # for who waits for the next event
        super().__exit__(*exception)


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
_PUBLISHED = """<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">\
<PublishResult><MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId></PublishResult>\
<ResponseMetadata><RequestId>f187a3c1-376f-11df-8963-01868b7c937a</RequestId>\
</ResponseMetadata></PublishResponse>"""


class _AwsHandler(_Handler):
    server: FakeAws

    def do_POST(self) -> None:
        body = self.body()
        target = self.headers.get("X-Amz-Target")
        if target is None:
            form = dict(parse_qsl(body.decode()))
            self._call(form.get("Action", ""), form.get("TopicArn", ""))
            self.answer(200, _PUBLISHED.encode(), {"Content-Type": "text/xml"})
            return
        operation = target.rsplit(".", 1)[-1]
        asked = json.loads(body)
        answer: dict[str, Any] = {}
        match operation:
            case "DescribeTaskDefinition" | "DeregisterTaskDefinition":
                on = asked["taskDefinition"]
                answer = {"taskDefinition": {"taskDefinitionArn": on}}
            case "DescribeImageScanFindings":
                on = asked["repositoryName"]
                self.server.digest = asked["imageId"]["imageDigest"]
                answer = _FINDINGS
            case "DescribeImages":
                on = asked["repositoryName"]
                answer = {"imageDetails": [self._image(asked)]}
            case "UpdateImageStorageClass":
                on = asked["repositoryName"]
                answer = {"imageId": asked["imageId"], "imageStatus": "ARCHIVED"}
            case "SendMessage":
                on = asked["QueueUrl"]
                text = asked["MessageBody"].encode()
                digest = hashlib.md5(text, usedforsecurity=False).hexdigest()
                answer = {"MD5OfMessageBody": digest, "MessageId": "1"}
            case _:
                on = "?"
        self._call(operation, on)
        version = "1.0" if operation == "SendMessage" else "1.1"
        content_type = {"Content-Type": f"application/x-amz-json-{version}"}
        self.answer(200, json.dumps(answer).encode(), content_type)

    def _image(self, asked: dict[str, Any]) -> dict[str, Any]:
        ids = asked.get("imageIds") or [{}]
        return {
            "registryId": ACCOUNT,
            "repositoryName": asked["repositoryName"],
            "imageDigest": ids[0].get("imageDigest", self.server.digest),
            "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
            "imageStatus": "ACTIVE",
        }

    def _call(self, operation: str, on: str) -> None:
        if operation in EFFECTS:
            self.server.calls.append(f"{operation} {on}")


class FakeAws(_Server):
    """Every service at one address; each call succeeds, and those that change something or tell it are kept.

    The ledger is empty and stays so.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        #: Of the image whose findings were asked for last.
        self.digest = ""
        super().__init__(_AwsHandler)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.address}"

    def take_calls(self) -> list[str]:
        """Return the calls since this was last asked, as `Operation resource`."""
        calls, self.calls = self.calls, []
        return calls
