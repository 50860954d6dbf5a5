"""Somebody at a shell, with the real program."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from stack import Stack


class Person:
    """Somebody at a shell whose AWS configuration is in the environment."""

    def __init__(self, program: Path, stack: Stack, home: Path) -> None:
        self.program = program
        self.stack = stack
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_EC2_METADATA_DISABLED": "true",
            **stack.aws.environment(stack.region),
        }

    def run(self, *arguments: str, stack: str | None = None) -> tuple[int, str, str]:
        """Runs a command; its status, its output, and its complaints."""
        done = subprocess.run(
            [self.program, *arguments, "--stack", stack or self.stack.name],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def does(self, *arguments: str) -> str:
        """Runs a command that has to succeed; its output."""
        status, out, error = self.run(*arguments)
        assert status == 0, f"{out}\n{error}"
        return out
