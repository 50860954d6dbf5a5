"""What both ends that a function sees are made of, and the one that is Lambda's Runtime API."""

from __future__ import annotations

import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

REGION = "eu-central-1"
ACCOUNT = "444455556666"
_RUNTIME = "/2018-06-01/runtime"


class Handler(BaseHTTPRequestHandler):
    """Kept-alive connections, and each answer in one packet that leaves at once."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def body(self) -> bytes:
        """Return what was sent."""
        if "Content-Length" not in self.headers:
            raise ValueError(f"{self.path} came without its length")
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server on a free port of this machine, for a ``with`` block."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[Handler]) -> None:
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


class _RuntimeHandler(Handler):
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
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 120_000),
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


class RuntimeApi(Server):
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
