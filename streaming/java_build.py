"""Compiles `java/` into the jar of SQL functions, once per source: the Java runtime brings no compiler, ECJ is one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from stack.artefacts import needed
from stack.fetching import cached_path
from stack.flink import distribution
from stack.java import JAVA
from streaming.exceptions import CompileError

if TYPE_CHECKING:
    from stack.settings import Settings

SOURCES = Path(__file__).with_name("java")
LIBRARIES = ("flink-dist-*.jar", "flink-table-api-java-uber-*.jar", "flink-table-runtime-*.jar")
RELEASE = "17"


def functions_jar(lake: Settings) -> Path:
    """The jar of our SQL functions, compiled on first use.

    Raises:
        CompileError: the sources do not compile; the message holds the compiler's.
    """
    sources = sorted(SOURCES.rglob("*.java"))
    libraries = [jar for pattern in LIBRARIES for jar in (distribution() / "lib").glob(pattern)]
    (compiler,) = needed("ecj")
    digest = hashlib.sha256(f"{compiler.sha256} {RELEASE} {[jar.name for jar in libraries]}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    jar = lake.cache / "functions" / f"tradelake-functions-{digest.hexdigest()[:16]}.jar"
    if not jar.exists():
        jar.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as classes:
            _compile(cached_path(lake, compiler), libraries, Path(classes))
            _pack(Path(classes), jar)
    return jar


def _compile(compiler: Path, libraries: list[Path], classes: Path) -> None:
    command = [str(JAVA), "-jar", str(compiler), f"-{RELEASE}", "-proc:none", "-warn:none", "-encoding", "UTF-8"]
    command += ["-cp", os.pathsep.join(map(str, libraries)), "-d", str(classes), str(SOURCES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompileError(f"{SOURCES} does not compile; correct it and repeat:\n{done.stderr or done.stdout}")


def _pack(classes: Path, jar: Path) -> None:
    """Zip the classes; the jar appears whole or not at all."""
    unfinished = jar.with_suffix(f".{os.getpid()}.unfinished")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(classes.rglob("*.class")):
            archive.write(file, file.relative_to(classes))
    unfinished.rename(jar)
