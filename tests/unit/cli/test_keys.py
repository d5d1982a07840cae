import stat
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import main
from streamproc.deadletters import sealer, unseal
from streamproc.redact import parse_key_ring


def generate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["keys", "generate", *map(str, arguments)])


def test_a_key_ring_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "ring.json"
    result = generate("--file", file)
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ring = parse_key_ring(file.read_text(), str(file))
    assert len(ring.secrets[ring.active]) == 32
    assert tomllib.loads(result.stdout) == {"keys": {"file": str(file)}}


def test_two_rings_have_other_keys(tmp_path: Path) -> None:
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file in files:
        generate("--file", file)
    assert files[0].read_text() != files[1].read_text()


def test_a_key_pair_for_dead_letters_seals_and_opens(tmp_path: Path) -> None:
    private = tmp_path / "private.key"
    result = generate("--file", tmp_path / "ring.json", "--dead-letters", private)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    public = tomllib.loads(result.stdout)["dead_letters"]["public_key"]
    assert unseal(private.read_text().strip(), sealer(public)(b"original")) == b"original"


@pytest.mark.parametrize("option", ["--file", "--dead-letters"])
def test_a_file_that_is_there_is_not_written_over(tmp_path: Path, option: str) -> None:
    there = tmp_path / "there"
    there.write_text("precious")
    result = generate("--file", tmp_path / "ring.json", option, there)
    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert there.read_text() == "precious"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = generate("--file", tmp_path / "none" / "ring.json")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_no_key_is_printed(tmp_path: Path) -> None:
    files = [tmp_path / "ring.json", tmp_path / "private.key"]
    result = generate("--file", files[0], "--dead-letters", files[1])
    ring = parse_key_ring(files[0].read_text(), "ring")
    assert ring.active == "k1"
    secret = files[0].read_text().split('"')[7]
    assert secret not in result.output
    assert files[1].read_text().strip() not in result.output
