"""Run the server as a child process, from tests and from the demo.

Use :class:`LocalAws` in a ``with`` statement; its ``client`` returns boto3 clients
and its ``control`` speaks to the control plane.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from local_aws import DEFAULT_ACCOUNT, DEFAULT_REGION, SECRET_ACCESS_KEY, environment

_PACKAGE_ROOT = Path(__file__).resolve().parent.parent
_TAIL_BYTES = 4000


class LocalAwsError(Exception):
    """The server did not start, or refused what it was asked."""


@functools.cache
def _loader() -> Any:
    """Return the one reader of API models, so that each is read once only."""
    import botocore.loaders

    return botocore.loaders.create_loader()


class LocalAws:
    """A server in a child process, and access to it.

    It ends with the ``with`` block or at :meth:`stop`, and also by itself if this
    process ends without either. ``log`` is where its output goes: by default a
    temporary file that is removed again. ``record_authorizations`` is a file that
    gets a line for every permission that a role asks for.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        account: str = DEFAULT_ACCOUNT,
        log: Path | str | None = None,
        log_level: str = "WARNING",
        enforce_iam: bool = False,
        record_authorizations: Path | None = None,
        retry_base_seconds: float = 0.2,
        start_timeout: float = 30.0,
        keep: bool = False,
        python: str = sys.executable,
    ) -> None:
        self.account = account
        self.endpoint = ""
        self._port = port
        self._own_log = log is None
        if log is None:
            descriptor, name = tempfile.mkstemp(prefix="local-aws-", suffix=".log")
            os.close(descriptor)
            log = name
        self.log = Path(log)
        self._log_level = log_level
        self._enforce_iam = enforce_iam
        self._record = record_authorizations
        self._retry_base_seconds = retry_base_seconds
        self._start_timeout = start_timeout
        self._keep = keep
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None

    # --- Life ------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the server and wait until it accepts requests."""
        command = [
            self._python,
            "-m",
            "local_aws",
            f"--port={self._port}",
            f"--account={self.account}",
            f"--retry-base-seconds={self._retry_base_seconds}",
            f"--log-level={self._log_level}",
        ]
        if self._enforce_iam:
            command.append("--enforce-iam")
        if self._record is not None:
            command.append(f"--record-authorizations={self._record.resolve()}")
        if self._keep:
            command.append("--keep")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=self._environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.endpoint = self._wait_until_ready()["endpoint"]
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server and everything it runs."""
        self._end_process()
        if self._own_log:
            self.log.unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        """The process id of the server."""
        if self._process is None:
            raise LocalAwsError("the server is not running")
        return self._process.pid

    @staticmethod
    def _environment(environ: Mapping[str, str]) -> dict[str, str]:
        path = [str(_PACKAGE_ROOT), *filter(None, [environ.get("PYTHONPATH")])]
        return {**environment.scrubbed(environ), "PYTHONPATH": os.pathsep.join(path)}

    def _wait_until_ready(self) -> dict[str, Any]:
        process = self._process
        assert process is not None and process.stdout is not None
        deadline = time.monotonic() + self._start_timeout
        line = b""
        while not line.endswith(b"\n"):
            wait = deadline - time.monotonic()
            if wait <= 0:
                raise self._failure(f"not ready after {self._start_timeout} s")
            if not select.select([process.stdout], [], [], min(wait, 1.0))[0]:
                continue
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                raise self._failure(f"ended with status {process.wait()}")
            line += chunk
        return json.loads(line)

    def _failure(self, reason: str) -> LocalAwsError:
        tail = self.log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        return LocalAwsError(f"local_aws: {reason}\n{tail}".strip())

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        if self._keep:
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        # Its own process group: the server if it hangs, functions it left behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    # --- Use -------------------------------------------------------------------

    def client(
        self,
        service: str,
        region: str = DEFAULT_REGION,
        *,
        credentials: Mapping[str, str] | None = None,
        **config: Any,
    ) -> Any:
        """Return a boto3 client of this server.

        ``credentials`` are those of an STS answer, for another caller than the
        account's own key. ``config`` goes to :class:`botocore.config.Config`.
        """
        import boto3
        import botocore.config
        import botocore.session

        # Nothing of the user's own configuration: no profile and no files.
        nowhere = (None, None, os.devnull, None)
        session = botocore.session.Session(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": nowhere,
                "credentials_file": nowhere,
            }
        )
        session.register_component("data_loader", _loader())
        keys = credentials or {}
        settings: dict[str, Any] = {
            "proxies": {},
            "ignore_configured_endpoint_urls": True,
            "retries": {"total_max_attempts": 1},
            "s3": {"addressing_style": "path"},
            **config,
        }
        return boto3.session.Session(
            botocore_session=session,
            aws_access_key_id=keys.get("AccessKeyId", self.account),
            aws_secret_access_key=keys.get("SecretAccessKey", SECRET_ACCESS_KEY),
            aws_session_token=keys.get("SessionToken"),
            region_name=region,
        ).client(
            service,
            endpoint_url=self.endpoint,
            config=botocore.config.Config(**settings),
        )

    def environment(self, region: str = DEFAULT_REGION) -> dict[str, str]:
        """Return environment variables that point any AWS tool at this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def control(self, path: str, body: Any = None, *, method: str | None = None) -> Any:
        """Ask the control plane: a POST if there is a body, else a GET."""
        method = method or ("GET" if body is None else "POST")
        parts = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=60
        )
        try:
            connection.request(
                method,
                f"/_local/{path}",
                body=None if body is None else json.dumps(body),
                headers={"content-type": "application/json"},
            )
            response = connection.getresponse()
            answer = json.loads(response.read() or b"null")
        finally:
            connection.close()
        if response.status >= 400:
            raise LocalAwsError(f"{method} {path}: {answer}")
        return answer

    def calls(self, **only: str) -> list[dict[str, Any]]:
        """Return the API calls seen, such as ``calls(service="ecs")``."""
        return self.control(f"calls?{urlencode(only)}" if only else "calls")

    def reset(self) -> None:
        """Return the server to the state right after its start."""
        self.control("reset", {})
