"""What a Lambda function finds around it: environment, credentials and layers.

MiniStack hands a custom runtime its own whole environment, the account's key as
credentials, and no layers. Here it gets what Lambda gives it, a session of its own
role, and its layers in a directory.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
import threading
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.core import iam_actions, lambda_runtime
from ministack.core.responses import get_region, request_scope
from ministack.services import lambda_svc

from local_aws import identity

#: Tells a function where the content of its layers is, in the absence of ``/opt``.
OPT_DIR_VARIABLE = "LOCAL_AWS_OPT_DIR"

_OPT = "/opt/"
_lock = threading.Lock()


def _layer_root() -> Path:
    return Path(tempfile.gettempdir()) / "layers"


def opt_directory(config: dict[str, Any]) -> Path | None:
    """Unpack a function's layers, in order, into one directory and return it."""
    archives = [
        lambda_svc._resolve_layer_zip(ref) for ref in config.get("Layers") or []
    ]
    archives = [archive for archive in archives if archive]
    if not archives:
        return None
    name = hashlib.sha256()
    for archive in archives:
        name.update(hashlib.sha256(archive).digest())
    target = _layer_root() / name.hexdigest()
    with _lock:
        if not target.is_dir():
            partial = target.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            for archive in archives:
                with zipfile.ZipFile(io.BytesIO(archive)) as layer:
                    lambda_svc._extract_zip_preserving_mode(layer, str(partial))
            partial.rename(target)
    return target


def function_environment(
    config: dict[str, Any], code_dir: str, port: int
) -> dict[str, str]:
    """Return the complete environment of a function's process.

    ``config`` is the function's configuration, ``code_dir`` where its package is
    unpacked and ``port`` where the Runtime API listens.
    """
    name = config.get("FunctionName", "function")
    region = config.get("FunctionArn", "").split(":")[3:4] or [get_region()]
    logging = config.get("LoggingConfig") or {}
    variables = lambda_svc._runtime_env_vars(config)
    opt = opt_directory(config)
    if opt is not None:
        # There is no /opt to put the layers in: point the function at the copy.
        variables = {
            key: f"{opt}/{value[len(_OPT) :]}"
            if isinstance(value, str) and value.startswith(_OPT)
            else value
            for key, value in variables.items()
        }
        variables.setdefault(OPT_DIR_VARIABLE, str(opt))
    return {
        "PATH": f"/usr/local/bin:/usr/bin/:/bin:{opt or '/opt'}/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        **{key: str(value) for key, value in variables.items()},
        "_HANDLER": config.get("Handler", "bootstrap"),
        "AWS_REGION": region[0],
        "AWS_DEFAULT_REGION": region[0],
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": logging.get("LogGroup") or f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "LAMBDA_TASK_ROOT": code_dir,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        **identity.function_credentials(config),
    }


def keep_function_properties(props: dict[str, Any], function: dict[str, Any]) -> None:
    """Store the properties of AWS::Lambda::Function that MiniStack drops."""
    config = function["config"]
    if props.get("DeadLetterConfig"):
        config["DeadLetterConfig"] = props["DeadLetterConfig"]
    else:
        config.pop("DeadLetterConfig", None)
    reserved = props.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)


def reset() -> None:
    """Remove the unpacked layers."""
    shutil.rmtree(_layer_root(), ignore_errors=True)


def stop_all() -> None:
    """End every function process."""
    with request_scope(os.environ["MINISTACK_ACCOUNT_ID"], "us-east-1"):
        lambda_runtime.reset()


#: What is asked of a part of a function, and the permissions that it takes.
_PARTS = {
    "concurrency": "FunctionConcurrency",
    "event-invoke-config": "FunctionEventInvokeConfig",
}
_VERBS = {"GET": "Get", "PUT": "Put", "POST": "Update", "DELETE": "Delete"}


def _action(inner: Callable[[str, str], str | None]) -> Callable[..., str | None]:
    """The permission that a request takes, which MiniStack does not tell apart by method."""

    def action(method: str, path: str) -> str | None:
        part = _PARTS.get(path.rstrip("/").rsplit("/", 1)[-1])
        if part and "/functions/" in path and method in _VERBS:
            return _VERBS[method] + part
        return inner(method, path)

    return action


def install() -> None:
    """Put this module's functions in the place of MiniStack's."""
    iam_actions._lambda_action = _action(iam_actions._lambda_action)
    lambda_svc._provided_worker_env = function_environment
