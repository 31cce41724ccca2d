"""Brings Postgres and Trino up alone, all that dbt needs: `python -m transform_dbt.tests_py.engine`, with LAKE_HOME set."""

from __future__ import annotations

from stack import postgres, startup, trino
from stack.credentials import ensure_credentials
from stack.rendering import write
from stack.settings import Settings, settings
from stack.supervision import Supervisor


def bring_up(lake: Settings) -> None:
    """Start both and wait until they serve; they outlive this process, as after `lake up`."""
    startup.provision(lake)
    startup.make_directories(lake)
    ensure_credentials(lake)
    services = [postgres.service(lake), trino.service(lake)]
    for file in (file for service in services for file in service.files):
        write(file)
    supervisor = Supervisor(lake)
    supervisor.configure(services)
    if not supervisor.is_running():
        supervisor.start()
    startup.bring_up(supervisor, services, ())


if __name__ == "__main__":
    bring_up(settings())
