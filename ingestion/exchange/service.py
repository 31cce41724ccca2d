"""The exchange as a process that is always up: serves its ledger, and carries out the runs it is asked for."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from datetime import datetime
from pathlib import Path

import msgspec

from ingestion.exceptions import IngestionError, RunSpecError
from ingestion.exchange.engine import Engine
from ingestion.exchange.injection import waiting
from ingestion.exchange.ledger import Kind, Position
from ingestion.exchange.ledger_writer import Entry, LedgerWriter
from ingestion.exchange.runs import Run, RunQueue
from ingestion.exchange.server import FeedServer

log = logging.getLogger(__name__)
TICK_S = 0.01
POLL_S = 0.1
SLICE = 1000
"""Events made at most before the feed gets a turn."""
RECORD_EVERY_S = 1.0


class _Stamp(msgspec.Struct):
    event_ts: datetime


class Exchange:
    """One exchange in one directory.

    Args:
        directory: Holds its ledger, runs and injections.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.queue = RunQueue(directory)
        self.writer = LedgerWriter(directory / "ledger")
        self.feed = FeedServer(self.writer)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Leave off; an unfinished run goes on at the next start."""
        self._stopping.set()

    async def serve(self, host: str, port: int) -> None:
        """Serve until told to stop."""
        async with self.feed.start(host, port):
            log.info(
                "exchange listens on ws://%s:%d, feed %s, last %s",
                host,
                port,
                self.writer.ledger.feed_id,
                self.writer.last_seq,
            )
            workers = [asyncio.create_task(self._carry_out_runs()), asyncio.create_task(self._take_injections())]
            tasks = [*workers, asyncio.create_task(self._until_stopped())]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        self.writer.close()
        for task in done:
            task.result()

    async def _until_stopped(self) -> None:
        await self._stopping.wait()

    def _publish(self, entries: list[Entry]) -> None:
        if self.writer.append(entries):
            self.feed.published()

    async def _take_injections(self) -> None:
        while True:
            for path, entry in waiting(self.directory):
                self._publish([entry])
                path.unlink()
                log.warning("injected %d bytes into %s as %s", len(entry.payload), entry.channel, entry.kind.name)
            await asyncio.sleep(POLL_S)

    async def _carry_out_runs(self) -> None:
        while True:
            for run in self.queue.unfinished():
                await self._carry_out(run)
            await asyncio.sleep(POLL_S)

    async def _carry_out(self, run: Run) -> None:
        if run.state == "running":
            self._count_what_was_done(run)
        try:
            engine = self._begin(run)
        except RunSpecError as error:
            log.error("run %s cannot start: %s", run.run_id, error)
            self.queue.end(run, "failed", str(error))
            return
        await self._drive(engine, run)
        self._count_what_was_done(run)
        self.queue.end(run, "stopped" if self.queue.should_stop(run.run_id) else "done")
        log.info("run %s is %s after %d events", run.run_id, run.state, run.events)

    def _begin(self, run: Run) -> Engine:
        options = run.attempt_options()
        run.attempt += 1
        run.state = "running"
        run.segment, run.offset = self.writer.position
        self.queue.save(run)
        log.info("run %s, attempt %d: %s", run.run_id, run.attempt, options)
        return Engine(options)

    def _count_what_was_done(self, run: Run) -> None:
        """Read from the ledger what the attempt published; only the ledger knows exactly after a crash."""
        last = None
        for block in self.writer.ledger.blocks(Position(run.segment, run.offset)):
            if block.kind == Kind.EVENTS:
                run.events += block.size
                last = block
        run.segment, run.offset = self.writer.position
        if last is not None:
            reached = msgspec.json.decode(last.events()[-1], type=_Stamp).event_ts
            run.ts = max(run.ts, int(reached.timestamp() * 1_000_000))

    async def _drive(self, engine: Engine, run: Run) -> None:
        speed, done_before = engine.options.speed, run.elapsed_s
        started = recorded = time.monotonic()
        while not engine.finished:
            now = time.monotonic()
            if self.queue.should_stop(run.run_id):
                engine.finish()
            due = (now - started) * speed * 1e6
            engine.run(due, present=time.time_ns() // 1000, most=SLICE)
            full = engine.tape.written - engine.tape.taken >= SLICE
            batch = engine.tape.take()
            self._publish([Entry(channel, text.count("\n") + 1, text.encode()) for channel, text in batch.items()])
            run.elapsed_s = done_before + engine.elapsed / speed / 1e6
            if now - recorded > RECORD_EVERY_S:
                recorded = now
                self.queue.save(run)
            await asyncio.sleep(0 if full else TICK_S)


def main(directory: Path, host: str, port: int) -> None:
    """Run the exchange in the foreground until SIGTERM or SIGINT.

    Raises:
        IngestionError: another exchange writes the same ledger, the ledger is damaged, or the port is taken.
    """
    import uvloop

    async def serve() -> None:
        exchange = Exchange(directory)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, exchange.stop)
        await exchange.serve(host, port)

    try:
        uvloop.run(serve())
    except OSError as error:
        raise IngestionError(
            f"the exchange cannot listen on {host}:{port}: {error}; choose another LAKE_PORT_BASE"
        ) from error
