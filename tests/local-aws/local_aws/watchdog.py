"""Stop the server when whoever started it is gone."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable

_POLL_SECONDS = 0.5


def stdin_is_a_pipe() -> bool:
    """Tell whether standard input is a pipe or a socket that somebody can close.

    A terminal and ``/dev/null`` are not: reading them says nothing about the parent.
    """
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def watch_stdin(stop: Callable[[], None]) -> None:
    """Call ``stop`` once standard input reaches its end."""

    def run() -> None:
        descriptor = sys.stdin.fileno()
        try:
            while os.read(descriptor, 4096):
                pass
        except OSError:
            pass
        stop()

    threading.Thread(target=run, name="watch-stdin", daemon=True).start()


def watch_parent(stop: Callable[[], None]) -> None:
    """Call ``stop`` once this process has another parent than it has now."""
    parent = os.getppid()

    def run() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        stop()

    threading.Thread(target=run, name="watch-parent", daemon=True).start()
