from __future__ import annotations

from pathlib import Path

import pytest
from broker import KafkaBroker
from readme import Example, blocks, run


@pytest.mark.kafka
@pytest.mark.parametrize("block", blocks("run on kafka"), ids=["rows", "dead"])
def test_commands_of_the_readme_do_as_shown_on_kafka(
    block: list[Example], own_kafka: KafkaBroker, tmp_path: Path
) -> None:
    run(block, tmp_path, {"STREAMPROC_KAFKA_BROKERS": own_kafka.bootstrap})

    assert (tmp_path / "warehouse.duckdb").exists()
