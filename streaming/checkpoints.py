"""Which of the job's checkpoints and savepoints to go on from, and which are no longer needed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from governance.contracts import contracts
from streaming.exceptions import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

    from stack.settings import Settings

METADATA = "_metadata"
COMMITTED = "flink.max-committed-checkpoint-id"
"""Flink's mark in the summary of an Iceberg snapshot that it made."""


def directories(lake: Settings) -> tuple[Path, Path]:
    """Where Flink keeps checkpoints and savepoints, as its configuration says."""
    return lake.data / "flink" / "checkpoints", lake.data / "flink" / "savepoints"


def newest_complete(checkpoints: Path, savepoints: Path) -> Path | None:
    """The newest state, over all past jobs, that is whole.

    Flink writes `_metadata` last, so a checkpoint that a crash cut short lacks it and is passed over.
    """
    complete = [*checkpoints.glob(f"*/chk-*/{METADATA}"), *savepoints.glob(f"savepoint-*/{METADATA}")]
    found = [(metadata.stat().st_mtime_ns, metadata.parent) for metadata in complete if metadata.stat().st_size]
    return max(found)[1] if found else None


def state_to_restore(lake: Settings, *, from_scratch: bool = False) -> Path | None:
    """The state that a new job must go on from; None when there was never a job.

    Raises:
        CheckpointError: earlier jobs landed rows, but no whole checkpoint of theirs is left.
    """
    checkpoints, savepoints = directories(lake)
    newest = newest_complete(checkpoints, savepoints)
    if newest is None and not from_scratch and (landed := tables_with_history(lake)):
        raise CheckpointError(
            f"{', '.join(landed)} hold rows of an earlier job, but neither {checkpoints} nor {savepoints} holds a "
            "complete checkpoint: a job without it would read market.raw from its start and land those rows twice. "
            "Restore that directory, or drop these tables and run `lake jobs resubmit --from-scratch`"
        )
    return newest


def tables_with_history(lake: Settings) -> list[str]:
    """The raw tables that a Flink job has committed to."""
    from pyiceberg.exceptions import NoSuchTableError

    from stack.connections import iceberg_catalog

    catalog = iceberg_catalog(lake)
    landed = []
    for contract in contracts():
        try:
            snapshots = catalog.load_table(contract.table).snapshots()
        except NoSuchTableError:
            continue
        if any(snapshot.summary and snapshot.summary.get(COMMITTED) for snapshot in snapshots):
            landed.append(contract.table)
    return landed


def prune(checkpoints: Path, keep: str) -> list[Path]:
    """Delete the checkpoints of all jobs but `keep`; returns what went.

    Only right once `keep` has a complete checkpoint of its own: the first one after a restore refers to no older file.
    """
    if not any((checkpoints / keep).glob(f"chk-*/{METADATA}")):
        return []
    obsolete = [path for path in checkpoints.iterdir() if path.is_dir() and path.name != keep]
    for path in obsolete:
        shutil.rmtree(path)
    return obsolete
