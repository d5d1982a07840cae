import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.audit import fingerprint_of, verify
from streamproc.cli import main
from streamproc.events import Token
from streamproc.redact import Ciphers, KeyRing, Tokens, write_key_ring
from streamproc.subject_keys import SubjectKeyFile

RING = KeyRing("k1", {"k1": bytes(range(32))})
JANE = Tokens(RING).of_identifier("jane")
EMAIL = "jane@example.com"
CIPHERTEXT = Ciphers(RING).encrypted(EMAIL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    ring = tmp_path / "ring.json"
    ring.touch(0o600)
    ring.write_text(write_key_ring(RING.active, RING.secrets))
    monkeypatch.setenv("STREAMPROC_KEYS_FILE", str(ring))
    monkeypatch.setenv("STREAMPROC_KEYS_SUBJECTS", str(tmp_path / "subjects.db"))
    monkeypatch.setenv("STREAMPROC_AUDIT_FILE", str(tmp_path / "audit.log"))
    return tmp_path


def run(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=given)


def entries(folder: Path) -> list[dict[str, str]]:
    log = folder / "audit.log"
    assert verify(log).broken is None
    return [json.loads(line) for line in log.read_text().splitlines()]


def encrypted_for(person: Token, folder: Path, value: str) -> str:
    store = SubjectKeyFile(folder / "subjects.db", RING)
    ciphertext = Ciphers(RING, store).encrypted_for(person, value)
    store.close()
    assert ciphertext is not None
    return ciphertext


def test_a_store_that_another_process_holds_is_told_without_a_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamproc.subject_keys.BUSY_SECONDS", 0.01)
    SubjectKeyFile(folder / "subjects.db", RING).close()
    with closing(sqlite3.connect(folder / "subjects.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        result = run("keys", "forget", "--user", "jane")
    assert (result.exit_code, result.stderr) == (
        1,
        "streamproc: another process holds the store of people's keys; try again\n",
    )


# -- reveal ---------------------------------------------------------------------------------------


def test_a_value_is_printed_and_written_down_without_being_told(folder: Path) -> None:
    result = run("reveal", CIPHERTEXT, "--reason", "ticket 7")
    assert (result.exit_code, result.stdout) == (0, f"{EMAIL}\n")
    (entry,) = entries(folder)
    assert entry["action"] == "reveal"
    assert entry["reason"] == "ticket 7"
    assert entry["ciphertext"] == fingerprint_of(CIPHERTEXT)
    assert entry["key"] == "k1"
    log = (folder / "audit.log").read_text()
    assert EMAIL not in log
    assert CIPHERTEXT not in log


def test_json_lines_are_printed_with_their_ciphertexts_decrypted(folder: Path) -> None:
    quoted = Ciphers(RING).encrypted('Jane "Q" \\ Roé')
    lines = [{"a": [f"mail {CIPHERTEXT}!", quoted, 7]}, {"b": "nothing"}, {"c": CIPHERTEXT}]
    given = "".join(f"{json.dumps(line)}\n" for line in lines)
    result = run("reveal", "-", "--reason", "why", given=given)
    assert result.exit_code == 0
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"a": [f"mail {EMAIL}!", 'Jane "Q" \\ Roé', 7]},
        {"b": "nothing"},
        {"c": EMAIL},
    ]
    assert len(entries(folder)) == 3


def test_what_cannot_be_revealed_is_counted_and_stays(folder: Path) -> None:
    strange = Ciphers(KeyRing("k9", {"k9": bytes(32)})).encrypted(EMAIL)
    result = run("reveal", "-", "--reason", "why", given=f'"{strange} {CIPHERTEXT}"\nnot json\n')
    assert result.exit_code == 1
    assert result.stdout == f'"{strange} {EMAIL}"\n'
    assert "1 not revealed: made with a key that the key ring does not have" in result.stderr
    assert "1 not revealed: a line is not JSON" in result.stderr
    assert len(entries(folder)) == 1


def test_without_an_audit_log_nothing_is_revealed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STREAMPROC_AUDIT_FILE")
    result = run("reveal", CIPHERTEXT, "--reason", "why")
    assert result.exit_code == 2
    assert "no audit log is configured" in result.stderr
    assert EMAIL not in result.output
    assert not (folder / "audit.log").exists()


def test_an_audit_log_that_cannot_be_written_reveals_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMPROC_AUDIT_FILE", str(folder / "none" / "audit.log"))
    result = run("reveal", CIPHERTEXT, "--reason", "why")
    assert result.exit_code == 2
    assert EMAIL not in result.output


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("arguments", [[], ["--reason", " "], ["--reason", "x" * 501]])
def test_without_a_reason_nothing_is_revealed(arguments: list[str]) -> None:
    result = run("reveal", CIPHERTEXT, *arguments)
    assert result.exit_code == 2
    assert EMAIL not in result.output


# -- forget ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "given"),
    [(["--token", JANE], ""), (["--user", "jane"], ""), (["--user", "-"], "bob\njane\n")],
)
def test_what_was_encrypted_for_a_person_is_unreadable_once_that_person_is_forgotten(
    folder: Path, arguments: list[str], given: str
) -> None:
    ciphertext = encrypted_for(JANE, folder, EMAIL)
    assert run("reveal", ciphertext, "--reason", "why").stdout == f"{EMAIL}\n"
    forgotten = run("keys", "forget", *arguments, given=given)
    assert (forgotten.exit_code, forgotten.stdout) == (0, "1 key deleted.\n")
    result = run("reveal", ciphertext, "--reason", "why")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "was deleted" in result.stderr
    logged = [entry["person"] for entry in entries(folder) if entry["action"] == "forget"]
    assert JANE in logged
    assert "jane" not in (folder / "audit.log").read_text()


def test_a_person_is_forgotten_under_every_key_of_the_ring(folder: Path) -> None:
    encrypted_for(JANE, folder, EMAIL)
    assert run("keys", "rotate").exit_code == 0
    assert json.loads(run("keys", "forget", "--user", "jane", "--json").stdout) == {"deleted": 1}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("arguments", [[], ["--token", "jane"]])
def test_who_is_to_be_forgotten_must_be_said(arguments: list[str]) -> None:
    assert run("keys", "forget", *arguments).exit_code == 2


def test_without_a_store_nobody_is_forgotten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMPROC_KEYS_SUBJECTS")
    result = run("keys", "forget", "--user", "jane")
    assert result.exit_code == 2
    assert "no store of people's keys is configured" in result.stderr
    assert not (folder / "audit.log").exists()


# -- audit verify ---------------------------------------------------------------------------------


def test_a_whole_log_is_verified_and_a_broken_one_told_with_its_line(folder: Path) -> None:
    for reason in ("one", "two", "three"):
        run("reveal", CIPHERTEXT, "--reason", reason)
    last = verify(folder / "audit.log").last
    whole = run("audit", "verify", "--json")
    assert (whole.exit_code, json.loads(whole.stdout)) == (
        0,
        {"lines": 3, "last": last, "broken": None},
    )
    assert last in run("audit", "verify", "--last", last).stdout
    log = folder / "audit.log"
    log.write_text(log.read_text().replace("one", "ten"))
    broken = run("audit", "verify")
    assert broken.exit_code == 1
    assert f"{log}:2: does not follow" in broken.stderr


@pytest.mark.usefixtures("folder")
def test_a_log_that_is_not_there_is_told() -> None:
    assert run("audit", "verify").exit_code == 2
