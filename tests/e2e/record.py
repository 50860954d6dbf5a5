"""What the roles of the suite's stacks asked for: written as it happens, and read when all is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parents[2] / "target" / "e2e"
#: A line for every permission that a role asked for, written by the local AWS.
CALLS = _FOLDER / "calls.jsonl"
#: A line for every stack that was deployed: its mode, its parameters, its roles.
STACKS = _FOLDER / "stacks.jsonl"


@dataclass(frozen=True)
class Question:
    """A permission that the role of a function asked for."""

    #: The role's logical id, such as `NotifyRole`.
    role: str
    mode: str
    action: str
    resource: str
    #: The statements that allow it, as POLICY/SID.
    statements: tuple[str, ...]
    allowed: bool
    #: The stack that the role is of.
    stack: str
    keys: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        """The partition key, of a request to DynamoDB."""
        found = (self.keys or {}).get("dynamodb:LeadingKeys") or [""]
        return found[0]

    def __str__(self) -> str:
        keys = f" with {self.keys}" if self.keys else ""
        return f"{self.role} ({self.mode}, {self.stack}): {self.action} on {self.resource}{keys}"


def begin() -> None:
    """Forgets what was written in an earlier run."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    for file in (CALLS, STACKS):
        file.unlink(missing_ok=True)


def deployed(
    name: str, mode: str, parameters: dict[str, str], roles: dict[str, str]
) -> None:
    """Writes down a stack. `roles` are logical ids by the names of the roles."""
    line = {"stack": name, "mode": mode, "parameters": parameters, "roles": roles}
    # The benchmark deploys stacks too, and begins nothing.
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with STACKS.open("a") as file:
        file.write(json.dumps(line) + "\n")


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if file.exists():
        yield from map(json.loads, file.read_text().splitlines())


def stacks(file: Path = STACKS) -> list[dict[str, Any]]:
    """The stacks that were deployed."""
    return list(_lines(file))


def questions(calls: Path = CALLS, stacks_: Path = STACKS) -> Iterator[Question]:
    """What the roles of the stacks asked for; what other roles did is left out."""
    roles = {
        role: (logical, stack)
        for stack in stacks(stacks_)
        for role, logical in stack["roles"].items()
    }
    for line in _lines(calls):
        if line["role"] in roles:
            logical, stack = roles[line["role"]]
            yield Question(
                role=logical,
                mode=stack["mode"],
                action=line["action"],
                resource=line["resource"],
                statements=tuple(line["statements"]),
                allowed=line["allowed"],
                stack=stack["stack"],
                keys=line["keys"],
            )
