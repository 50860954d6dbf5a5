"""Grants beside calls: what a role asked for and may not, and what it may and never asked for."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

#: The condition key by which a statement names entries of the ledger.
LEADING_KEYS = "dynamodb:LeadingKeys"

#: Policies that are the same in both modes whatever a role does: called in one of them is called.
SAME_IN_BOTH_MODES = {"use-key", "send-traces"}
#: Roles that do the same in both modes.
MODELESS = {"UsageRecorderRole", "UsageReconcilerRole", "NotifyRole"}


@dataclass(frozen=True)
class Uncalled:
    """A grant that no test calls, and why it is there all the same."""

    #: A role, or * for every one that has the statement.
    role: str
    #: audit, enforce or both
    mode: str
    #: POLICY/SID
    statement: str
    action: str
    reason: str
    #: A pattern of partition keys, where the action is `LEADING_KEYS`.
    key: str = ""


_OF_DYNAMODB = (
    "AWS gives it among the least that DynamoDB has to be allowed on a key in the name of whoever uses a "
    "table. The local AWS asks for kms:Decrypt alone, and which others a table that exists asks for is unverified."
)

UNCALLED: list[Uncalled] = [
    Uncalled("*", "both", "use-key/UseKeyOfLedger", action, _OF_DYNAMODB)
    for action in (
        "kms:Encrypt",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
        "kms:GenerateDataKey",
        "kms:DescribeKey",
    )
]


def _key(role, mode, statement, action, key=""):
    policy = statement.split("/")[0]
    is_same = role in MODELESS or policy in SAME_IN_BOTH_MODES
    return role, "both" if is_same else mode, statement, action, key


def compare(granted, questions, uncalled=None):
    """What is wrong with the grants, as sentences: empty if nothing is.

    `granted` is a set of `granted.Grant`, `questions` what was asked (`tests/e2e/record.py`), `uncalled`
    the exceptions.
    """
    uncalled = UNCALLED if uncalled is None else uncalled
    questions = list(questions)
    wrong = [
        f"called, and not granted: {question}"
        for question in questions
        if not question.allowed
    ]
    grants = {_key(g.role, g.mode, g.statement, g.action, g.key) for g in granted}
    called = {
        _key(question.role, question.mode, statement, *used)
        for question in questions
        if question.allowed
        for statement in question.statements
        for used in _used(question, statement, granted)
    }
    wrong += [
        f"called by a statement that the template does not have: {_said(each)}"
        for each in sorted(called - grants)
    ]
    excepted = _excepted(grants | called, uncalled)
    wrong += [
        f"granted, and never called: {_said(each)}"
        for each in sorted(grants - called - excepted)
    ]
    wrong += [
        f"an exception, and called: {_said(each)}" for each in sorted(excepted & called)
    ]
    wrong += [
        f"an exception, and not granted: {_said(each)}"
        for each in sorted(excepted - grants)
    ]
    return wrong


def _used(question, statement, granted):
    """What a call uses of a statement: the action, and the patterns that its partition key matches."""
    yield (question.action,)
    if question.key:
        for grant in granted:
            if (grant.role, grant.statement) == (question.role, statement) and (
                grant.key and fnmatchcase(question.key, grant.key)
            ):
                yield LEADING_KEYS, grant.key


def _excepted(known, uncalled):
    """The exceptions, those of every role once for each that is known to have the statement."""
    excepted = set()
    for each in uncalled:
        roles = {
            role for role, _, statement, *_ in known if statement == each.statement
        }
        modes = ("audit", "enforce") if each.mode == "both" else (each.mode,)
        for role in roles if each.role == "*" and roles else {each.role}:
            for mode in modes:
                excepted.add(_key(role, mode, each.statement, each.action, each.key))
    return excepted


def _said(key):
    role, mode, statement, action, pattern = key
    return f"{role} ({mode}), {statement}: {action} {pattern}".strip()
