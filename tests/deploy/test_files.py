"""The Dockerfile, the Compose file and the systemd units, read by who will read them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from deploy_tools import DEPLOY, absent, called, go_tool, python_tool
from image_steps import instructions
from ruamel.yaml import YAML

from streamproc import __version__
from streamproc.settings import setting_names, variable_name

DOCKERFILE = DEPLOY / "Dockerfile"
COMPOSE = DEPLOY / "compose.yaml"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
NEEDED = {
    "STREAMPROC_DEAD_LETTERS_PUBLIC_KEY": "AAAA",
    "STREAMPROC_CANARY_SECRET": "00000000000000000000000000000000",
}
KNOWN = {variable_name(*names) for names in setting_names()}
EXPOSURE = 20
"""systemd's own figure for how much a unit could do, of 100: "OK" is up to 49."""


def test_buildkit_warns_of_nothing_in_the_dockerfile() -> None:
    done = called([go_tool(), "dockerfile"], DOCKERFILE.read_text(encoding="utf-8"))

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["build FROM ${BASE}", " FROM ${BASE}"]


def test_hadolint_warns_of_nothing_in_the_dockerfile() -> None:
    done = called([python_tool("hadolint"), DOCKERFILE])

    assert done.returncode == 0, done.stdout


def test_the_image_runs_as_a_number_that_is_not_roots_and_names_settings_only() -> None:
    found = list(instructions(DOCKERFILE.read_text(encoding="utf-8")))
    variables = {
        word.partition("=")[0] for name, rest in found if name == "ENV" for word in rest.split()
    }

    assert ("USER", "10001:10001") in found
    assert {each for each in variables if each.startswith("STREAMPROC_")} <= KNOWN
    assert ("ARG", f"VERSION={__version__}") in found


def test_docker_compose_can_read_the_compose_file() -> None:
    done = called([go_tool(), "compose", COMPOSE], variables=NEEDED)

    assert done.returncode == 0, done.stderr
    assert {"canary", "kafka", "loader", "registry", "worker"} < set(done.stdout.split())


@pytest.mark.parametrize("left_out", NEEDED)
def test_a_compose_file_without_its_secrets_is_refused(left_out: str) -> None:
    done = called([go_tool(), "compose", COMPOSE], variables={**NEEDED, left_out: ""})

    assert done.returncode == 1
    assert left_out in done.stderr


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = YAML(typ="safe").load(COMPOSE)["services"]
    return found


def test_every_service_has_bounds_and_no_capabilities() -> None:
    for name, service in services().items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "memory" in service["deploy"]["resources"]["limits"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_every_variable_of_ours_in_the_compose_file_is_a_setting() -> None:
    ours = {
        variable
        for service in services().values()
        for variable in service.get("environment", {})
        if variable.startswith("STREAMPROC_")
    }

    assert ours
    assert ours <= KNOWN


def test_files_that_the_compose_file_mounts_are_there() -> None:
    mounted = {
        volume.partition(":")[0]
        for service in services().values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    }

    assert mounted
    assert [each for each in mounted if not (DEPLOY / each).exists()] == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_nothing_wrong_with_the_units(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        absent("systemd-analyze is not installed")
    copy = tmp_path / unit.name
    # The program is not installed here; everything else is as it stands.
    copy.write_text(unit.read_text().replace("/opt/streamproc/bin/streamproc", "/bin/true"))

    verified = called(["systemd-analyze", "verify", "--man=no", copy])
    secure = called(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", copy]
    )

    assert (verified.returncode, verified.stderr) == (0, "")
    assert secure.returncode == 0, secure.stdout


@pytest.mark.parametrize(
    "file", [*UNITS, DEPLOY / "systemd/environment"], ids=lambda file: file.name
)
def test_every_variable_of_a_unit_is_a_setting(file: Path) -> None:
    lines = [line.lstrip("#") for line in file.read_text(encoding="utf-8").splitlines()]
    found = {
        line.removeprefix("Environment=").partition("=")[0]
        for line in lines
        if line.startswith(("Environment=STREAMPROC_", "STREAMPROC_"))
    }

    assert found
    assert found <= KNOWN
