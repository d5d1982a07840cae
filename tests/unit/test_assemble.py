from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from redaction import RING

from streamproc.assemble import load_key_ring, load_rules, make_pipeline
from streamproc.errors import ConfigError
from streamproc.identity import View
from streamproc.redact import write_key_ring
from streamproc.rules import load_ruleset
from streamproc.settings import (
    DeadLetterSettings,
    KeySettings,
    RulesSettings,
    Settings,
    TrackingPlanSettings,
    WorkerSettings,
)
from streamproc.shipped import shipped

TEXT = write_key_ring(RING.active, RING.secrets)
RULES = "version: 1\nname: own\nentities: [EMAIL_ADDRESS]\noperators: {default: %s}\nrules: []\n"


def ring_file(folder: Path, text: str = TEXT, mode: int = 0o600) -> Path:
    file = folder / "ring.json"
    file.touch()
    file.chmod(mode)
    file.write_text(text, encoding="latin-1")
    return file


def with_file(file: Path) -> Settings:
    return Settings(keys=KeySettings(file=file))


def with_rules(folder: Path, text: str) -> Settings:
    folder.mkdir()
    (folder / "rules.yaml").write_text(text)
    return Settings(rules=RulesSettings(directory=folder))


def test_a_key_ring_is_read_from_its_file(tmp_path: Path) -> None:
    assert load_key_ring(with_file(ring_file(tmp_path))) == RING


def test_a_key_ring_is_read_from_its_setting_and_that_wins_over_a_file(tmp_path: Path) -> None:
    keys = KeySettings(ring=SecretStr(TEXT), file=tmp_path / "none")

    assert load_key_ring(Settings(keys=keys)) == RING


def test_without_a_key_ring_it_is_told_how_to_make_one() -> None:
    with pytest.raises(ConfigError, match=r"keys\.file: no key ring .* `streamproc keys generate`"):
        load_key_ring(Settings())


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604, 0o601])
def test_a_key_ring_that_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    file = ring_file(tmp_path, mode=mode)

    with pytest.raises(ConfigError) as caught:
        load_key_ring(with_file(file))

    assert str(caught.value) == f"{file}: others may read it; run chmod 600 on it"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("not a ring", "1: is not JSON"), ("[]", " expected "), ("schlüssel", " is not a key ring")],
)
def test_a_file_that_is_no_key_ring_is_told_by_its_name(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = ring_file(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        load_key_ring(with_file(file))

    assert str(caught.value).startswith(f"{file}:{expected}")
    assert text not in str(caught.value)


def test_a_key_ring_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none: cannot be read: No such file"):
        load_key_ring(with_file(tmp_path / "none"))


def test_a_setting_that_is_no_key_ring_is_told_by_its_variable_without_its_content() -> None:
    with pytest.raises(ConfigError) as caught:
        load_key_ring(Settings(keys=KeySettings(ring=SecretStr("secret-of-nobody"))))

    assert str(caught.value) == "STREAMPROC_KEYS_RING:1: is not JSON"


def test_the_rules_are_those_shipped_where_the_settings_name_no_folder() -> None:
    assert load_rules(Settings()).fingerprint == load_ruleset(shipped("rules")).fingerprint


def test_the_rules_are_those_of_the_settings_folder(tmp_path: Path) -> None:
    assert load_rules(with_rules(tmp_path / "rules", RULES % "redact")).name == "own"


def test_a_rules_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    settings = Settings(rules=RulesSettings(directory=tmp_path / "none"))

    with pytest.raises(ConfigError, match=r"none: cannot be read: No such file"):
        load_rules(settings)


def test_wrong_rules_stop_a_pipeline_before_its_models_are_loaded(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"rules\.yaml:4:22: operators\.default: no such operator"
    ):
        make_pipeline(with_rules(tmp_path / "rules", RULES % "shred"), RING, View())


def test_a_wrong_tracking_plan_stops_a_pipeline_before_its_models_are_loaded(
    tmp_path: Path,
) -> None:
    settings = Settings(tracking_plan=TrackingPlanSettings(directory=tmp_path))

    with pytest.raises(ConfigError, match=r"plan\.yaml: cannot be read"):
        make_pipeline(settings, RING, View())


def test_a_wrong_public_key_stops_a_pipeline() -> None:
    settings = Settings(dead_letters=DeadLetterSettings(public_key="bm8ga2V5"))

    with pytest.raises(ConfigError, match=r"dead_letters\.public_key"):
        make_pipeline(settings, RING, View())


def test_a_pipeline_s_fingerprint_tells_rules_apart_and_knows_them_again(tmp_path: Path) -> None:
    def fingerprint(folder: str, operator: str) -> str:
        settings = with_rules(tmp_path / folder, RULES % operator).model_copy(
            update={"worker": WorkerSettings(directory=tmp_path / "cache")}
        )
        return make_pipeline(settings, RING, View()).ruleset

    first = fingerprint("one", "redact")

    assert fingerprint("same", "redact") == first
    assert fingerprint("other", "replace") != first
    assert first != load_ruleset(tmp_path / "one").fingerprint  # recognizers count too


def test_a_pipeline_s_fingerprint_tells_tracking_plans_apart(tmp_path: Path) -> None:
    settings = with_rules(tmp_path / "rules", RULES % "redact").model_copy(
        update={"worker": WorkerSettings(directory=tmp_path / "cache")}
    )
    planned = settings.model_copy(
        update={"tracking_plan": TrackingPlanSettings(directory=shipped("schemas/events"))}
    )

    fingerprints = [make_pipeline(each, RING, View()).ruleset for each in (settings, planned)]

    assert len(set(fingerprints)) == 2
