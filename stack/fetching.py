"""Fetches pinned artefacts into the cache: resumed after an interruption, verified by checksum, shared by all lakes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests

from stack.exceptions import FetchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from stack.artefacts import Artefact
    from stack.settings import Settings

    Advance = Callable[[Artefact, int], None]
    """Told of each artefact how many of its bytes are here by now."""

ATTEMPTS = 5
CHUNK_BYTES = 1 << 20
TIMEOUT_S = (10, 60)
PARALLEL_FETCHES = 4

VERIFIED_AT = 1_000_000_000
"""Modification time given to a verified file: whoever rewrites the file changes it, and is found out without hashing."""


def repository_url(lake: Settings) -> str:
    """Root of the Maven repository to fetch from: the setting, else the default of the `jgo` library."""
    if lake.maven_repository:
        return lake.maven_repository.rstrip("/")
    from jgo.maven import MavenContext

    return str(next(iter(MavenContext().remote_repos.values()))).rstrip("/")


def cached_path(lake: Settings, artefact: Artefact) -> Path:
    """Where the cache keeps the artefact, fetched or not."""
    return lake.cache / "files" / artefact.sha256 / artefact.filename


def is_cached(lake: Settings, artefact: Artefact) -> bool:
    """Whether the cache holds the whole, verified artefact (size and time stamp; `is_intact` reads every byte)."""
    try:
        found = cached_path(lake, artefact).stat()
    except FileNotFoundError:
        return False
    return found.st_size == artefact.size and int(found.st_mtime) == VERIFIED_AT


def is_intact(path: Path, artefact: Artefact) -> bool:
    """Whether the file has exactly the pinned content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == artefact.sha256


def fetch(lake: Settings, artefact: Artefact, advance: Advance = lambda artefact, size: None) -> Path:
    """The artefact's verified file in the cache, downloaded unless it is there.

    Raises:
        FetchError: the repository could not be reached, lacks the file, or serves other content than was pinned.
    """
    path = cached_path(lake, artefact)
    if not is_cached(lake, artefact):
        with _writing(path):
            if not (is_cached(lake, artefact) or _accept(path, artefact)):
                _download(f"{repository_url(lake)}/{artefact.repository_path}", path, artefact, advance)
    advance(artefact, artefact.size)
    return path


def fetch_all(lake: Settings, artefacts: Iterable[Artefact], advance: Advance = lambda artefact, size: None) -> None:
    """Fetch several artefacts, a few at a time, the largest first."""
    by_size = sorted(artefacts, key=lambda artefact: -artefact.size)
    pool = ThreadPoolExecutor(PARALLEL_FETCHES)
    try:
        list(pool.map(lambda artefact: fetch(lake, artefact, advance), by_size))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Hold this artefact's place in the cache against other processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _accept(path: Path, artefact: Artefact) -> bool:
    """Mark the file as verified if it is exactly what was pinned; remove it otherwise."""
    if not path.exists():
        return False
    if path.stat().st_size == artefact.size and is_intact(path, artefact):
        os.utime(path, (VERIFIED_AT, VERIFIED_AT))
        return True
    path.unlink()
    return False


def _download(url: str, path: Path, artefact: Artefact, advance: Advance) -> None:
    part = path.with_name(path.name + ".part")
    _require_space(path.parent, artefact)
    failure = "nothing was received"
    for attempt in range(ATTEMPTS):
        time.sleep(min(2**attempt, 8) if attempt else 0)
        try:
            _receive(url, part, artefact, advance)
        except requests.RequestException as error:
            failure = str(error)
            if isinstance(error, requests.HTTPError) and error.response.status_code in (401, 403, 404):
                break
            continue
        if part.stat().st_size < artefact.size:
            failure = f"the connection ended after {part.stat().st_size:,} of {artefact.size:,} bytes"
            continue
        os.replace(part, path)  # noqa: PTH105
        if _accept(path, artefact):
            return
        failure = f"the content received is not the pinned one (sha256 {artefact.sha256})"
    raise FetchError(
        f"cannot fetch {artefact.coordinate} from {url}: {failure}. What was received is kept; repeat `lake fetch` to "
        "continue, or set LAKE_MAVEN_REPOSITORY to a mirror that you can reach"
    )


def _receive(url: str, part: Path, artefact: Artefact, advance: Advance) -> None:
    """Append what is missing to `part`; start over when the server does not resume."""
    have = part.stat().st_size if part.exists() else 0
    if have >= artefact.size:
        part.unlink(missing_ok=True)
        have = 0
    headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"} if have else {"Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        have = have if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                have += len(chunk)
                advance(artefact, have)


def _require_space(directory: Path, artefact: Artefact) -> None:
    free = shutil.disk_usage(directory).free
    if free < 2 * artefact.size:
        raise FetchError(
            f"{directory} has {free >> 20:,} MB free, and {artefact.filename} needs {2 * artefact.size >> 20:,} MB: "
            "free some, or set LAKE_CACHE to a larger disk"
        )
