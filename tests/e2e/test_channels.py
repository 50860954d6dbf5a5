"""Alerts on their way to channels: from a guard over the topic, the queue and Notify to a receiver on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from local_aws.process import LocalAws
from stack import Stack, eventually, privileged

PLANTED = "hunter2hunter2"

CHANNELS = """
version: 1
channels:
  team: { type: slack-webhook, secret: tidewaiter/team }
  siem: { type: webhook, secret: tidewaiter/siem }
  broken: { type: teams, secret: tidewaiter/broken }
"""


class Receiver:
    """An HTTP server that keeps what it gets, and refuses what it gets at `/broken`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                headers = {k.lower(): v for k, v in self.headers.items()}
                receiver.requests.append((self.path, headers, body))
                is_broken = self.path.startswith("/broken")
                self.send_response(400 if is_broken else 200)
                self.end_headers()
                self.wfile.write(b"bad card" if is_broken else b"ok")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def at(self, path: str) -> list[tuple[str, dict[str, str], str]]:
        return [each for each in self.requests if each[0].startswith(path)]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


@pytest.fixture(scope="module")
def stack(
    aws: LocalAws, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Stack:
    region = "eu-central-1"
    file: Path = tmp_path_factory.mktemp("channels") / "channels.yaml"
    file.write_text(CHANNELS)
    secrets = aws.client("secretsmanager", region=region)
    url = f"{receiver.url}/{{}}/{PLANTED}"
    arns = [
        secrets.create_secret(Name=f"tidewaiter/{name}", SecretString=value)["ARN"]
        for name, value in {
            "team": url.format("team"),
            "siem": json.dumps({"url": url.format("siem"), "key": "k" + PLANTED}),
            "broken": url.format("broken"),
        }.items()
    ]
    parameters = {"ChannelsPath": str(file), "ChannelSecrets": ",".join(arns)}
    stack = Stack(aws, "audit", region, name="channels", parameters=parameters).deploy()
    lambdas = stack.client("lambda")
    name = stack.outputs["NotifyName"]
    known = lambdas.get_function_configuration(FunctionName=name)["Environment"]
    variables = known["Variables"] | {"TIDEWAITER_ALLOW_LOOPBACK": "true"}
    lambdas.update_function_configuration(
        FunctionName=name, Environment={"Variables": variables}
    )
    return stack


def test_an_alert_reaches_each_channel_once_and_what_one_refuses_is_put_aside(
    stack: Stack, receiver: Receiver
) -> None:
    stack.client("ecs").register_task_definition(**privileged("told"))
    told = eventually("the team to be told", lambda: receiver.at("/team"), 60)
    assert "told:1" in told[0][2]
    ((_, headers, body),) = eventually("the signed one", lambda: receiver.at("/siem"))
    assert headers["x-tidewaiter-signature"].startswith("t=")
    assert json.loads(body)["subject"]["id"] == "told:1"
    (letter,) = eventually("it to be put aside", lambda: stack.dead_letters("Notify"))
    reason = letter["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert reason == "channel broken: it answered 400: bad card"
    assert len(receiver.at("/team")) == len(receiver.at("/siem")) == 1


def test_no_secret_stands_in_the_logs(stack: Stack) -> None:
    group = stack.outputs["NotifyLogGroup"]
    logs = stack.client("logs").filter_log_events(logGroupName=group)["events"]
    assert any("refused" in event["message"] for event in logs)
    assert not [event for event in logs if PLANTED in event["message"]]


def test_what_became_of_alerts_is_counted(stack: Stack, receiver: Receiver) -> None:
    def counted() -> dict[str, int]:
        group = stack.outputs["NotifyLogGroup"]
        events = stack.client("logs").filter_log_events(logGroupName=group)["events"]
        lines = [json.loads(e["message"]) for e in events if '"_aws"' in e["message"]]
        names = ("MessagesDelivered", "MessagesRefused", "DeadLettered")
        return {name: sum(line.get(name, 0) for line in lines) for name in names}

    before = counted()
    stack.client("ecs").register_task_definition(**privileged("counted"))

    def told() -> bool:
        after = counted()
        return all(after[name] > before[name] for name in after)

    eventually("the alert to be counted", told, seconds=60)
