"""Do things a little later, in order, in the scope of an account and region.

AWS sends events after it has answered the call that caused them. One thread works
off a queue of such actions, so that they keep their order and never run inside the
request they follow.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

from ministack.core.iam_evaluator import pin_request_origin
from ministack.core.responses import get_account_id, get_region, request_scope

_LOG = logging.getLogger("local_aws")

#: How long after its cause an event is sent unless told otherwise.
DEFAULT_DELAY = 0.02

_Entry = tuple[float, int, str, str, Callable[[], object]]


class Pump:
    """A queue of actions with due times, and the thread that runs them."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def later(
        self,
        action: Callable[[], object],
        *,
        delay: float = DEFAULT_DELAY,
        account: str | None = None,
        region: str | None = None,
    ) -> None:
        """Run ``action`` after ``delay`` seconds.

        It runs in the given account and region, or else in the current ones.
        """
        entry = (
            time.monotonic() + delay,
            next(self._number),
            account or get_account_id(),
            region or get_region(),
            action,
        )
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="local-aws-pump", daemon=True
                )
                self._thread.start()
            heapq.heappush(self._entries, entry)
            self._changed.notify()

    def clear(self) -> None:
        """Forget everything that has not run yet."""
        with self._changed:
            self._entries.clear()
            self._changed.notify()

    def _next(self) -> _Entry:
        with self._changed:
            while True:
                if not self._entries:
                    self._changed.wait()
                    continue
                wait = self._entries[0][0] - time.monotonic()
                if wait <= 0:
                    return heapq.heappop(self._entries)
                self._changed.wait(wait)

    def _run(self) -> None:
        # What AWS delivers itself goes over TLS, which policies ask for.
        pin_request_origin("", True)
        while True:
            _due, _number, account, region, action = self._next()
            try:
                with request_scope(account, region):
                    action()
            except Exception:  # noqa: BLE001 - whatever it was, the next one has to run
                _LOG.exception("delayed action failed")


#: The one pump of this process.
PUMP = Pump()
