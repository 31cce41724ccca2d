"""`python -m ingestion.bridge` runs the bridge of the lake that the environment names."""

from __future__ import annotations

import logging
import sys

from ingestion.bridge.bridge import main
from ingestion.exceptions import IngestionError
from stack.settings import settings

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    try:
        main(settings())
    except IngestionError as error:
        sys.exit(f"bridge: {error}")
