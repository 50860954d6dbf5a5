"""The server: an ASGI application around MiniStack's, and how to run it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack import app as ministack
from ministack.core.iam_evaluator import pin_request_origin

from local_aws import (
    DEFAULT_REGION,
    apicall,
    authorization,
    cloudformation,
    cloudtrail,
    control,
    ecr,
    ecr_settings,
    ecs,
    ecs_deployments,
    ecs_running,
    eventbridge,
    identity,
    lambda_async,
    lambdas,
    logs,
    management,
    on_behalf,
    registry,
    securityhub,
    watchdog,
)
from local_aws.calls import Journal, Recorded

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_LOG = logging.getLogger("local_aws")


def install(record: Path | None = None) -> None:
    """Add everything to MiniStack that is not done per request.

    ``record`` is a file for the permissions that roles ask for.
    """
    ecs.install()
    ecs_running.install()
    ecs_deployments.install()
    ecr_settings.install()
    ecr.install()
    registry.install()
    lambda_async.install()
    lambdas.install()
    eventbridge.install()
    logs.install()
    cloudformation.install()
    authorization.install(record)
    on_behalf.install()
    # All is plain http on 127.0.0.1; a policy that wants TLS is to be met all the same.
    ministack.pin_request_origin = lambda source_ip, _: pin_request_origin(
        source_ip, True
    )

    # Policies that want TLS are met: AWS is never reached without.
    pin_origin = ministack.pin_request_origin
    ministack.pin_request_origin = lambda address, _tls: pin_origin(address, True)


class _Exchange:
    """One request whose body is read ahead and whose answer is kept."""

    def __init__(self, receive: Receive, send: Send, body: bytes) -> None:
        self._receive, self._send, self._body = receive, send, body
        self._given = False
        self.status = 0
        self.request_id: str | None = None
        self.answer = b""

    async def receive(self) -> Message:
        if self._given:
            return await self._receive()
        self._given = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            for name, value in message.get("headers", []):
                if name.lower() == b"x-amzn-requestid":
                    self.request_id = value.decode()
        elif message["type"] == "http.response.body":
            self.answer += message.get("body", b"")
        await self._send(message)


async def _read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _reply(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Application:
    """The ASGI application."""

    def __init__(self, account: str, on_ready: Callable[[], None]) -> None:
        self.account = account
        self.journal = Journal()
        self.control = control.Control(self.journal)
        self._on_ready = on_ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI has it."""
        if scope["type"] == "lifespan":
            await ministack.app(scope, receive, self._announcing(send))
        elif scope["type"] != "http":
            await ministack.app(scope, receive, send)
        elif scope["path"].startswith(control.PREFIX):
            await self._control(scope, receive, send)
        elif scope["path"] == "/_ministack/reset":
            await self._reset(receive, send)
        else:
            await self._http(scope, receive, send)

    def _announcing(self, send: Send) -> Send:
        async def announcing(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._on_ready()

        return announcing

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, answer = await self.control.handle(
            scope["method"],
            scope["path"],
            scope.get("query_string", b"").decode(),
            await _read_body(receive),
        )
        await self._json(send, status, answer)

    async def _reset(self, receive: Receive, send: Send) -> None:
        await _read_body(receive)
        await self._json(send, 200, await self.control.reset())

    @staticmethod
    async def _json(send: Send, status: int, answer: Any) -> None:
        body = json.dumps(answer, default=str).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await _reply(send, status, headers, body)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        signature = apicall.signature(headers)
        key = signature.access_key
        caller = identity.resolve(key, key if key.isdigit() else self.account)
        request = identity.RequestInfo(
            caller=caller,
            user_agent=headers.get("user-agent", ""),
            source_ip=(scope.get("client") or ("127.0.0.1",))[0],
        )
        identity.CURRENT.set(request)
        if signature.service == securityhub.SERVICE:
            answer = securityhub.answer(
                caller, signature.region, scope["path"], await _read_body(receive)
            )
            await self._json(send, *answer)
            return
        is_call = apicall.may_be_api_call(scope["method"], headers)
        if not is_call and not management.may_be(scope["method"], scope["path"]):
            await ministack.app(scope, receive, send)
            return
        body = await _read_body(receive)
        exchange = _Exchange(receive, send, body)
        region = signature.region or DEFAULT_REGION
        managed = management.recognise(
            scope["method"],
            scope["path"],
            scope.get("query_string", b"").decode(),
            headers,
            body,
        )
        call = apicall.parse(headers, body) if is_call else None
        if call is None:
            await ministack.app(scope, exchange.receive, exchange.send)
        else:
            await self._api_call(call, request, region, scope, exchange)
        if managed is not None:
            failed = exchange.status >= 400
            cloudtrail.publish_management(
                managed,
                account=caller.account,
                region=region,
                request=request,
                error=apicall.error_of(exchange.answer) if failed else None,
                request_id=exchange.request_id,
            )

    async def _api_call(
        self,
        call: apicall.ApiCall,
        request: identity.RequestInfo,
        region: str,
        scope: Scope,
        exchange: _Exchange,
    ) -> None:
        caller = request.caller
        recorded = None
        if call.service in apicall.RECORDED:
            recorded = self.journal.record(
                call, account=caller.account, region=region, caller=caller.name
            )
        fault = self.journal.fault_for(call, caller.name, region)
        if fault is None:
            await ministack.app(scope, exchange.receive, exchange.send)
        else:
            request_id = str(uuid.uuid4())
            head, body = apicall.error_answer(
                call, fault.code, fault.message, fault.status, request_id
            )
            await _reply(exchange.send, fault.status, head, body)
        error = apicall.error_of(exchange.answer) if exchange.status >= 400 else None
        if recorded is not None:
            _finish(recorded, exchange.status, error, faulted=fault is not None)
        if cloudtrail.is_recorded(call.service, call.action):
            cloudtrail.publish(
                service=call.service,
                action=call.action,
                account=caller.account,
                region=region,
                request=request,
                params=call.params,
                answer=_parsed(exchange.answer),
                error=error,
                request_id=exchange.request_id,
            )


def _finish(
    recorded: Recorded, status: int, error: tuple[str, str] | None, *, faulted: bool
) -> None:
    recorded.status = status
    recorded.error = error[0] if error else None
    recorded.faulted = faulted


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body or b"{}")
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _announce(endpoint: str, account: str) -> None:
    """Print the one line of output, then let nothing else come out there."""
    ready = {"endpoint": endpoint, "account": account, "pid": os.getpid()}
    print(json.dumps(ready), flush=True)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def run(
    listener: socket.socket,
    *,
    account: str,
    watch_stdin: bool,
    watch_parent: bool,
    record: Path | None = None,
) -> None:
    """Serve on a listening socket until told to stop."""
    install(record)
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    application = Application(account, lambda: _announce(endpoint, account))
    settings = Config()
    settings.bind = [f"fd://{listener.fileno()}"]
    settings.keep_alive_timeout = 75
    settings.accesslog = None
    settings.errorlog = None
    settings.graceful_timeout = 0.5
    settings.shutdown_timeout = 2

    async def serve_until_stopped() -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()

        def stop() -> None:
            loop.call_soon_threadsafe(stopped.set)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        if watch_stdin and watchdog.stdin_is_a_pipe():
            watchdog.watch_stdin(stop)
        if watch_parent:
            watchdog.watch_parent(stop)

        await serve(application, settings, shutdown_trigger=stopped.wait)  # type: ignore[arg-type]

    try:
        asyncio.run(serve_until_stopped())
    finally:
        lambdas.stop_all()
