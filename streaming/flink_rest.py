"""The JobManager's REST interface, as far as the job's keeper needs it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from stack.flink import rest_url
from streaming.exceptions import FlinkUnavailableError, StreamingError

if TYPE_CHECKING:
    from stack.settings import Settings

MARKET_JOB = "market"
"""Name of the one job of this room."""
TIMEOUT_S = 5.0
SAVEPOINT_WITHIN_S = 600.0
TERMINAL = frozenset({"FINISHED", "CANCELED", "FAILED"})


@dataclass(frozen=True)
class Job:
    """One job as the cluster sees it."""

    job_id: str
    name: str
    state: str
    tasks_running: int
    tasks_total: int
    started_ms: int
    """Unix time in milliseconds."""

    @property
    def is_live(self) -> bool:
        """Whether it runs, or Flink itself is bringing it back."""
        return self.state not in TERMINAL

    @property
    def is_working(self) -> bool:
        """Whether every task of it runs."""
        return self.state == "RUNNING" and self.tasks_running == self.tasks_total


class FlinkRest:
    """A client of one JobManager.

    Every call raises `FlinkUnavailableError` when the JobManager does not answer, and `StreamingError` when it refuses.
    """

    def __init__(self, lake: Settings) -> None:
        self.url = rest_url(lake)

    def jobs(self) -> list[Job]:
        """All jobs that the JobManager remembers, newest first."""
        listed = [
            Job(
                job_id=entry["jid"],
                name=entry["name"],
                state=entry["state"],
                tasks_running=entry["tasks"]["running"],
                tasks_total=entry["tasks"]["total"],
                started_ms=entry["start-time"],
            )
            for entry in self._call("GET", "/jobs/overview")["jobs"]
        ]
        return sorted(listed, key=lambda job: job.started_ms, reverse=True)

    def live_job(self, name: str) -> Job | None:
        """The job of that name that has not ended, if any."""
        return next((job for job in self.jobs() if job.name == name and job.is_live), None)

    def checkpoints(self, job_id: str) -> dict[str, Any]:
        """Counts and the latest of a job's checkpoints, in Flink's words."""
        answer: dict[str, Any] = self._call("GET", f"/jobs/{job_id}/checkpoints")
        return answer

    def exceptions(self, job_id: str) -> list[str]:
        """What made the job restart, newest first."""
        history = self._call("GET", f"/jobs/{job_id}/exceptions?maxExceptions=5")["exceptionHistory"]["entries"]
        return [str(entry["stacktrace"]) for entry in history]

    def free_slots(self) -> int:
        """Task slots that no job uses."""
        return int(self._call("GET", "/overview")["slots-available"])

    def savepoint(self, job_id: str, *, stop: bool) -> str:
        """Take a savepoint, and with `stop` end the job with it; returns the savepoint's path."""
        body = {"drain": False} if stop else {"cancel-job": False}
        trigger = self._call("POST", f"/jobs/{job_id}/{'stop' if stop else 'savepoints'}", json=body)["request-id"]
        deadline = time.monotonic() + SAVEPOINT_WITHIN_S
        while time.monotonic() < deadline:
            answer = self._call("GET", f"/jobs/{job_id}/savepoints/{trigger}")
            if answer["status"]["id"] == "COMPLETED":
                return self._location(answer["operation"], job_id)
            time.sleep(0.25)
        raise StreamingError(f"no savepoint of job {job_id} within {SAVEPOINT_WITHIN_S:.0f} s; see {self.url}")

    def _location(self, operation: dict[str, Any], job_id: str) -> str:
        if "location" not in operation:
            cause = operation.get("failure-cause", {}).get("stack-trace", "no cause given")
            raise StreamingError(f"the savepoint of job {job_id} failed: {cause.strip().splitlines()[-1]}")
        return str(operation["location"])

    def cancel(self, job_id: str) -> None:
        """End the job without a savepoint; its checkpoints stay."""
        self._call("PATCH", f"/jobs/{job_id}?mode=cancel")

    def _call(self, method: str, path: str, json: dict[str, Any] | None = None) -> Any:
        try:
            response = requests.request(method, self.url + path, json=json, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            raise FlinkUnavailableError(f"Flink does not answer at {self.url}: {error}; run `lake up`") from error
        if response.status_code == requests.codes.service_unavailable:
            raise FlinkUnavailableError(f"Flink at {self.url} is still starting")
        if not response.ok:
            raise StreamingError(f"Flink refused {method} {path}: {response.status_code} {response.text[:500]}")
        return response.json() if response.content else {}
