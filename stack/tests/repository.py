"""A Maven repository on a local port that can misbehave as real ones do."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stack.artefacts import Artefact


def artefact_of(content: bytes, packaging: str = "jar", group: str = "kafka") -> Artefact:
    return Artefact(group, f"org.example:thing:1.0:{packaging}", len(content), hashlib.sha256(content).hexdigest())


class Repository(ThreadingHTTPServer):
    """Serves one content under every path, in the ways that its fields say."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.resumes = True
        self.status: int | None = None
        self.breaks_after: list[int] = []
        """Bytes after which each of the next answers breaks off."""
        self.ranges: list[str | None] = []
        """The Range header of each request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if self.server.status is not None:
            self.send_error(self.server.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.resumes else 0
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        broken = self.server.breaks_after.pop(0) if self.server.breaks_after else len(body)
        self.wfile.write(body[:broken])

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output quiet."""


@contextmanager
def serving(content: bytes) -> Iterator[Repository]:
    with Repository(content) as repository:
        thread = threading.Thread(target=repository.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield repository
        finally:
            repository.shutdown()
            thread.join()
