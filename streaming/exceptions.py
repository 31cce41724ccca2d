"""What can go wrong in this room; each message says what to do next."""

from __future__ import annotations

from stack.exceptions import LakeError


class StreamingError(LakeError):
    """Base of this room's errors."""


class ContractMappingError(StreamingError):
    """A contract says something that the job cannot do."""


class TableMismatchError(StreamingError):
    """A raw table cannot hold what its contract says."""


class CompileError(StreamingError):
    """The Java functions could not be compiled."""


class CheckpointError(StreamingError):
    """The job's past cannot be found, and starting anew would double rows."""


class SubmitError(StreamingError):
    """Flink did not take the job."""


class FlinkUnavailableError(StreamingError):
    """The JobManager does not answer."""
