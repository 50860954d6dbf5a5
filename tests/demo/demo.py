"""The guard at work on a local AWS: a story in two regions, told and then checked.

Run by `make demo`. KEEP=1 leaves everything running and says how to go on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "local-aws"), str(ROOT / "tests" / "e2e")]

from local_aws.process import LocalAws
from local_aws.registry_client import RegistryClient
from stack import Stack, finding, hardened, privileged

BOLD, GREEN, RED, DIM, PLAIN = ("\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m")
if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
    BOLD = GREEN = RED = DIM = PLAIN = ""

START = time.monotonic()


def say(label: str, text: str) -> None:
    """One line of the timeline."""
    print(
        f"{DIM}{time.monotonic() - START:7.2f} s{PLAIN}  {label:<9} {text}", flush=True
    )


class Story:
    """What happens in one region, and whether it ended as it should."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.checks: list[tuple[str, bool, str]] = []

    def check(self, what: str, expected: object, found: object) -> None:
        self.checks.append(
            (
                what,
                expected == found,
                f"{found}" if expected == found else f"{found}, not {expected}",
            )
        )

    def tell(self, function: str, subject: str, called: float) -> dict[str, Any]:
        """Waits until the function has handled the event about `subject`, and tells what it made of it."""
        [line] = self.stack.handled(function, subject)
        alerts = self.stack.alerts_about(subject)
        rules = f" ({line['rules']})" if line["rules"] else ""
        say("decision", f"{BOLD}{line['decision']}{PLAIN}{rules}")
        acted = [
            call["time"]
            for call in self.stack.aws.calls()
            if call["action"] in ("DeregisterTaskDefinition", "UpdateImageStorageClass")
            and call["region"] == self.stack.region
            and "Guard" in call["caller"]
            and called <= call["time"]
        ]
        for message in alerts:
            for action in message["alert"]["actions"]:
                after = f", {acted[0] - called:.2f} s after the call" if acted else ""
                say("action", f"{action['action']}: {action['effect']}{after}")
        if not alerts or not any(message["alert"]["actions"] for message in alerts):
            say("action", "none")
        for message in alerts:
            say("alert", message["subject"])
        if not alerts:
            say("alert", "none")
        return line

    def register(self, definition: dict[str, Any], kind: str) -> str:
        family = definition["family"]
        called = time.time()
        answer = self.stack.client("ecs").register_task_definition(**definition)
        say("call", f"RegisterTaskDefinition {BOLD}{family}{PLAIN}, {kind}")
        say(
            "event",
            "AWS API Call via CloudTrail: RegisterTaskDefinition -> TaskDefinitionGuard",
        )
        self.tell("TaskDefinitionGuard", f"{family}:", called)
        return answer["taskDefinition"]["taskDefinitionArn"]

    def push_and_scan(
        self, repository: str, findings: list[dict[str, Any]], kind: str
    ) -> tuple[RegistryClient, str]:
        aws, region = self.stack.aws, self.stack.region
        registry = RegistryClient(aws.endpoint, account=aws.account, region=region)
        self.stack.client("ecr").create_repository(repositoryName=repository)
        digest = registry.push_image(repository, "1.0", seed=repository)
        say(
            "call",
            f"push {BOLD}{repository}:1.0{PLAIN} ({digest[:19]}…), pull answers {registry.pull_status(repository, '1.0')}",
        )
        # Silent: nothing is known of the image yet.
        self.stack.handled("ImagePushGuard", f"{repository}@")
        called = time.time()
        aws.control(
            "scan",
            {
                "repo": repository,
                "digest": digest,
                "region": region,
                "findings": findings,
            },
        )
        say("event", f"ECR Image Scan: COMPLETE with {kind} -> ImageScanGuard")
        self.tell("ImageScanGuard", f"{repository}@", called)
        return registry, digest

    def play(self) -> None:
        """Does what teams do, with ordinary calls."""
        enforced = self.stack.mode == "enforce"
        print(f"\n{BOLD}Mode={self.stack.mode}, in {self.stack.region}{PLAIN}")
        web = self.register(hardened("web"), "hardened")
        builder = self.register(privileged("builder"), "with a privileged container")
        registry, clean = self.push_and_scan(
            "shop/clean", [finding("LOW")], "1 LOW finding"
        )
        _, bad = self.push_and_scan(
            "shop/bad",
            [finding("CRITICAL"), finding("LOW", 2)],
            "1 CRITICAL and 1 LOW finding",
        )

        self.check("task definition web:1", "ACTIVE", self.stack.status(web))
        self.check(
            "task definition builder:1",
            "INACTIVE" if enforced else "ACTIVE",
            self.stack.status(builder),
        )
        self.check(
            "image shop/clean:1.0",
            "ACTIVE",
            self.stack.image_status("shop/clean", clean),
        )
        self.check(
            "image shop/bad:1.0",
            "ARCHIVED" if enforced else "ACTIVE",
            self.stack.image_status("shop/bad", bad),
        )
        self.check(
            "pull of shop/clean:1.0", 200, registry.pull_status("shop/clean", "1.0")
        )
        self.check(
            "pull of shop/bad:1.0",
            404 if enforced else 200,
            registry.pull_status("shop/bad", "1.0"),
        )
        self.check("alerts about web", 0, len(self.stack.alerts_about("web:")))
        self.check("alerts about builder", 1, len(self.stack.alerts_about("builder:")))
        self.check(
            "alerts about shop/clean", 0, len(self.stack.alerts_about("shop/clean@"))
        )
        self.check(
            "alerts about shop/bad", 1, len(self.stack.alerts_about("shop/bad@"))
        )
        effects = [
            action["effect"]
            for each in self.stack.alerts()
            if each["alert"]["change"] == "opened"
            for action in each["alert"]["actions"]
        ]
        self.check(
            "what the alerts say was done",
            ["done" if enforced else "not-applied"] * 2,
            effects,
        )
        writes = [
            call["action"]
            for call in self.stack.aws.calls()
            if call["region"] == self.stack.region
            and "Guard" in call["caller"]
            and call["service"] in ("ecs", "ecr")
        ]
        reads = ("Describe", "List", "BatchGet")
        writes = sorted(call for call in writes if not call.startswith(reads))
        wanted = (
            ["DeregisterTaskDefinition", "UpdateImageStorageClass"] if enforced else []
        )
        self.check("writes by the guards", wanted, writes)
        letters = [
            self.stack.dead_letters(guard)
            for guard in ("TaskDefinitionGuard", "ImageScanGuard", "ImagePushGuard")
        ]
        self.check("events in dead-letter queues", 0, sum(map(len, letters)))

    def report(self) -> bool:
        """Prints the end state, and says whether it is what it should be."""
        print(f"\n{BOLD}What AWS says now, Mode={self.stack.mode}{PLAIN}")
        for what, holds, found in self.checks:
            mark = f"{GREEN}ok{PLAIN}   " if holds else f"{RED}WRONG{PLAIN}"
            print(f"  {mark}  {what:<30} {found}")
        return all(holds for _, holds, _ in self.checks)


def email(stack: Stack) -> str:
    """The e-mail that on-call would get about the privileged definition."""
    published = [
        call
        for call in stack.aws.calls(action="Publish")
        if call["region"] == stack.region
    ]
    bodies = [json.loads(call["request"]["Message"])["email"] for call in published]
    return next(body for body in bodies if "builder" in body)


def how_to_go_on(aws: LocalAws, stack: Stack) -> None:
    print(
        f"\n{BOLD}It is still running{PLAIN} (process {aws.pid}). Any AWS tool talks to it after, in this shell:\n"
    )
    for name, value in sorted(aws.environment(stack.region).items()):
        print(f'  export {name}="{value}"')
    print("\nFor example, with the AWS command line or without:\n")
    print("  aws ecs list-task-definitions --status INACTIVE")
    ask = 'boto3.client("ecs").list_task_definitions(status="INACTIVE")["taskDefinitionArns"]'
    print(f"  .venv/local/bin/python -c 'import boto3; print({ask})'")
    print(f"  curl -s '{aws.endpoint}/_local/calls?service=ecs'")
    print(f"\nTo end it: kill {aws.pid}")


def main() -> int:
    keep = bool(os.environ.get("KEEP"))
    aws = LocalAws(keep=keep).start()
    try:
        say("start", f"a local AWS at {aws.endpoint}")
        stacks = [Stack(aws, "enforce", "us-east-1"), Stack(aws, "audit", "eu-west-1")]
        with ThreadPoolExecutor() as pool:
            list(pool.map(Stack.deploy, stacks))
        for stack in stacks:
            say(
                "deploy",
                f"infra/template.yaml with Mode={stack.mode} in {stack.region}, by sam deploy",
            )
        stories = [Story(stack) for stack in stacks]
        for story in stories:
            story.play()
        print(f"\n{BOLD}The e-mail about builder:1{PLAIN}\n")
        print("\n".join(f"  | {line}" for line in email(stacks[0]).splitlines()))
        reports = [story.report() for story in stories]
        good = all(reports)
        print(
            f"\n{f'{GREEN}All as it should be.{PLAIN}' if good else f'{RED}Something is wrong, see above.{PLAIN}'}"
        )
        if keep:
            how_to_go_on(aws, stacks[0])
        return 0 if good else 1
    finally:
        if not keep:
            aws.stop()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.SubprocessError as error:
        sys.exit(f"the demo could not run: {error}")
