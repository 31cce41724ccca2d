"""`python -m ingestion.exchange` trades on an exchange of its own with a live view; `--serve` only serves, for `lake up`."""

from __future__ import annotations

import logging
import sys

from ingestion.exchange.service import main
from stack.exceptions import LakeError
from stack.settings import settings

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    lake = settings()
    try:
        main(lake.data / "exchange", lake.host, lake.port("exchange"))
    except LakeError as error:
        sys.exit(f"exchange: {error}")
