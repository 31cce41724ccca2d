"""How far reconciliation goes."""

from __future__ import annotations

from enum import StrEnum


class Until(StrEnum):
    """The last layer to compare."""

    RAW = "raw"
    FACTS = "facts"
