"""The key ring from a command."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from streamproc.assemble import has_key_ring, load_key_ring
from streamproc.errors import ConfigError, RetryableError
from streamproc.key_command import MOST_BYTES, printed_by
from streamproc.redact import KeyRing, write_key_ring
from streamproc.settings import KeySettings, Settings

RING = KeyRing("k1", {"k1": bytes(range(32))})
WORD = "a-word-that-is-secret"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def refusal(code: str, seconds: float = 20) -> str:
    with pytest.raises(ConfigError) as told:
        printed_by(python(code), seconds)
    return str(told.value)


def test_the_ring_is_what_the_command_prints_and_wins_over_a_file(tmp_path: Path) -> None:
    ring = write_key_ring("k1", RING.secrets)
    command = tuple(python(f"print({ring!r})"))
    settings = Settings(keys=KeySettings(command=command, file=tmp_path / "none"))
    assert has_key_ring(settings)
    assert load_key_ring(settings) == RING


def test_no_shell_looks_at_the_command() -> None:
    assert printed_by(["echo", "$HOME;", "`id`"], 20) == b"$HOME; `id`\n"


def test_a_command_sees_no_variables_but_a_few_and_those_that_are_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STREAMPROC_KAFKA_SASL_PASSWORD", WORD)
    monkeypatch.setenv("VAULT_ADDR", "https://vault.example.com")
    seen = python("import os; print(*sorted(os.environ))")
    assert WORD.encode() not in printed_by(python("import os; print(os.environ)"), 20)
    assert b"VAULT_ADDR" not in printed_by(seen, 20)
    assert b"VAULT_ADDR" in printed_by(seen, 20, ["VAULT_*"])
    assert b"PATH" in printed_by(seen, 20)


def test_an_exit_code_is_told_and_what_was_printed_is_not(
    capfd: pytest.CaptureFixture[str],
) -> None:
    told = refusal(f"import sys; print({WORD!r}); sys.stderr.write({WORD!r}); sys.exit(7)")
    assert "exit code 7; run it by hand" in told
    printed = capfd.readouterr()
    assert WORD not in told + printed.out + printed.err


def test_a_command_that_is_not_there_prints_nothing_or_too_much_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"keys\.command: cannot be started: No such file"):
        printed_by(["no-such-program-anywhere"], 20)
    assert "printed nothing" in refusal("pass")
    assert printed_by(python(f"print(end='x' * {MOST_BYTES})"), 20) == b"x" * MOST_BYTES
    assert "more than 65,536 bytes" in refusal("while True: print('x' * 1000)")


@pytest.mark.parametrize(
    "code",
    ["import time; time.sleep(600)", "import os, time; os.close(1); time.sleep(600)"],
    ids=["silent", "closed"],
)
def test_a_command_that_takes_too_long_is_killed_with_all_it_started(
    code: str, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    started = f"import os; open({str(note)!r}, 'w').write(str(os.getpid()))\n{code}"
    with pytest.raises(RetryableError, match="longer than it may"):
        printed_by(python(started), 2)
    if note.exists():  # else it was killed before it came so far
        wait_until_gone(int(note.read_text() or 0))


def wait_until_gone(process: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    pytest.fail("the command goes on")


def test_what_is_no_ring_is_told_by_its_source_and_not_quoted() -> None:
    for printed in (WORD, f'{{"active": "{WORD}"}}', "schl\u00fcssel"):
        settings = Settings(keys=KeySettings(command=tuple(python(f"print({printed!r})"))))
        with pytest.raises(ConfigError) as told:
            load_key_ring(settings)
        assert str(told.value).startswith("keys.command")
        assert WORD not in str(told.value)
