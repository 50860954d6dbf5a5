"""What every function of the stack may do, and who may use the stack's topic, queues and keys: a page.

python infra/permissions.py          prints docs/permissions.md
python infra/permissions.py --write  writes it
"""

import re
import sys
from pathlib import Path

from compared import UNCALLED
from evaluated import STACK_ID, as_list, stack
from granted import (
    FEATURES,
    MODES,
    documents,
    holders,
    remark,
    resource_policies,
    roles_of_functions,
    why,
)

PAGE = Path(__file__).parents[1] / "docs" / "permissions.md"


def shown(value):
    """A resource or a value of a condition, as people write it."""
    text = re.sub(r"^ref:AWS::|^ref:|^att:", "", str(value))
    text = re.sub(r"\.Arn$", "", text)
    # Rules that tell of tampering are named by it.
    text = text.replace(STACK_ID.rsplit("/", 1)[-1], "STACK-ID")
    names = {
        "<AWS::Partition>": "PARTITION",
        "<AWS::Region>": "REGION",
        "<AWS::AccountId>": "ACCOUNT",
        "<AWS::URLSuffix>": "SUFFIX",
        "<AWS::StackName>": "STACK",
        "AccountId": "ACCOUNT",
        "Region": "REGION",
    }
    for name, short in names.items():
        text = text.replace(name, short) if "<" in name else text
    return f"`{names.get(text, text)}`"


def listed(values):
    return "<br>".join(shown(value) for value in as_list(values))


def conditions(statement):
    return "<br>".join(
        f"{operator} `{key}`: {', '.join(shown(v) for v in as_list(values))}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def has(deployed, role, policy, sid):
    return role in deployed.resources and any(
        statement["Sid"] == sid
        for statement in documents(deployed, role).get(policy, [])
    )


def needs(role, policy, sid):
    """When a role has a statement: the modes, and the parameters without which it has not."""
    modes = [
        mode for mode in MODES if has(stack(Mode=mode, **FEATURES), role, policy, sid)
    ]
    without = [
        feature
        for feature in FEATURES
        if not has(
            stack(
                Mode=modes[-1], **{k: v for k, v in FEATURES.items() if k != feature}
            ),
            role,
            policy,
            sid,
        )
    ]
    return modes, without


def of_role(role):
    """The section of a role."""
    # As most stacks have it: a key of the stack's own. What a key of the account's own brings comes after.
    plain = {k: v for k, v in FEATURES.items() if k != "KeyArn"}
    rows = []
    for deployed in (stack(Mode="enforce", **plain), stack(Mode="enforce", **FEATURES)):
        where = holders(deployed, role)
        for policy, statements in documents(deployed, role).items():
            for statement in statements:
                sid = statement["Sid"]
                modes, features = needs(role, policy, sid)
                if "KeyArn" not in features and deployed.parameters.get("KeyArn"):
                    continue
                when = "both" if len(modes) == 2 else f"**{modes[0]}**"
                given = [f"`{name}`" for name in features if name != "ChannelsPath"]
                rows.append(
                    (
                        f"{policy} / {sid}",
                        ", with ".join([when, *given]),
                        listed(statement["Action"]),
                        listed(statement["Resource"]),
                        conditions(statement),
                        why(where[policy], sid),
                    )
                )
    head = ("Policy / statement", "Mode", "Actions", "On", "Only where", "Why")
    return table(head, rows)


def stars():
    """Statements that name no resource, and why."""
    deployed = stack(Mode="enforce", **FEATURES)
    found = {}
    for role in deployed.of_type("AWS::IAM::Role"):
        where = holders(deployed, role)
        for policy, statements in documents(deployed, role).items():
            for statement in statements:
                if statement["Resource"] == "*":
                    reason = remark(where[policy], statement["Sid"], "star")
                    for action in as_list(statement["Action"]):
                        found.setdefault((action, reason), set()).add(role)
    return [
        (f"`{action}`", reason, ", ".join(sorted(roles)))
        for (action, reason), roles in sorted(found.items())
    ]


def of_resources():
    plain = {k: v for k, v in FEATURES.items() if k != "KeyArn"}
    rows = [
        (
            shown(resource),
            statement["Sid"],
            statement["Effect"],
            principal(statement["Principal"]),
            listed(statement["Action"]),
            conditions(statement),
        )
        for resource, statement in resource_policies(stack(Mode="enforce", **plain))
    ]
    head = ("Of", "Statement", "Effect", "Who", "Actions", "Only where")
    return table(head, rows)


def principal(who):
    if isinstance(who, str):
        return shown(who)
    return "<br>".join(listed(names) for names in who.values())


def of_functions():
    rows = [
        (
            shown(permission["FunctionName"]),
            shown(permission["Principal"]),
            shown(permission["SourceArn"]),
        )
        for permission in stack(Mode="enforce", **FEATURES)
        .of_type("AWS::Lambda::Permission")
        .values()
    ]
    return table(("Function", "Who", "For"), rows)


def of_trust():
    deployed = stack(Mode="enforce", **FEATURES)
    rows = [
        (
            f"`{name}`",
            principal(statement["Principal"]),
            conditions(statement),
        )
        for name, role in deployed.of_type("AWS::IAM::Role").items()
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
    ]
    return table(("Role", "Taken on by", "Only where"), rows)


def uncalled():
    rows = [
        (each.role, each.mode, each.statement, f"`{each.action}`", each.reason)
        for each in UNCALLED
    ]
    return table(("Role", "Mode", "Policy / statement", "Action", "Why"), rows)


def page():
    """The text of docs/permissions.md."""
    deployed = stack(Mode="enforce", **FEATURES)
    functions = roles_of_functions(deployed)
    others = [r for r in deployed.of_type("AWS::IAM::Role") if r not in functions]
    lines = [INTRODUCTION]
    for role in functions:
        lines += [f"## {role.removesuffix('Role')}", "", *of_role(role), ""]
    lines += ["## Roles of no function", "", OTHERS, ""]
    for role in others:
        lines += [f"### {role}", "", *of_role(role), ""]
    lines += ["## Who may take on a role", "", TRUST, "", *of_trust(), ""]
    lines += ["## Where only `*` works", "", STARS, ""]
    lines += [*table(("Action", "Why", "Roles"), stars()), ""]
    lines += ["## Topic, queues and key", "", RESOURCES, "", *of_resources(), ""]
    lines += ["## Who may invoke a function", "", INVOKING, "", *of_functions(), ""]
    lines += ["## Granted, and called by no test", "", EXCEPTIONS, "", *uncalled(), ""]
    return "\n".join(lines)


INTRODUCTION = """# Permissions

Generated from `infra/template.yaml` by `infra/permissions.py` (`make generate`). For whoever has to say yes to the stack: every statement of every role, in both
modes, and every policy of a topic, a queue and a key. `REGION`, `ACCOUNT`, `STACK` and `STACK-ID` are the stack's own.

**In audit mode no role holds a write action on ECS or ECR.** What it writes is its log, alerts, its own dead letter queue and the ledger, in which it keeps what
it told. `enforce` adds the statements marked so, which are policies of their own and do not exist in an audit stack.

**Nothing is granted that is not called, and nothing is called that is not granted.** The end-to-end tests run the release binaries under these very policies. The
local AWS writes down every permission that a role asks for, with the statement that allows it, and in the end `tests/e2e/test_permissions.py` compares: a refusal fails,
and so does an action of a statement that no test in that mode called. The [exceptions](#granted-and-called-by-no-test) have reasons, and fail as soon as they are called.
What AWS services ask in the name of a role (logs, queues, keys, traces, Amazon Inspector) the local AWS asks as their documentation says. That is all unverified
against an account.

The roles of a stack with channels, tracing, a key and a hub are shown; a statement that needs a parameter names it.
"""
OTHERS = """Of a stack with `HubBusArn`: a pipe and a rule take them on. The local AWS does not ask IAM for them, so these are not compared."""
TRUST = """AWS does not document that Lambda names a source when it takes on the role of a function, so no condition narrows that."""
STARS = """AWS defines no resource type for these actions. All are held to the stack's own Region by `aws:RequestedRegion`, which is in every request."""
RESOURCES = """A service is let in for one account and one source. Where `Who` is `*` the statement denies. With `KeyArn` there is no `AlertKey`; what the policy of
your own key has to say stands in [infra/README.md](../infra/README.md#a-key-of-your-own). `kms:*` of the account itself lets IAM decide about the key; without it nobody could ever
change or delete it. `IfExists`: the ARN, which holds the account, is wanted in any case; the account beside it is not documented to be sent in every case."""
INVOKING = """The ARN of the rule holds the account. Nobody else may, and no function has a URL."""
EXCEPTIONS = (
    """Each with the reason why it is granted all the same. One that is called fails."""
)


def main():
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page())
    elif sys.argv[1:]:
        sys.exit("usage: permissions.py [--write]")
    else:
        print(page(), end="")


if __name__ == "__main__":
    main()
