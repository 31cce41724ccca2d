"""What can go wrong in this room."""

from __future__ import annotations

from stack.exceptions import LakeError


class LayerUnavailableError(LakeError):
    """A layer that should be compared does not exist or cannot be read."""

    exit_code = 2
