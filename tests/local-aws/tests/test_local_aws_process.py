"""The server as a process: how it starts, what it inherits, when it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aws_helpers import eventually
from local_aws import environment
from local_aws.process import LocalAws, LocalAwsError

ROOT = Path(__file__).resolve().parent.parent


def launch(*arguments: str, **more: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "local_aws", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **more,  # type: ignore[call-overload]
    )


def is_up(endpoint: str) -> bool:
    host, port = endpoint.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_start_is_quick_and_stop_leaves_nothing() -> None:
    aws = LocalAws()
    began = time.monotonic()
    aws.start()
    assert time.monotonic() - began < 10, "takes less than 1 s on an idle machine"
    assert aws.client("sts").get_caller_identity()["Account"] == aws.account
    pid = aws.pid
    aws.stop()
    assert not is_up(aws.endpoint)
    assert not aws.log.exists()
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def test_server_listens_on_loopback_only(server: LocalAws) -> None:
    port = int(server.endpoint.rsplit(":", 1)[1])
    listening = [
        line.split()[1]
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]
    assert listening == [f"0100007F:{port:04X}"]


def test_server_ends_when_its_standard_input_closes() -> None:
    process = launch(stdin=subprocess.PIPE)
    ready = json.loads(process.stdout.readline())
    assert is_up(ready["endpoint"])
    process.stdin.close()
    assert process.wait(timeout=10) == 0
    assert process.stdout.read() == b""
    assert process.stderr.read() == b""


PARENT = """
import subprocess, sys
command = [sys.executable, "-m", "local_aws"]
null = subprocess.DEVNULL
child = subprocess.Popen(command, stdin=null, stdout=subprocess.PIPE)
print(child.stdout.readline().decode(), flush=True)
sys.stdin.read()
"""


def test_server_ends_when_its_parent_dies() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    ready = json.loads(parent.stdout.readline())
    parent.kill()
    parent.wait()
    eventually(lambda: not is_up(ready["endpoint"]), timeout=10)


@pytest.mark.parametrize("option", ["--no-stdin-watch", "--keep"])
def test_option_keeps_a_server_whose_input_closed(option: str) -> None:
    process = launch(option, stdin=subprocess.PIPE)
    try:
        ready = json.loads(process.stdout.readline())
        process.stdin.close()
        time.sleep(0.5)
        assert process.poll() is None
        assert is_up(ready["endpoint"])
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


def test_another_ministack_version_is_refused(tmp_path: Path) -> None:
    info = tmp_path / "ministack-9.9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: ministack\nVersion: 9.9.9\n"
    )
    process = subprocess.run(
        [sys.executable, "-m", "local_aws"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert "ministack 1.5.33 and will not run on 9.9.9" in process.stderr


def test_failed_start_shows_the_end_of_the_log() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(LocalAwsError, match="cannot listen on"):
            LocalAws(port=taken.getsockname()[1]).start()


def test_credentials_and_proxies_of_the_caller_do_not_leak_in() -> None:
    kept = environment.scrubbed(
        {
            "PATH": "/bin",
            "AWS_PROFILE": "production",
            "AWS_SESSION_TOKEN": "secret",
            "HTTPS_PROXY": "http://proxy",
            "PERSIST_STATE": "1",
            "DOCKER_HOST": "tcp://engine",
        }
    )
    assert kept == {"PATH": "/bin"}


def test_client_ignores_the_profile_of_the_caller(
    server: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert server.client("sts").get_caller_identity()["Account"] == server.account


def test_another_account_can_be_chosen() -> None:
    with LocalAws(account="999988887777") as aws:
        assert aws.client("sts").get_caller_identity()["Account"] == "999988887777"


def test_kept_server_outlives_its_parent_until_terminated() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            PARENT.replace('"local_aws"]', '"local_aws", "--keep"]'),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    ready = json.loads(parent.stdout.readline())
    try:
        parent.kill()
        parent.wait()
        time.sleep(1.5)
        assert is_up(ready["endpoint"])
    finally:
        os.kill(ready["pid"], signal.SIGTERM)
    eventually(lambda: not is_up(ready["endpoint"]), timeout=10)


def test_kept_server_ends_with_stop() -> None:
    aws = LocalAws(keep=True).start()
    aws.stop()
    assert not is_up(aws.endpoint)
