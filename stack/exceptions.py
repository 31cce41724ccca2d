"""Everything the stack can fail with: each message says what failed, on which input, and what to do next."""

from __future__ import annotations


class LakeError(Exception):
    """An expected failure. `lake` prints the message alone and exits with `exit_code`."""

    exit_code = 1


class ServiceDefinitionError(LakeError):
    """The set of services does not fit together."""


class FetchError(LakeError):
    """An artefact could not be fetched, verified or unpacked."""

    exit_code = 3


class MachineError(LakeError):
    """The machine lacks something that the lake needs."""

    exit_code = 4


class StartError(LakeError):
    """A service or step did not become ready."""

    exit_code = 5


class NotRunningError(LakeError):
    """The lake, or the service that was asked for, is not up."""

    exit_code = 6


class BusyError(LakeError):
    """Another `lake` command holds the lake."""

    exit_code = 7
