"""The LookML in ``deploy/looker/example``, made from the events beside it.

python tests/downstream/looker_example.py    writes it anew; review the difference
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import demo_warehouse

from streamproc.cli.lookml import write
from streamproc.events import Micros
from streamproc.settings import LoaderSettings
from streamproc.warehouse.dialects import SNOWFLAKE
from streamproc.warehouse.lookml import Place, to_lookml
from streamproc.warehouse.redactions import marks, read_redactions
from streamproc.warehouse.shape.names import Naming
from streamproc.warehouse.sinks.duckdb import open_duckdb

__all__ = ["EXAMPLE", "example"]

EXAMPLE = Path(__file__).parents[2] / "deploy" / "looker" / "example"


def example(folder: Path) -> dict[str, str]:
    """Return the files of the example, as they are for Snowflake; ``folder`` is for a database."""
    made = demo_warehouse.make(0, (EXAMPLE / "events.jsonl").read_bytes().splitlines())
    file = folder / "example.duckdb"
    demo_warehouse.fill(file, made.rows)
    sink = open_duckdb(LoaderSettings(duckdb_file=file))
    try:
        tables, redactions = sink.schema(), read_redactions(sink, Micros(0))
    finally:
        sink.close()
    found = marks(redactions, tables, Naming(SNOWFLAKE))
    return to_lookml(tables, found, Place(SNOWFLAKE, "STREAMPROC.EVENTS", "streamproc"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        write(EXAMPLE, example(Path(temporary)))
