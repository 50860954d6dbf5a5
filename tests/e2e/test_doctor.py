"""`tidewaiter doctor` on a stack that is well, and on one with whom somebody did something: it is named, and the printed fix takes it back."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from local_aws.process import LocalAws
from stack import ROOT, Stack, eventually

AWS = ROOT / ".venv" / "aws" / "bin"
REGISTERED = "TaskDefinitionRegistered"
GUARD = "TaskDefinitionGuard"

ON_PUSH = {
    "scanFrequency": "SCAN_ON_PUSH",
    "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}],
}


class Doctor:
    """Somebody with the program and a stack."""

    def __init__(self, program: Path, stack: Stack) -> None:
        self.stack = stack
        self.program = program
        self.ids = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in self.client("cloudformation")
            .get_paginator("list_stack_resources")
            .paginate(StackName=stack.name)
            for each in page["StackResourceSummaries"]
        }
        self.environment = {
            "PATH": f"{program.parent}:{AWS}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            **stack.aws.environment(stack.region),
        }

    def client(self, service: str) -> Any:
        return self.stack.client(service)

    def bash(self, command: str) -> str:
        """Runs a command as somebody does who pastes it; it has to succeed."""
        done = subprocess.run(
            ["bash", "-c", command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def says(
        self, *only: str, text: bool = False, as_: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """The exit status, and the report of these checks, or of all."""
        # Said aloud, so that it stands in the commands too: not every command line heeds the variable for SQS.
        command = ["doctor", "--stack", self.stack.name]
        command += ["--endpoint-url", self.stack.aws.endpoint]
        command += [word for name in only for word in ("--check", name)]
        done = subprocess.run(
            [self.program, *command, *([] if text else ["--format", "json"])],
            env=self.environment | (as_ or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, done.stdout if text else json.loads(done.stdout)

    def problems(self, *only: str) -> list[dict[str, Any]]:
        status, report = self.says(*only)
        found = [one for one in report["checks"] if one["standing"] == "problem"]
        unread = [one for one in report["checks"] if one["standing"] == "cannot-tell"]
        assert status == (1 if found else 0), unread
        assert report["problems"] == len(found)
        return found

    def rests(self) -> None:
        """Waits until no function is being changed."""
        client = self.client("lambda")
        client.get_waiter("function_updated_v2").wait(
            FunctionName=self.ids[GUARD], WaiterConfig={"Delay": 1}
        )


def healthy(aws: LocalAws, program: Path, stack: Stack) -> Doctor:
    """The account around a stack as it should be: a trail, and scans on push."""
    doctor = Doctor(program, stack)
    bucket = f"trail-{stack.region}"
    where = {"LocationConstraint": stack.region}
    doctor.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    trail = doctor.client("cloudtrail")
    trail.create_trail(Name="management", S3BucketName=bucket)
    trail.start_logging(Name="management")
    doctor.client("ecr").put_registry_scanning_configuration(
        scanType="BASIC", rules=[ON_PUSH]
    )
    # Somebody has to listen to every topic that the template has.
    for arn in filter(lambda physical: ":sns:" in physical, doctor.ids.values()):
        if arn.count(":") == 5:
            doctor.client("sns").subscribe(
                TopicArn=arn,
                Protocol="sqs",
                Endpoint=f"arn:aws:sqs:{stack.region}:{aws.account}:on-call",
            )
    return doctor


@pytest.fixture(scope="module")
def doctor(aws: LocalAws, program: Path) -> Doctor:
    stack = Stack(
        aws,
        "enforce",
        "ap-northeast-1",
        name="doctor",
        parameters={"AlertEmail": "on-call@example.com"},
    )
    return healthy(aws, program, stack.deploy())


def zipped(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


def trail_stopped(on: Doctor) -> None:
    on.client("cloudtrail").stop_logging(Name="management")


def trail_reads(on: Doctor) -> None:
    on.client("cloudtrail").put_event_selectors(
        TrailName="management",
        EventSelectors=[{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}],
    )


def rule_disabled(on: Doctor) -> None:
    on.client("events").disable_rule(Name=on.ids["ImagePushed"])


def rule_gone(on: Doctor) -> None:
    client = on.client("events")
    rule = on.ids["BasicScanFinished"]
    client.remove_targets(Rule=rule, Ids=["image-scan-guard"])
    client.delete_rule(Name=rule)


def pattern_changed(on: Doctor) -> None:
    on.client("events").put_rule(
        Name=on.ids[REGISTERED], EventPattern='{"source":["aws.ecs.nothing"]}'
    )


def target_removed(on: Doctor) -> None:
    on.client("events").remove_targets(
        Rule=on.ids[REGISTERED], Ids=["task-definition-guard"]
    )


def _target(on: Doctor) -> dict[str, Any]:
    client = on.client("events")
    return client.list_targets_by_rule(Rule=on.ids[REGISTERED])["Targets"][0]


def target_swapped(on: Doctor) -> None:
    target = _target(on)
    target["Arn"] = target["Arn"].replace(on.ids[GUARD], on.ids["DeploymentGuard"])
    on.client("events").put_targets(Rule=on.ids[REGISTERED], Targets=[target])


def letters_dropped(on: Doctor) -> None:
    target = _target(on)
    del target["DeadLetterConfig"]
    on.client("events").put_targets(Rule=on.ids[REGISTERED], Targets=[target])


def target_added(on: Doctor) -> None:
    target = _target(on) | {"Id": "listener"}
    on.client("events").put_targets(Rule=on.ids[REGISTERED], Targets=[target])


def permission_removed(on: Doctor) -> None:
    client = on.client("lambda")
    policy = client.get_policy(FunctionName=on.ids[GUARD])["Policy"]
    (sid,) = (
        statement["Sid"]
        for statement in json.loads(policy)["Statement"]
        if on.ids[REGISTERED] in json.dumps(statement["Condition"])
    )
    client.remove_permission(FunctionName=on.ids[GUARD], StatementId=sid)


def permission_added(on: Doctor) -> None:
    on.client("lambda").add_permission(
        FunctionName=on.ids[GUARD],
        StatementId="friend",
        Action="lambda:InvokeFunction",
        Principal="210987654321",
    )


def code_changed(on: Doctor) -> None:
    on.client("lambda").update_function_code(
        FunctionName=on.ids[GUARD], ZipFile=zipped("bootstrap", "#!/bin/sh\n")
    )
    on.rests()


def switched_off(on: Doctor) -> None:
    on.client("lambda").put_function_concurrency(
        FunctionName=on.ids[GUARD], ReservedConcurrentExecutions=0
    )


def mode_changed(on: Doctor) -> None:
    client = on.client("lambda")
    now = client.get_function_configuration(FunctionName=on.ids[GUARD])
    variables = now["Environment"]["Variables"] | {"TIDEWAITER_MODE": "audit"}
    client.update_function_configuration(
        FunctionName=on.ids[GUARD], Environment={"Variables": variables}
    )
    on.rests()


def policy_replaced(on: Doctor) -> None:
    client = on.client("lambda")
    layer = client.publish_layer_version(
        LayerName="elsewhere",
        Content={"ZipFile": zipped("tidewaiter/policy.yaml", "version: 1\nrules: 7\n")},
    )
    client.update_function_configuration(
        FunctionName=on.ids[GUARD], Layers=[layer["LayerVersionArn"]]
    )
    on.rests()


def taking_stopped(on: Doctor) -> None:
    client = on.client("lambda")
    (mapping,) = client.list_event_source_mappings(
        FunctionName=on.ids["ImageScanGuard"]
    )["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)


def role_narrowed(on: Doctor) -> None:
    on.client("iam").delete_role_policy(
        RoleName=on.ids["TaskDefinitionGuardRole"], PolicyName="enforce"
    )


def role_widened(on: Doctor) -> None:
    on.client("iam").attach_role_policy(
        RoleName=on.ids["TaskDefinitionGuardRole"],
        PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess",
    )


def queue_closed(on: Doctor) -> None:
    on.client("sqs").set_queue_attributes(
        QueueUrl=on.ids["ImagePushedDeadLetters"], Attributes={"Policy": ""}
    )


def letter_left(on: Doctor) -> None:
    on.client("sqs").send_message(
        QueueUrl=on.ids["TaskDefinitionGuardDeadLetters"], MessageBody="{}"
    )


def subscription_gone(on: Doctor) -> None:
    client = on.client("sns")
    listed = client.list_subscriptions_by_topic(TopicArn=on.ids["AlertTopic"])
    (arn,) = (
        each["SubscriptionArn"]
        for each in listed["Subscriptions"]
        if each["Protocol"] == "email"
    )
    client.unsubscribe(SubscriptionArn=arn)


def topic_opened(on: Doctor) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": on.ids["AlertTopic"],
    }
    on.client("sns").set_topic_attributes(
        TopicArn=on.ids["AlertTopic"],
        AttributeName="Policy",
        AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": statement}),
    )


def paused(on: Doctor) -> None:
    on.bash(f"tidewaiter pause --reason 'a release' --stack {on.stack.name}")


def recovery_off(on: Doctor) -> None:
    on.client("dynamodb").update_continuous_backups(
        TableName=on.ids["Ledger"],
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )


def alarm_muted(on: Doctor) -> None:
    on.client("cloudwatch").disable_alarm_actions(AlarmNames=[on.ids["PolicyAlarm"]])


def scanning_off(on: Doctor) -> None:
    on.client("ecr").put_registry_scanning_configuration(scanType="BASIC", rules=[])


@dataclass
class Case:
    """What somebody did, and what the doctor says of it."""

    plant: Callable[[Doctor], None]
    # Which check, of what, in which words.
    check: str
    subject: str
    found: str
    # What to look at again; mostly the check.
    again: str = ""


CASES = [
    Case(trail_stopped, "trail", "management", "it is stopped"),
    Case(trail_reads, "trail", "management", "does not log management write"),
    Case(rule_disabled, "rules", "ImagePushed", "it is `DISABLED`"),
    Case(rule_gone, "rules", "BasicScanFinished", "it is gone"),
    Case(pattern_changed, "rules", REGISTERED, "its pattern is not"),
    Case(target_removed, "rules", REGISTERED, "`task-definition-guard` is gone"),
    Case(target_swapped, "rules", REGISTERED, "`task-definition-guard` is not as"),
    Case(letters_dropped, "rules", REGISTERED, "`task-definition-guard` is not as"),
    Case(target_added, "rules", REGISTERED, "a target `listener`"),
    Case(
        permission_removed,
        "permissions",
        f"{REGISTERED}Permission",
        "`events.amazonaws.com` may not invoke it",
    ),
    Case(permission_added, "permissions", GUARD, "statement `friend`"),
    Case(code_changed, "code", GUARD, "and the stack deployed", "functions"),
    Case(switched_off, "functions", GUARD, "reserved concurrency is 0"),
    Case(mode_changed, "functions", GUARD, "is `audit` in place of `enforce`"),
    Case(policy_replaced, "functions", GUARD, "elsewhere"),
    Case(taking_stopped, "functions", "ImageFindingsToImageScanGuard", "it is `Dis"),
    Case(role_narrowed, "roles", "TaskDefinitionGuardRole", "`enforce` is gone"),
    Case(role_widened, "roles", "TaskDefinitionGuardRole", "AdministratorAccess"),
    Case(queue_closed, "queues", "ImagePushedDeadLetters", "its policy is not"),
    Case(subscription_gone, "topics", "AlertSubscription", "does not listen any more"),
    Case(topic_opened, "topics", "AlertTopic", "its policy is not"),
    Case(paused, "switch", "kill switch", "are paused", "ledger"),
    Case(recovery_off, "ledger", "Ledger", "point-in-time recovery is off"),
    Case(alarm_muted, "alarms", "PolicyAlarm", "it tells nobody"),
    Case(scanning_off, "scanning", "repositories", "no rule of the registry scans"),
]


def test_a_stack_that_is_well_is_said_to_be(doctor: Doctor) -> None:
    status, report = doctor.says()
    bad = [
        one for one in report["checks"] if one["standing"] in ("problem", "cannot-tell")
    ]
    assert (status, bad) == (0, [])
    assert (report["mode"], report["region"]) == ("enforce", "ap-northeast-1")
    status, text = doctor.says(text=True)
    assert status == 0 and "0 problems" in text, text


def reader(doctor: Doctor, name: str, *more: dict[str, Any]) -> dict[str, str]:
    """The environment of somebody who may do what docs/doctor.md says, and `more`."""
    page = (ROOT / "docs" / "doctor.md").read_text()
    policy = json.loads(page.split("```json\n")[1].split("```")[0])
    policy["Statement"] += more
    iam, account = doctor.client("iam"), doctor.stack.aws.account
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": trust}
        ),
    )
    iam.put_role_policy(
        RoleName=name, PolicyName="read", PolicyDocument=json.dumps(policy)
    )
    keys = doctor.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/{name}", RoleSessionName="ada"
    )["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def test_the_permissions_of_the_page_are_enough_and_none_of_them_writes(
    doctor: Doctor,
) -> None:
    # The local AWS takes a look-up of a layer version by its ARN for a list of layers.
    layers = {"Effect": "Allow", "Action": "lambda:ListLayers", "Resource": "*"}
    status, report = doctor.says(as_=reader(doctor, "doctor-reader", layers))
    unwell = [
        f"{one['check']} {one['subject']}: {one['found']}"
        for one in report["checks"]
        if one["standing"] not in ("ok", "warning")
    ]
    assert (status, unwell) == (0, [])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.plant.__name__)
def test_what_somebody_did_is_named_and_its_fix_takes_it_back(
    doctor: Doctor, case: Case
) -> None:
    case.plant(doctor)
    (problem,) = doctor.problems()
    assert problem["check"] == case.check, problem
    told = f"{problem['subject']}: {problem['found']}"
    assert problem["subject"].startswith(case.subject) and case.found in told, told
    assert problem["why"]
    assert problem["fix"], told
    for command in problem["fix"]:
        doctor.bash(command)
    assert doctor.problems(case.again or case.check) == []


def test_dead_letters_are_counted_and_told_how_to_bring_back(doctor: Doctor) -> None:
    letter_left(doctor)
    (problem,) = doctor.problems()
    assert (problem["check"], problem["found"]) == (
        "dead-letters",
        "1 event lies in it",
    )
    (fix,) = problem["fix"]
    assert fix.startswith(
        "tidewaiter redrive --queue TaskDefinitionGuardDeadLetters --yes --stack"
    )
    doctor.client("sqs").purge_queue(
        QueueUrl=doctor.ids["TaskDefinitionGuardDeadLetters"]
    )
    assert doctor.problems("queues") == []


def test_what_may_not_be_read_is_no_problem_and_no_health(doctor: Doctor) -> None:
    deny = {"Effect": "Deny", "Action": "events:DescribeRule", "Resource": "*"}
    status, report = doctor.says("rules", as_=reader(doctor, "doctor-nearly", deny))
    assert (status, report["problems"]) == (2, 0)
    unread = [one for one in report["checks"] if one["standing"] == "cannot-tell"]
    assert unread and all("`events:DescribeRule`" in one["found"] for one in unread)


def test_after_all_of_that_the_stack_is_well(doctor: Doctor) -> None:
    assert doctor.problems() == []


def test_a_stack_that_is_none_of_ours_is_an_error(doctor: Doctor) -> None:
    done = subprocess.run(
        [doctor.program, "doctor", "--stack", "nowhere"],
        env=doctor.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "no stack `nowhere`" in done.stderr


def test_a_stack_of_the_construct_is_looked_at_as_well(
    aws: LocalAws, program: Path
) -> None:
    stack = Stack(aws, "audit", "ca-central-1", name="doctor-cdk", by="cdk")
    doctor = healthy(aws, program, stack.deploy())
    assert eventually("it to be well", lambda: doctor.problems() == [])
    doctor.client("events").disable_rule(Name=doctor.ids["TaskChanged"])
    (problem,) = doctor.problems("rules")
    assert (problem["subject"], problem["found"]) == ("TaskChanged", "it is `DISABLED`")
    (fix,) = problem["fix"]
    doctor.bash(fix)
    assert doctor.problems("rules") == []
