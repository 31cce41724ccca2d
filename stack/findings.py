"""What an examination of the machine or the lake can say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """The lake runs, but something will surprise."""
    FAIL = "fail"
    """The lake does not run, or is not safe, until it is mended."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str
    verdict: Verdict
    what: str
    """What was found, with the figures or names that it was found by."""
    remedy: str = ""
    """What to do about it; empty when nothing need be done."""


def ok(check: str, what: str) -> Finding:
    """Nothing to do."""
    return Finding(check, Verdict.OK, what)


def warn(check: str, what: str, remedy: str) -> Finding:
    """Worth knowing."""
    return Finding(check, Verdict.WARN, what, remedy)


def fail(check: str, what: str, remedy: str) -> Finding:
    """To be mended."""
    return Finding(check, Verdict.FAIL, what, remedy)
