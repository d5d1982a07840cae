from __future__ import annotations

from pathlib import Path

from simulated_day import Day, simulate


def test_an_hour_with_outages_and_a_change_a_minute_ends_with_every_row_once(
    tmp_path: Path,
) -> None:
    hour = Day(
        rows=20_000,
        hours=1,
        outages=((0.2, 0.25), (0.5, 0.75)),
        memory_bytes=300_000,
        spool_bytes=500_000,
        batch_rows=500,
    )
    report = simulate(hour, tmp_path)
    assert report.changes > 50
    assert report.tables > 20
    assert report.columns > 200
    assert report.discards == 2
    assert report.refused > 5
    assert report.pauses > 0
    assert report.longest_lag_minutes > 15
    assert report.spool_bytes > 400_000
