import json
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
    secret = json.loads(files[0].read_text())["keys"]["k1"]
    assert secret not in result.output
    assert files[1].read_text().strip() not in result.output


@pytest.fixture
def ring_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "ring.json"
    generate("--file", file)
    monkeypatch.setenv("STREAMPROC_KEYS_FILE", str(file))
    return file


def states(*arguments: str) -> dict[str, str]:
    result = CliRunner().invoke(main, ["keys", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return {row["key"]: row["state"] for row in json.loads(result.stdout)["keys"]}


def test_a_rotation_adds_a_key_and_retiring_ends_the_overlap_of_the_one_before(
    ring_file: Path,
) -> None:
    before = parse_key_ring(ring_file.read_text(), "ring")
    assert states("rotate") == {"k1": "overlap", "k2": "active"}
    assert states("rotate", "--name", "spring24") == {
        "k1": "overlap",
        "k2": "overlap",
        "spring24": "active",
    }
    assert states("retire", "k1") == {"k1": "old", "k2": "overlap", "spring24": "active"}
    assert states("list") == {"k1": "old", "k2": "overlap", "spring24": "active"}
    after = parse_key_ring(ring_file.read_text(), "ring")
    assert after.secrets["k1"] == before.secrets["k1"]
    assert stat.S_IMODE(ring_file.stat().st_mode) == 0o600
    assert list(ring_file.parent.iterdir()) == [ring_file]


@pytest.mark.parametrize(
    "arguments", [["rotate", "--name", "k1"], ["rotate", "--name", "k_2"], ["retire", "k1"]]
)
def test_a_name_that_cannot_be_used_changes_nothing(ring_file: Path, arguments: list[str]) -> None:
    before = ring_file.read_text()
    assert CliRunner().invoke(main, ["keys", *arguments]).exit_code == 2
    assert ring_file.read_text() == before


def test_keys_are_listed_without_their_secrets(ring_file: Path) -> None:
    ring = parse_key_ring(ring_file.read_text(), "ring")
    for arguments in (["list"], ["list", "--json"]):
        printed = CliRunner().invoke(main, ["keys", *arguments]).stdout
        assert "k1" in printed
        assert "active" in printed
        assert ring.derive("check")[:4].hex() in printed
        assert json.loads(ring_file.read_text())["keys"]["k1"] not in printed


def test_a_ring_that_is_set_and_not_in_a_file_is_not_rotated(
    ring_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMPROC_KEYS_RING", ring_file.read_text())
    result = CliRunner().invoke(main, ["keys", "rotate"])
    assert result.exit_code == 2
    assert "change the ring where it is kept" in result.stderr
