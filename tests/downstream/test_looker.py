"""``streamproc lookml`` on what the demo's events become, and the example that is shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import demo_warehouse
import lkml
import pytest
from click.testing import CliRunner, Result
from downstream.looker_example import EXAMPLE, example

from streamproc.cli import main
from streamproc.demo import generate
from streamproc.settings import Settings, variable_name
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.lookml import HEADER
from streamproc.warehouse.schema import CreateTable
from streamproc.warehouse.sinks.duckdb import open_duckdb

EVENTS = 300


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("looker") / "warehouse.duckdb"
    demo_warehouse.fill(file, demo_warehouse.make(EVENTS).rows)
    return file


def run(warehouse: Path, *arguments: str, **settings: str) -> Result:
    variables = {
        variable_name("loader", "duckdb_file"): str(warehouse),
        **{variable_name("loader", name): value for name, value in settings.items()},
    }
    # The demo's events are of a day that is long past.
    return CliRunner().invoke(main, ["lookml", "--days", "36500", *arguments], env=variables)


def views(folder: Path) -> dict[str, Any]:
    return {
        file.name.removesuffix(".view.lkml"): lkml.load(file.read_text())["views"][0]
        for file in (folder / "views").iterdir()
    }


def tags(view: dict[str, Any]) -> dict[str, list[str]]:
    return {each["name"]: each["tags"] for each in view["dimensions"] if "tags" in each}


def test_the_example_is_what_is_generated_from_its_events(tmp_path: Path) -> None:
    made = example(tmp_path)

    shipped = {str(file.relative_to(EXAMPLE)): file.read_text() for file in EXAMPLE.rglob("*.lkml")}
    assert made == shipped, "python tests/downstream/looker_example.py writes it anew"


def test_every_table_has_a_view_that_lkml_reads(warehouse: Path, tmp_path: Path) -> None:
    done = run(warehouse, str(tmp_path))

    assert done.exit_code == 0, done.output
    sink = open_duckdb(Settings().loader.model_copy(update={"duckdb_file": warehouse}))
    schema = sink.schema()
    sink.close()
    found = views(tmp_path)
    assert done.output == f"{len(schema)} views and a model written to {tmp_path}.\n"
    assert found.keys() == schema.keys()
    for table, columns in schema.items():
        fields = [*found[table]["dimensions"], *found[table]["dimension_groups"]]
        assert {each["sql"] for each in fields} == {f'${{TABLE}}."{name}"' for name in columns}
    model = lkml.load((tmp_path / "streamproc.model.lkml").read_text())
    assert model["explores"][0]["name"] == "tracks"


def test_tags_say_where_the_demo_s_personal_data_was(warehouse: Path, tmp_path: Path) -> None:
    run(warehouse, str(tmp_path))
    found = views(tmp_path)

    for view in ("identifies", "users"):
        assert tags(found[view])["email"] == ["pii", "EMAIL_ADDRESS", "tokenised"]
        assert tags(found[view])["phone"] == ["pii", "PHONE_NUMBER", "tokenised"]
    assert tags(found["tracks"])["context_ip"] == ["pii", "IP_ADDRESS", "tokenised"]
    assert tags(found["order_completed"])["payment_card_number"] == ["pii", "CREDIT_CARD", "masked"]
    assert "label" not in tags(found["button_clicked"])


def test_nothing_of_an_event_s_values_is_in_what_is_written(
    warehouse: Path, tmp_path: Path
) -> None:
    run(warehouse, str(tmp_path))
    written = "".join(file.read_text() for file in tmp_path.rglob("*.lkml"))

    planted = {each.value for record in generate(EVENTS, 1) for each in record.planted}
    assert len(planted) > 50
    assert not {value for value in planted if len(value) > 3 and value in written}


def test_the_same_tables_give_the_same_files(warehouse: Path, tmp_path: Path) -> None:
    run(warehouse, str(tmp_path / "one"))
    run(warehouse, str(tmp_path / "other"))

    one, other = (
        {file.name: file.read_bytes() for file in (tmp_path / name).rglob("*.lkml")}
        for name in ("one", "other")
    )
    assert one == other != {}


def test_views_of_tables_that_are_gone_are_removed_and_people_s_own_are_kept(
    warehouse: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "views"
    folder.mkdir()
    (folder / "gone.view.lkml").write_text(HEADER + "\nview: gone {}\n")
    (folder / "mine.view.lkml").write_text("view: +tracks {}\n")

    done = run(warehouse, str(tmp_path))

    assert "1 view of tables that are gone removed.\n" in done.output
    assert not (folder / "gone.view.lkml").exists()
    assert (folder / "mine.view.lkml").read_text() == "view: +tracks {}\n"


def test_what_others_have_made_in_the_schema_is_left_out_and_told(tmp_path: Path) -> None:
    file = tmp_path / "w.duckdb"
    sink = open_duckdb(Settings().loader.model_copy(update={"duckdb_file": file}))
    sink.change([CreateTable('x"; DROP', {"id": Kind.STRING})])
    sink.close()

    done = run(file, str(tmp_path / "looker"))

    assert done.exit_code == 0
    assert "Left out, not the loader's: x\"; DROP\n" in done.output
    assert [each.name for each in (tmp_path / "looker").rglob("*.lkml")] == [
        "streamproc.model.lkml"
    ]


@pytest.mark.parametrize("schema", ["a b", "a;;", "${x}", "", "a.", '"a"'])
def test_a_schema_that_is_no_plain_name_is_refused(
    warehouse: Path, tmp_path: Path, schema: str
) -> None:
    done = run(warehouse, "--schema", schema, str(tmp_path))

    assert done.exit_code == 2
    assert "expected plain names" in done.output
    assert not list(tmp_path.iterdir())


def test_a_lake_of_files_is_nothing_looker_can_ask(warehouse: Path, tmp_path: Path) -> None:
    done = run(warehouse, str(tmp_path), sink="parquet")

    assert done.exit_code == 2
    assert "loader.sink" in done.output
