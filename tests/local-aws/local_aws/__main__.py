"""``python -m local_aws``: run the server in the foreground.

Prints one line of JSON with the endpoint once it accepts requests, and then
nothing. Ends when its standard input (if that is a pipe) is closed, when its
parent process ends, or on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import socket
import sys
import tempfile
from pathlib import Path

from local_aws import DEFAULT_ACCOUNT, MINISTACK_VERSION, environment


def _account(text: str) -> str:
    if not re.fullmatch(r"\d{12}", text):
        raise argparse.ArgumentTypeError("an account id has 12 digits")
    return text


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local_aws", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: a free port")
    parser.add_argument("--account", type=_account, default=DEFAULT_ACCOUNT)
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep running when standard input closes and when the parent ends",
    )
    parser.add_argument(
        "--no-stdin-watch",
        action="store_true",
        help="keep running when standard input closes, but not without a parent",
    )
    parser.add_argument(
        "--enforce-iam",
        action="store_true",
        help="evaluate IAM policies; callers with the account's own key may do all",
    )
    parser.add_argument(
        "--record-authorizations",
        type=Path,
        metavar="FILE",
        help="with --enforce-iam: write every permission that a role asks for to the end of this file",
    )
    parser.add_argument("--retry-base-seconds", type=float, default=0.2)
    parser.add_argument("--log-level", default="WARNING")
    return parser.parse_args(argv)


def _check_version() -> str | None:
    """Return why the installed MiniStack cannot be used, or None if it can."""
    try:
        found = importlib.metadata.version("ministack")
    except importlib.metadata.PackageNotFoundError:
        return f"local_aws needs ministack[full]=={MINISTACK_VERSION}: not installed"
    if found != MINISTACK_VERSION:
        return (
            f"local_aws is written for ministack {MINISTACK_VERSION} "
            f"and will not run on {found}"
        )
    return None


def main(argv: list[str] | None = None) -> int:
    """Run the server; return the exit status."""
    arguments = _arguments(argv)
    problem = _check_version()
    if problem:
        print(problem, file=sys.stderr)
        return 2

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", arguments.port))
    except OSError as error:
        print(f"cannot listen on 127.0.0.1:{arguments.port}: {error}", file=sys.stderr)
        return 1
    listener.listen(256)

    with tempfile.TemporaryDirectory(
        prefix="local-aws-", ignore_cleanup_errors=True
    ) as workdir:
        settings = environment.server_environment(
            os.environ,
            port=listener.getsockname()[1],
            account=arguments.account,
            workdir=Path(workdir),
            enforce_iam=arguments.enforce_iam,
            retry_base_seconds=arguments.retry_base_seconds,
            log_level=arguments.log_level.upper(),
        )
        os.environ.clear()
        os.environ.update(settings)
        tempfile.tempdir = workdir

        # Only now: importing it imports MiniStack, which reads the environment.
        from local_aws import server

        server.run(
            listener,
            account=arguments.account,
            watch_stdin=not (arguments.keep or arguments.no_stdin_watch),
            watch_parent=not arguments.keep,
            record=arguments.record_authorizations,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
