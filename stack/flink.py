"""Flink: a standalone session cluster of one JobManager and one TaskManager.

The JVMs are started directly, not through Flink's scripts: those add an option that Java 25 refuses, and fork.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests
import yaml

from stack.artefacts import needed
from stack.environments import python_of
from stack.exceptions import MachineError
from stack.fetching import cached_path
from stack.java import JAVA
from stack.rendering import render
from stack.services import File, Service

if TYPE_CHECKING:
    from pathlib import Path

    from stack.settings import Settings

JOBMANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASKMANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
PLUGINS = ("metrics-jmx",)


@dataclass(frozen=True)
class Memory:
    """How one process size falls to Flink's parts, in MB. See "Set up TaskManager Memory" in Flink's documentation."""

    process: int
    managed: int
    framework_heap: int = 96
    framework_off_heap: int = 128
    task_off_heap: int = 32
    network: int = 128
    metaspace: int = 192
    overhead: int = 160
    jobmanager_off_heap: int = 64

    @property
    def task_heap(self) -> int:
        """What is left for operators and their records.

        Raises:
            MachineError: nothing worth starting with is left.
        """
        fixed = self.framework_heap + self.framework_off_heap + self.task_off_heap + self.network
        rest = self.process - self.managed - fixed - self.metaspace - self.overhead
        if rest < 128:
            raise MachineError(
                f"a TaskManager of {self.process} MB has {rest} MB left for its tasks: raise LAKE_FLINK_TASKMANAGER_MB "
                "or lower LAKE_FLINK_MANAGED_MB"
            )
        return rest

    @property
    def taskmanager_flags(self) -> list[str]:
        """JVM options that hold the TaskManager to these sizes."""
        heap = self.framework_heap + self.task_heap
        direct = self.framework_off_heap + self.task_off_heap + self.network
        return [f"-Xms{heap}m", f"-Xmx{heap}m", *self._outside_heap(direct)]

    def jobmanager_flags(self, heap: int) -> list[str]:
        """JVM options of a JobManager with this heap."""
        return [f"-Xms{heap // 2}m", f"-Xmx{heap}m", *self._outside_heap(self.jobmanager_off_heap)]

    def _outside_heap(self, direct: int) -> list[str]:
        return [f"-XX:MaxDirectMemorySize={direct}m", f"-XX:MaxMetaspaceSize={self.metaspace}m"]


def distribution() -> Path:
    """The Flink that the PyPI package brought; read-only to us."""
    return next((python_of("flink").parent.parent / "lib").glob("python3*/site-packages/pyflink"))


def flink_home(lake: Settings) -> Path:
    """`FLINK_HOME`: the distribution with this lake's configuration and the connectors in `lib/`."""
    return lake.run / "flink" / "home"


def rest_url(lake: Settings) -> str:
    """Root of the JobManager's REST interface."""
    return f"http://{lake.address('flink_rest')}"


def services(lake: Settings) -> list[Service]:
    """The JobManager and the TaskManager."""
    memory = Memory(lake.flink_taskmanager_mb, lake.flink_managed_mb)
    return [
        Service(
            name="flink-jobmanager",
            command=_command(lake, "jobmanager", JOBMANAGER, "--executionMode", "cluster"),
            env={"FLINK_HOME": str(flink_home(lake))},
            ready=lambda: _overview(lake, 0),
            files=_files(lake, "jobmanager", memory, memory.jobmanager_flags(lake.flink_jobmanager_heap_mb)),
            prepare=lambda: _assemble(lake),
            memory_budget_mb=lake.flink_jobmanager_heap_mb + 250,
            ports=("flink_rest", "flink_jobmanager_rpc", "flink_blob", "flink_jobmanager_metrics"),
            url=rest_url(lake),
        ),
        Service(
            name="flink-taskmanager",
            command=_command(lake, "taskmanager", TASKMANAGER),
            env={"FLINK_HOME": str(flink_home(lake))},
            after=("flink-jobmanager",),
            ready=lambda: _overview(lake, 1),
            files=_files(lake, "taskmanager", memory, memory.taskmanager_flags),
            memory_budget_mb=lake.flink_taskmanager_mb,
            ports=("flink_taskmanager_rpc", "flink_taskmanager_data", "flink_taskmanager_metrics"),
            url=rest_url(lake) + "/#/task-manager",
        ),
    ]


def _command(lake: Settings, role: str, main: str, *arguments: str) -> tuple[str, ...]:
    configuration = str(flink_home(lake) / "conf")
    return (str(JAVA), f"@{_java_file(lake, role)}", main, "--configDir", configuration, *arguments)


def _java_file(lake: Settings, role: str) -> Path:
    return lake.run / "flink" / f"{role}.java.args"


def _overview(lake: Settings, taskmanagers: int) -> str | None:
    """Ask the JobManager what it knows; it forgets a TaskManager that died only after a while."""
    overview = requests.get(rest_url(lake) + "/overview", timeout=2).json()
    if overview["taskmanagers"] < taskmanagers or (taskmanagers and overview["slots-total"] < 1):
        return "no TaskManager has registered yet"
    return None


def _files(lake: Settings, role: str, memory: Memory, heap: list[str]) -> tuple[File, ...]:
    run = lake.run / "flink"
    java, log4j, agent = _java_file(lake, role), run / f"{role}.log4j.properties", run / f"{role}.jmx.yaml"
    (agent_jar,) = needed("jmx")
    options = yaml.safe_load((distribution() / "conf" / "config.yaml").read_text("utf-8"))["env"]["java"]["opts"]["all"]
    arguments = render(
        "flink.java",
        lake=lake,
        heap=heap,
        log4j=log4j,
        agent=cached_path(lake, agent_jar),
        agent_config=agent,
        metrics_port=lake.port(f"flink_{role}_metrics"),
        java_options=[option for option in options.split() if "jdk.compiler" not in option],
        classpath=":".join(map(str, _jars(lake))),
    )
    return (
        File(
            flink_home(lake) / "conf" / "config.yaml", render("flink.yaml", lake=lake, memory=memory, tmp=run / "tmp")
        ),
        File(java, arguments),
        File(log4j, render("flink.log4j.properties")),
        File(agent, render("flink.jmx.yaml")),
    )


def _jars(lake: Settings) -> list[Path]:
    """The distribution's own jars and our connectors, `flink-dist` last as its scripts have it."""
    own = sorted((distribution() / "lib").glob("*.jar"), key=lambda jar: (jar.name.startswith("flink-dist"), jar.name))
    return [*(cached_path(lake, artefact) for artefact in needed("flink")), *own]


def _assemble(lake: Settings) -> None:
    """Lay out `FLINK_HOME` as links, for clients that look into its `lib/`."""
    home, source = flink_home(lake), distribution()
    (home / "conf").mkdir(parents=True, exist_ok=True)
    for name in ("lib", "plugins"):
        shutil.rmtree(home / name, ignore_errors=True)
        (home / name).mkdir()
    for jar in _jars(lake):
        (home / "lib" / jar.name).symlink_to(jar)
    for plugin in PLUGINS:
        (home / "plugins" / plugin).symlink_to(source / "plugins" / plugin)
    for name in ("bin", "opt"):
        (home / name).unlink(missing_ok=True)
        (home / name).symlink_to(source / name)
    shutil.copy(source / "conf" / "log4j-cli.properties", home / "conf" / "log4j-cli.properties")
    for directory in (home / "log", lake.run / "flink" / "tmp", lake.data / "flink"):
        directory.mkdir(parents=True, exist_ok=True)
