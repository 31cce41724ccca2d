"""Proofs about the data: reconciliation from the feed's ledger to the facts."""
