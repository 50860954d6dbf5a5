"""The environment variables of the server process.

MiniStack reads its settings from the environment while it is being imported, so
they are put in place before that, and everything that could leak in from the
caller (credentials, profiles, proxies, a container engine) is taken out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from local_aws import DEFAULT_REGION

#: Variables with these prefixes never reach the server from its caller.
_PREFIXES = ("AWS_", "MINISTACK_", "LAMBDA_", "LOCALSTACK_", "DOCKER_", "S3_", "SFTP_")

#: Single variables that never reach the server from its caller.
_NAMES = frozenset(
    [
        "AUTH",
        "BIND_HOST",
        "EDGE_PORT",
        "GATEWAY_PORT",
        "INIT_DIR",
        "IOT_MTLS_ENABLED",
        "LOG_LEVEL",
        "PERSIST_STATE",
        "SERVICES",
        "STATE_DIR",
        "USE_SSL",
        "CLOUDTRAIL_RECORDING",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    ]
)


def scrubbed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``environ`` without anything that configures AWS or the emulator."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(_PREFIXES) and name not in _NAMES
    }


def server_environment(
    environ: Mapping[str, str],
    *,
    port: int,
    account: str,
    workdir: Path,
    enforce_iam: bool = False,
    retry_base_seconds: float = 0.2,
    log_level: str = "WARNING",
) -> dict[str, str]:
    """Return the complete environment of a server that listens on ``port``."""
    return {
        **scrubbed(environ),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "localhost",
        "MINISTACK_ACCOUNT_ID": account,
        "MINISTACK_REGION": DEFAULT_REGION,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AUTH": "true" if enforce_iam else "false",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": str(retry_base_seconds),
        "LOG_LEVEL": log_level,
        # No listener besides the one port, and never a container engine.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{workdir / 'no-container-engine.sock'}",
        # All files below one directory, which goes away with the server.
        "TMPDIR": str(workdir),
        "STATE_DIR": str(workdir / "state"),
        "S3_DATA_DIR": str(workdir / "s3"),
        "PERSIST_STATE": "0",
    }
