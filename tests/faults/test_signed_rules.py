"""Rules that somebody without a key publishes take effect nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from brokers import Broker
from rolling_out import Place, numbered_rules

from streamproc.demo import generate
from streamproc.errors import ConfigError
from streamproc.rollout.signatures import generate_signing_key

pytestmark = pytest.mark.kafka

EVENTS = 100


def place_of(broker: Broker, folder: Path, beside: Place | None = None, **rules: Path) -> Place:
    """Return a place whose publisher has these settings; on the topics of another, if one is."""
    place = Place(broker, folder)
    if beside is not None:
        place.work, place.settings = beside.work, beside.settings
    told = place.settings.rules.model_copy(update={"signers": None, "signing_key": None, **rules})
    place.settings = place.settings.model_copy(update={"rules": told})
    return place


def test_unsigned_rules_are_refused_by_publisher_and_worker(kafka: Broker, tmp_path: Path) -> None:
    key = generate_signing_key()
    private, signers = tmp_path / "jane.pem", tmp_path / "signers"
    private.touch(mode=0o600)
    private.write_text(key.pem)
    signers.write_text(f"{key.public} Jane\n")

    with place_of(kafka, tmp_path, signers=signers, signing_key=private) as place:
        worker = place.start_worker(rules_signers=signers)
        assert place.publish(1).fences == {}
        worker.wait_for("worker ready")

        with (
            place_of(kafka, tmp_path, place, signers=signers) as keyless,
            pytest.raises(ConfigError, match=r"rules\.signing_key: is not set"),
        ):
            keyless.publish(2)
        with place_of(kafka, tmp_path, place) as forger:  # does not ask whether it will count
            assert forger.publish(2, wait_seconds=1).id == 2
        worker.wait_for("is no statement that counts")

        place.work.publish(list(generate(EVENTS, 3)))
        place.work.wait_until_processed(EVENTS)
        rows = place.rows(place.work.topics.load).values()
        made = {each.ruleset for versions in rows for each in versions}
        assert made == {place.publication(numbered_rules(1)).rows}
        assert place.publish(3).id == 2  # what was forged has no number
