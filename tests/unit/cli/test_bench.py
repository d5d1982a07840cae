import json
from pathlib import Path

from commands import Done, run

from streamproc.capacity import read_profile
from streamproc.demo import Mix, generate


def bench(folder: Path, *arguments: str, given: bytes = b"") -> Done:
    return run({}, folder, "bench", *arguments, given=given)


def events(count: int, malformed: float = 0.0) -> bytes:
    return b"\n".join(made.value for made in generate(count, 3, Mix(malformed=malformed))) + b"\n"


def test_a_profile_is_written_and_shown_without_any_file_of_ours(
    tmp_path: Path,
) -> None:
    done = bench(tmp_path, "--seconds", "1", "--output", "bench.json")
    assert done.returncode == 0
    assert "events/s" in done.stdout.decode()
    profile = read_profile(tmp_path / "bench.json")
    assert profile.source == "generated"
    assert profile.per_second > 0
    assert set(profile.micros) >= {"decode", "survey", "detect", "redact", "row", "encode"}
    assert 1_000 < profile.event_bytes < profile.row_bytes < 3_000
    used = run({}, tmp_path, "capacity", "--events-per-second=9", "--profile=bench.json")
    assert used.returncode == 0


def test_events_of_a_file_are_run_once_and_what_became_of_them_is_told(
    tmp_path: Path,
) -> None:
    (tmp_path / "day.jsonl").write_bytes(events(300, malformed=0.2))
    done = bench(tmp_path, "day.jsonl", "--seconds", "60", "--json")
    profile = json.loads(done.stdout)
    assert profile["source"] == "day.jsonl"
    assert profile["events"] == 300
    assert 0.1 < profile["dead"] < 0.3
    told = done.stderr.decode()
    assert "The events ended after 300" in told
    assert "dead letters: decode." in told


def test_no_events_are_refused(tmp_path: Path) -> None:
    done = bench(tmp_path, "-")
    assert done.returncode == 2
    assert "no events" in done.stderr.decode()
