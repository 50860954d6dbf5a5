"""The list of API calls seen, and the faults to answer some of them with."""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from local_aws.apicall import ApiCall

_KEPT_CALLS = 50_000


@dataclass
class Recorded:
    """One API call, as ``GET /_local/calls`` lists it."""

    time: float
    service: str
    action: str
    account: str
    region: str
    #: ARN of the role or user that called.
    caller: str
    request: dict[str, Any]
    #: HTTP status of the answer; None while there is no answer yet.
    status: int | None = None
    error: str | None = None
    #: True if the answer came from a fault and the call had no effect.
    faulted: bool = False


@dataclass
class Fault:
    """An error to give instead of letting a call through."""

    target: str
    code: str
    status: int = 400
    message: str = "Injected by local_aws"
    #: How many calls get the error; None for all of them.
    times: int | None = 1
    #: How many matching calls are let through before that.
    skip: int = 0
    #: Only for callers whose role or user ARN contains a match of this.
    caller: str = ""
    #: Only in this region.
    region: str = ""

    def __post_init__(self) -> None:
        re.compile(self.target)
        re.compile(self.caller)

    def hits(self, call: ApiCall, caller: str, region: str) -> bool:
        """Tell whether this call gets the error, and count it."""
        names = (call.action, f"{call.service}:{call.action}")
        if not any(re.fullmatch(self.target, name) for name in names):
            return False
        if self.caller and not re.search(self.caller, caller):
            return False
        if self.region and self.region != region:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is None:
            return True
        if self.times <= 0:
            return False
        self.times -= 1
        return True


@dataclass
class Journal:
    """Calls seen and faults waiting. Used from the event loop only."""

    calls: deque[Recorded] = field(default_factory=lambda: deque(maxlen=_KEPT_CALLS))
    faults: list[Fault] = field(default_factory=list)

    def record(
        self, call: ApiCall, *, account: str, region: str, caller: str
    ) -> Recorded:
        """Add a call that just arrived; its answer is filled in later."""
        entry = Recorded(
            time=time.time(),
            service=call.service,
            action=call.action,
            account=account,
            region=region,
            caller=caller,
            request=call.params,
        )
        self.calls.append(entry)
        return entry

    def fault_for(self, call: ApiCall, caller: str, region: str) -> Fault | None:
        """Return the first fault that this call runs into."""
        for fault in self.faults:
            if fault.hits(call, caller, region):
                return fault
        return None

    def listing(self, **only: str) -> list[dict[str, Any]]:
        """Return the calls, oldest first, that have all of the given values."""
        return [
            asdict(entry)
            for entry in self.calls
            if all(str(getattr(entry, name)) == value for name, value in only.items())
        ]

    def reset(self) -> None:
        """Forget calls and faults."""
        self.calls.clear()
        self.faults.clear()
