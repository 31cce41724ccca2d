"""Everything that can go wrong in ingestion, each with a message that says what to do next."""

from __future__ import annotations

from stack.exceptions import LakeError


class IngestionError(LakeError):
    """Base of this room's errors."""


class ReferenceDataError(IngestionError):
    """A reference CSV of the simulated exchange is missing a column or holds a bad value."""


class RunSpecError(IngestionError):
    """A run was asked for with options that cannot be met."""


class LedgerError(IngestionError):
    """The exchange's ledger cannot be read or written."""


class FeedError(IngestionError):
    """The websocket feed broke its protocol, or refused a request."""


class FeedRewoundError(IngestionError):
    """The feed ends before a position that Kafka already holds: the exchange's ledger lost events."""


class FencedError(IngestionError):
    """Another bridge with the same transactional id took over."""


class TopicMismatchError(IngestionError):
    """A topic exists with other settings than the ones declared."""


class StreamStalledError(IngestionError):
    """A run that was asked for makes no progress."""
