"""What can go wrong in this room."""

from __future__ import annotations


class QualityError(Exception):
    """Base of this room's errors; the message says what failed and what to do next."""


class LayerUnavailableError(QualityError):
    """A layer that should be compared does not exist or cannot be read."""
