"""What roles, topics, queues and keys allow: as narrow as AWS has words for, said on a page, and compared with calls."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import compared
import granted
import permissions
import pytest
from compared import Uncalled, compare
from evaluated import as_list, stack
from granted import FEATURES, MODES, Grant, grants
from permissions import PAGE

WHOLE = [stack(Mode=mode, **FEATURES) for mode in MODES]
PLAIN = [stack(Mode=mode) for mode in MODES]
ROLES = list(WHOLE[1].of_type("AWS::IAM::Role"))


def statements_of(deployed, role):
    for policy, statements in granted.documents(deployed, role).items():
        for statement in statements:
            yield policy, statement


# ---- the page ----------------------------------------------------------------------


def test_the_page_says_what_the_template_grants():
    assert PAGE.read_text() == permissions.page(), "run `make generate`"


def test_the_page_is_printed_and_other_words_are_refused():
    program = [sys.executable, permissions.__file__]
    printed = subprocess.run(program, capture_output=True, text=True, check=True)
    assert printed.stdout == permissions.page()
    refused = subprocess.run(
        [*program, "-x"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1 and "usage" in refused.stderr


@pytest.mark.parametrize("role", ROLES)
def test_every_statement_has_a_name_of_its_own_and_a_reason(role):
    deployed = WHOLE[1]
    where = granted.holders(deployed, role)
    names = []
    for policy, statement in statements_of(deployed, role):
        names.append((policy, statement["Sid"]))
        assert granted.why(where[policy], statement["Sid"]), statement["Sid"]
    assert len(names) == len(set(names))


def test_no_reason_is_left_of_a_statement_that_is_gone():
    used = {
        statement["Sid"]
        for deployed in (*WHOLE, *PLAIN)
        for role in deployed.of_type("AWS::IAM::Role")
        for _, statement in statements_of(deployed, role)
    }
    assert granted.COMMON.keys() <= used


def test_audit_writes_nothing_on_ecs_or_ecr_whatever_the_parameters():
    deployed = WHOLE[0]
    reads = re.compile(r"(ecs|ecr):(Describe|List|BatchGet)\w+")
    for role in deployed.of_type("AWS::IAM::Role"):
        for _, statement in statements_of(deployed, role):
            for action in as_list(statement["Action"]):
                if action.split(":")[0] in ("ecs", "ecr", "ecr-public"):
                    assert reads.fullmatch(action), (role, action)


# ---- as narrow as AWS has words for ------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_no_action_has_a_wildcard_and_nothing_is_denied_in_place_of_not_granted(role):
    for deployed in WHOLE:
        for _, statement in statements_of(deployed, role):
            assert statement["Effect"] == "Allow"
            assert not {"NotAction", "NotResource"} & statement.keys()
            assert not [a for a in as_list(statement["Action"]) if re.search("[*?]", a)]


@pytest.mark.parametrize("role", ROLES)
def test_what_has_no_resource_is_held_to_the_region_and_says_why(role):
    deployed = WHOLE[1]
    where = granted.holders(deployed, role)
    for policy, statement in statements_of(deployed, role):
        if "*" in as_list(statement["Resource"]):
            condition = {"aws:RequestedRegion": "ref:AWS::Region"}
            assert statement["Condition"] == {"StringEquals": condition}
            assert granted.remark(where[policy], statement["Sid"], "star")


@pytest.mark.parametrize("role", ROLES)
def test_resources_are_of_this_account_and_region(role):
    for _, statement in statements_of(WHOLE[1], role):
        for resource in as_list(statement["Resource"]):
            if resource.startswith("arn:"):
                place = resource.split(":", 5)[3:5]
                assert resource.startswith("arn:<AWS::Partition>:"), resource
                assert ":<AWS::Region>:<AWS::AccountId>:" in resource, place


@pytest.mark.parametrize("role", ROLES)
def test_entries_of_the_ledger_are_named_by_their_key(role):
    for deployed in (*WHOLE, *PLAIN):
        if role not in deployed.resources:
            continue
        for _, statement in statements_of(deployed, role):
            if statement["Resource"] != "att:Ledger.Arn":
                continue
            condition = statement["Condition"]
            keys = condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            assert not [key for key in keys if key.startswith("*")], keys
            # A request without a key satisfies `ForAllValues` too.
            assert condition["Null"] == {"dynamodb:LeadingKeys": "false"}


def writable(deployed, role):
    """Keys of entries that a role may write."""
    return {
        key
        for _, statement in statements_of(deployed, role)
        if "dynamodb:UpdateItem" in as_list(statement["Action"])
        for key in statement["Condition"]["ForAllValues:StringLike"][
            "dynamodb:LeadingKeys"
        ]
    }


@pytest.mark.parametrize("role", ROLES)
def test_no_role_may_write_the_kill_switch(role):
    assert not [key for key in writable(WHOLE[1], role) if key.startswith("switch")]


@pytest.mark.parametrize("role", granted.roles_of_functions(PLAIN[0]))
def test_in_audit_mode_no_role_takes_a_budget_or_writes_down_an_action(role):
    keys = {key.split("#")[0] for key in writable(PLAIN[0], role)}
    assert keys <= {"alert", "quarantine", "usage", "usage-index"}


@pytest.mark.parametrize("role", ROLES)
def test_keys_are_used_through_a_service_alone(role):
    for deployed in (*WHOLE, *PLAIN):
        if role not in deployed.resources:
            continue
        for _, statement in statements_of(deployed, role):
            if any(a.startswith("kms:") for a in as_list(statement["Action"])):
                services = as_list(
                    statement["Condition"]["StringEquals"]["kms:ViaService"]
                )
                assert all(
                    s.endswith(".<AWS::Region>.<AWS::URLSuffix>") for s in services
                )


#: Characters without blanks that the inline policies of a role may have together.
INLINE_POLICIES = 10_240
#: How long an ARN may become that CloudFormation makes, of a stack with a name of 64 characters.
ARN = 180


@pytest.mark.parametrize("role", ROLES)
def test_the_policies_of_a_role_fit(role):
    documents = granted.documents(WHOLE[1], role)
    text = json.dumps(list(documents.values())).replace(" ", "")
    text = re.sub(r'"(ref|att):[^"]*"', f'"{"x" * ARN}"', text)
    text = re.sub(r"<AWS::\w+>", "x" * 14, text)
    assert len(text) < INLINE_POLICIES


# ---- resource policies -------------------------------------------------------------


def let_in():
    """Every statement that lets an AWS service use a topic, a queue or a key."""
    for deployed in (*WHOLE, *PLAIN):
        for resource, statement in granted.resource_policies(deployed):
            if statement["Effect"] == "Allow" and "Service" in statement["Principal"]:
                yield resource, statement


def test_a_service_is_let_in_for_one_source_of_this_account():
    found = 0
    for resource, statement in let_in():
        services = as_list(statement["Principal"]["Service"])
        conditions = statement.get("Condition", {})
        keys = {key for of in conditions.values() for key in of}
        if "events.amazonaws.com" in services and "kms:Decrypt" in as_list(
            statement["Action"]
        ):
            # EventBridge names no source when it uses a key: a condition would lose what it sends.
            assert not keys & {"aws:SourceAccount", "aws:SourceArn"}, resource
            continue
        found += 1
        assert {"aws:SourceAccount", "aws:SourceArn"} <= keys, resource
        assert not [name for name in conditions if name.startswith("Null")], resource
    assert found


def test_nobody_else_is_let_in():
    root = "arn:<AWS::Partition>:iam::<AWS::AccountId>:root"
    for deployed in (*WHOLE, *PLAIN):
        for resource, statement in granted.resource_policies(deployed):
            if (
                statement["Effect"] == "Allow"
                and "Service" not in statement["Principal"]
            ):
                assert statement["Principal"] == {"AWS": root}, resource
                assert resource.endswith("Key"), resource


# ---- grants and calls --------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """As `tests/e2e/record.py` reads it."""

    role: str
    mode: str
    action: str
    statements: tuple = ()
    allowed: bool = True
    key: str = ""


def calls_of(wanted):
    """Calls that use every grant once."""
    actions = {}
    for g in sorted(wanted):
        if not g.key:
            actions.setdefault((g.role, g.statement), g.action)
    return [
        Question(
            g.role,
            g.mode,
            actions[g.role, g.statement] if g.key else g.action,
            (g.statement,),
            key=g.key.replace("*", "x"),
        )
        for g in wanted
    ]


def whole(mode):
    return grants(mode, **FEATURES)


GRANTED = whole("audit") | whole("enforce")


def test_grants_that_are_called_and_calls_that_are_granted_are_right():
    assert compare(GRANTED, calls_of(GRANTED), []) == []


@pytest.mark.parametrize("grant", sorted(GRANTED), ids=str)
def test_a_permission_that_is_added_by_hand_fails(grant):
    def uses(question):
        # The other mode is no excuse, but where the two are the same.
        same = (question.role, question.statements) == (grant.role, (grant.statement,))
        if grant.key:
            return same and question.key == grant.key.replace("*", "x")
        return same and question.action == grant.action

    asked = [question for question in calls_of(GRANTED) if not uses(question)]
    wrong = compare(GRANTED, asked, [])
    assert all(each.startswith("granted, and never called") for each in wrong)
    said = f"{grant.statement}: {grant.action} {grant.key}".strip()
    assert [each for each in wrong if grant.role in each and each.endswith(said)]


def test_a_permission_that_is_removed_by_hand_fails():
    gone = Grant(
        "TaskDefinitionGuardRole",
        "enforce",
        "enforce/DeregisterTaskDefinitions",
        "ecs:DeregisterTaskDefinition",
    )
    assert gone in GRANTED
    refused = Question(gone.role, gone.mode, gone.action, (), allowed=False)
    asked = [q for q in calls_of(GRANTED) if q.action != gone.action]
    (wrong,) = compare(GRANTED - {gone}, [*asked, refused], [])
    assert wrong.startswith("called, and not granted")


def test_a_call_in_one_mode_does_not_excuse_a_grant_in_the_other():
    read = "observe-and-report/ReadTaskDefinitions"
    audit = Grant("ImageScanGuardRole", "audit", read, "ecs:DescribeTaskDefinition")
    (call,) = calls_of([audit])
    (wrong,) = compare(GRANTED, [q for q in calls_of(GRANTED) if q != call], [])
    assert "ImageScanGuardRole (audit)" in wrong


def test_a_statement_that_the_template_does_not_have_fails():
    stray = Question("NotifyRole", "audit", "sns:Publish", ("tell/ByHand",))
    (wrong,) = compare(GRANTED, [*calls_of(GRANTED), stray], [])
    assert "does not have" in wrong


EXCEPTION = Uncalled(
    "DeploymentGuardRole",
    "both",
    "observe-and-report/ReadImages",
    "ecr:BatchGetImage",
    "a reason",
)


def test_an_exception_holds_until_it_is_called():
    asked = [
        q
        for q in calls_of(GRANTED)
        if (q.role, q.action) != (EXCEPTION.role, EXCEPTION.action)
    ]
    assert compare(GRANTED, asked, [EXCEPTION]) == []
    wrong = compare(GRANTED, calls_of(GRANTED), [EXCEPTION])
    assert len(wrong) == 2
    assert all(each.startswith("an exception, and called") for each in wrong)


def test_an_exception_to_nothing_fails():
    gone = Uncalled("NotifyRole", "both", "tell/Gone", "sns:Publish", "a reason")
    (wrong,) = compare(GRANTED, calls_of(GRANTED), [gone])
    assert wrong.startswith("an exception, and not granted")


def test_an_exception_of_every_role_is_one_of_each_that_has_the_statement():
    every = Uncalled("*", "both", "send-traces/SendTraces", "xray:PutTraceSegments", "")
    traced = {g for g in GRANTED if g.action == every.action}
    assert len({g.role for g in traced}) == 7
    rest = calls_of(GRANTED - traced)
    assert compare(GRANTED, rest, [every]) == []
    one = next(iter(traced))
    assert len(compare(GRANTED, [*rest, *calls_of([one])], [every])) == 1


def test_exceptions_are_few_and_have_reasons():
    assert len(compared.UNCALLED) <= 12
    assert all(len(each.reason) > 20 for each in compared.UNCALLED)


def test_the_suite_looks_for_what_this_compares():
    suite = Path(__file__).parents[1] / "tests" / "e2e"
    assert "compare(granted" in (suite / "test_permissions.py").read_text()
    makefile = (Path(__file__).parents[1] / "Makefile").read_text()
    assert (
        "TIDEWAITER_WHOLE_SUITE=1 $(LOCAL_BIN)/python -m pytest tests/e2e" in makefile
    )
