"""Who asks for which permission, which statement of which policy answers, and a record of it.

MiniStack evaluates policies. This module listens to it, gives it condition keys that it does not
know, and asks it what AWS services ask in the name of a role (``on_behalf.py`` says which).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.iam_evaluator import EvalContext, EvalResult, ParsedStatement
from ministack.core.responses import get_region, request_scope
from ministack.services import iam

from local_aws import encryption, leading_keys

_LEADING = "dynamodb:LeadingKeys"

#: The questions of the evaluation that is going on, first that about the role's own policies.
_ASKED: ContextVar[list[EvalContext] | None] = ContextVar(
    "local_aws_asked", default=None
)


class Record:
    """A file with a line of JSON for every question, each once.

    ``role`` is the name of a role, ``action`` and ``resource`` what it asked for, in ``region``.
    ``keys`` are the values of the condition keys that the role's statements about the action name,
    and the partition key of a request to DynamoDB in any case.
    ``allowed`` is the answer, and ``statements`` are all that allow it, as ``POLICY/SID``. ``by`` is
    the service that asked in the name of the role, or null.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: set[str] = set()
        self._file: TextIO | None = None

    def begin(self, path: Path) -> None:
        """Write what is asked from now on to the end of a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", buffering=1)

    def add(self, context: EvalContext, *, allowed: bool, by: str | None) -> None:
        """Write down a question of a role, unless it was asked before."""
        if self._file is None or context.principal_type != "AssumedRole":
            return
        role = iam_evaluator._role_name_from_assumed_arn(context.principal_arn)
        about = [
            (name, statement)
            for name, statement in _statements(role, context.principal_account)
            if iam_evaluator._action_matches(
                context.action, statement.actions, statement.not_actions
            )
        ]
        named = {
            key
            for _, statement in about
            for keys in statement.conditions.values()
            for key in keys
        }
        if _LEADING.lower() in context.service_context:
            named.add(_LEADING)
        question = {
            "role": role,
            "action": context.action,
            "resource": context.resource_arn,
            "region": context.region,
            "keys": {
                key: iam_evaluator._resolve_condition_key(key, context)
                for key in sorted(named)
            },
            "allowed": allowed,
            "statements": [
                name
                for name, statement in about
                if iam_evaluator._first_match(context, [statement], "Allow")
            ],
            "by": by,
        }
        line = json.dumps(question)
        with self._lock:
            if line not in self._lines:
                self._lines.add(line)
                self._file.write(line + "\n")


#: The one record of this process.
RECORD = Record()


def _statements(role: str, account: str) -> list[tuple[str, ParsedStatement]]:
    """Return the statements of a role's own policies, each with its policy and its ``Sid``."""
    known = iam._roles.get_scoped(account, None, role) or {}
    return [
        (f"{policy}/{statement.sid or number}", statement)
        for policy, document in (known.get("InlinePolicies") or {}).items()
        for number, statement in enumerate(
            iam_evaluator.parse_policy_document(document)
        )
    ]


def permitted(
    role_arn: str,
    action: str,
    resource: str,
    *,
    by: str | None,
    keys: dict[str, Any] | None = None,
) -> bool:
    """Tell whether a role may do something, or a service in its name.

    ``by`` is the service. Without ``enforce_iam`` everybody may do everything.
    """
    if not app.AUTH:
        return True
    account, role = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    service = action.split(":")[0]
    context = EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{role}/asked",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        # AWS services are never without TLS.
        secure_transport=True,
        service_context={key.lower(): value for key, value in (keys or {}).items()},
    )
    result = iam_evaluator.evaluate(
        context, iam_evaluator._gather_role_policies(role, account)
    )
    found = iam_evaluator._resource_policy(service, resource)
    if found is not None:
        is_required = service in iam_evaluator._POLICY_REQUIRED
        result = iam_evaluator.combine_resource_policy(
            result, context, *found, required=is_required
        )
    allowed = result.decision == "Allow"
    RECORD.add(context, allowed=allowed, by=by)
    return allowed


def permitted_to_function(config: dict[str, Any], action: str, resource: str) -> bool:
    """Tell whether Lambda may do something in the name of a function, and use the resource's key for it.

    ``config`` is the function's configuration.
    """
    arn = config["FunctionArn"].split(":")
    with request_scope(arn[4], arn[3]):
        uses = [(action, resource, {}), *encryption.uses(action, resource)]
        return all(
            permitted(
                config.get("Role", ""),
                asked,
                of,
                by="lambda.amazonaws.com",
                keys=keys,
            )
            for asked, of, keys in uses
        )


def _listened_to(inner: Callable[..., EvalResult]) -> Callable[..., EvalResult]:
    def evaluate(context: EvalContext, *policies: Any) -> EvalResult:
        asked = _ASKED.get()
        if asked is not None:
            asked.append(context)
        return inner(context, *policies)

    return evaluate


def _recorded(inner: Callable[..., Any]) -> Callable[..., Any]:
    def ask(
        by: str | None,
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        asked: list[EvalContext] = []
        token = _ASKED.set(asked)
        try:
            denied = inner(
                access_key, action, service, region, resource_arn, service_context
            )
        finally:
            _ASKED.reset(token)
        if asked:
            RECORD.add(asked[0], allowed=denied is None, by=by)
        # Who is asked nothing, as the account itself, may use keys as well.
        if denied is None and asked and by is None:
            for use, key, keys in encryption.uses(action, resource_arn):
                denied = ask(
                    f"{service}.amazonaws.com",
                    access_key,
                    use,
                    "kms",
                    region,
                    key,
                    keys,
                )
                if denied:
                    return denied
        return denied

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        return ask(
            None,
            access_key_id,
            iam_action,
            service,
            region,
            resource_arn,
            service_context,
        )

    return enforce


def install(record: Path | None = None) -> None:
    """Listen to MiniStack's evaluation, and give it what it does not know."""
    if record is not None:
        RECORD.begin(record)
    iam_evaluator.evaluate = _listened_to(iam_evaluator.evaluate)
    iam_evaluator.enforce = _recorded(iam_evaluator.enforce)
    iam_actions.dynamodb_service_context = leading_keys.added_to(
        iam_actions.dynamodb_service_context
    )
