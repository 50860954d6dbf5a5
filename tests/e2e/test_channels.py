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
# In the environment of a definition.
PASSWORD = "correct-horse-9f8e7d6c5b4a"

CHANNELS = """
version: 1
channels:
  team: { type: slack-webhook, secret: tidewaiter/team }
  bot: { type: slack-bot, secret: tidewaiter/bot, conversation: C0123456789 }
  pager: { type: pagerduty, secret: tidewaiter/pager }
  siem: { type: webhook, secret: tidewaiter/siem }
  broken: { type: teams, secret: tidewaiter/broken }
  closed: { type: slack-webhook, secret: tidewaiter/closed }
"""


class Receiver:
    """An HTTP server that keeps what it gets, and refuses what it gets at `/broken`, naming the address."""

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
                answer = f"bad card for {self.path}" if is_broken else "ok"
                if self.path.startswith("/bot"):
                    answer = '{"ok": true, "channel": "C0123456789", "ts": "17.1"}'
                self.wfile.write(answer.encode())

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
            "bot": json.dumps({"url": url.format("bot"), "token": "t" + PLANTED}),
            "pager": json.dumps({"url": url.format("pager"), "key": "k" + PLANTED}),
            "siem": json.dumps({"url": url.format("siem"), "key": "k" + PLANTED}),
            "broken": url.format("broken"),
            # Nothing listens there: errors of connections like to name where they went.
            "closed": f"http://127.0.0.1:1/{PLANTED}",
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
    definition = privileged("told")
    definition["containerDefinitions"][0]["environment"] += [
        {"name": "DB_PASSWORD", "value": PASSWORD}
    ]
    stack.client("ecs").register_task_definition(**definition)
    told = eventually("the team to be told", lambda: receiver.at("/team"), 60)
    assert "told:1" in told[0][2]
    ((_, headers, body),) = eventually("the signed one", lambda: receiver.at("/siem"))
    assert headers["x-tidewaiter-signature"].startswith("t=")
    assert json.loads(body)["subject"]["id"] == "told:1"
    (letter,) = eventually("it to be put aside", lambda: stack.dead_letters("Notify"))
    reason = letter["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert reason.startswith("channel broken: it answered 400: bad card for /")
    for path in ("/team", "/bot", "/pager", "/siem"):
        assert len(receiver.at(path)) == 1, path
    ((_, headers, _),) = receiver.at("/bot")
    assert headers["authorization"] == f"Bearer t{PLANTED}"


def logged(stack: Stack, function: str) -> str:
    """Everything that a function has logged."""
    group = stack.outputs[f"{function}LogGroup"]
    pages = stack.client("logs").get_paginator("filter_log_events")
    events = [
        event for page in pages.paginate(logGroupName=group) for event in page["events"]
    ]
    return "\n".join(event["message"] for event in events)


def sent(path: str, body: str) -> dict[str, Any]:
    """A message as it came, but for the key that PagerDuty takes in the event itself."""
    message = json.loads(body)
    if path.startswith("/pager"):
        assert message.pop("routing_key") == "k" + PLANTED
    return message


def test_no_secret_stands_in_logs_alerts_dead_letters_or_the_ledger(
    stack: Stack, receiver: Receiver
) -> None:
    # An event that nobody can read, with a password in it: the guard's own way of failing.
    broken = {
        "source": "aws.ecs",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": "ecs.amazonaws.com",
            "eventName": "DeregisterTaskDefinition",
            "password": PASSWORD,
        },
    }
    guard = stack.outputs["TaskDefinitionGuardName"]
    answer = stack.client("lambda").invoke(
        FunctionName=guard, Payload=json.dumps(broken)
    )
    assert "FunctionError" not in answer
    letters = eventually(
        "it to be put aside", lambda: stack.dead_letters("TaskDefinitionGuard")
    )
    logs = {
        function: eventually(
            f"{function} to log {word}",
            lambda function=function, word=word: (
                text if word in (text := logged(stack, function)) else None
            ),
        )
        for function, word in {
            "Notify": "to be told later",
            "TaskDefinitionGuard": "dead-letter",
        }.items()
    }
    assert "refused" in logs["Notify"]
    ledger = stack.client("dynamodb").get_paginator("scan")
    entries = [
        entry
        for page in ledger.paginate(TableName=stack.outputs["LedgerName"])
        for entry in page["Items"]
    ]
    assert any(entry["id"]["S"].startswith("sent#") for entry in entries)
    places = {
        **logs,
        "alerts": json.dumps(stack.alerts()),
        "ledger": json.dumps(entries, default=str),
        "dead letters of Notify": json.dumps(stack.dead_letters("Notify"), default=str),
        # The event itself is kept as it came; what is said of it is ours.
        "reasons of the guard": json.dumps([e["MessageAttributes"] for e in letters]),
        "messages": json.dumps(
            [sent(path, body) for path, _, body in receiver.requests]
        ),
    }
    for place, text in places.items():
        assert len(text) > 100, f"there is something to look through in {place}"
        assert PLANTED not in text, place
        assert PASSWORD not in text, place


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
