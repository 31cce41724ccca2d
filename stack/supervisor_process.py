"""Supervisor as a process of ours: `python -m stack.supervisor_process -n -c CONFIG`."""

from supervisor.supervisord import main

if __name__ == "__main__":
    main()
