"""The Helm chart, rendered by Helm and held against the schemas of who reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from deploy_tools import DEPLOY, called, go_tool, helm, keda_schema, python_tool
from ruamel.yaml import YAML

from streamproc.settings import setting_names, variable_name

CHART = DEPLOY / "helm/streamproc"
KUBERNETES = "1.34"
LEAST = {"settings": {"kafka": {"brokers": "kafka.example.com:9092"}}}
EVERYTHING = {
    "image": {"digest": f"sha256:{'0' * 64}"},
    "imagePullSecrets": [{"name": "pull"}],
    "settings": {
        "kafka": {"brokers": "kafka.example.com:9093", "security_protocol": "sasl_ssl"},
        "limits": {"event_bytes": 10_000_000},
    },
    "secrets": {"worker": "for-workers", "loader": "for-loaders", "canary": "for-canaries"},
    "tlsSecret": "tls",
    "rulesConfigMap": "rules",
    "worker": {
        "processes": "auto",
        "settings": {"worker": {"group": "mine"}},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
    },
    "canary": {"enabled": True},
    "topics": {"apply": True, "secret": "for-topics"},
    "autoscaling": {"enabled": True, "authentication": "brokers"},
    "metrics": {
        "podMonitor": {"enabled": True, "labels": {"release": "p"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "p"}},
    },
    "networkPolicy": {
        "metricsFrom": [{"namespaceSelector": {}}],
        "egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}],
    },
    "serviceAccount": {"annotations": {"a": "b"}},
}
BY_PROMETHEUS = {
    **LEAST,
    "autoscaling": {
        "enabled": True,
        "source": "prometheus",
        "prometheusAddress": "http://prometheus.example.com:9090",
    },
}
ALL = pytest.mark.parametrize("values", [LEAST, EVERYTHING, BY_PROMETHEUS])


def rendered(values: object, folder: Path) -> list[dict[str, Any]]:
    file = folder / "values.json"
    file.write_text(json.dumps(values))
    done = called([helm(), "template", "r", CHART, "--values", file])
    assert done.returncode == 0, done.stderr
    return [each for each in YAML(typ="safe").load_all(done.stdout) if each]


def pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = (each["spec"] for each in specs(objects))
    return [spec["template"]["spec"] for spec in found if "template" in spec]


def specs(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in objects if "spec" in each]


def strictly(schema: Any) -> Any:
    """Return a schema of a custom resource that refuses what it does not name."""
    if isinstance(schema, list):
        return [strictly(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strictly(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict) and "additionalProperties" not in made:
        is_free = made.get("x-kubernetes-preserve-unknown-fields") or not made["properties"]
        made["additionalProperties"] = bool(is_free)
    return made


@ALL
def test_helm_finds_nothing_wrong_with_the_chart(values: object, tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values))

    done = called([helm(), "lint", "--strict", CHART, "--values", file])

    assert done.returncode == 0, done.stdout + done.stderr


@ALL
def test_every_object_of_the_chart_is_as_its_schema_says(values: object, tmp_path: Path) -> None:
    objects = rendered(values, tmp_path)
    own = [each for each in objects if each["apiVersion"] != "keda.sh/v1alpha1"]
    files: list[Path] = []
    for number, each in enumerate(own):
        if each["apiVersion"].startswith("monitoring."):
            done = called([go_tool(), "monitor"], json.dumps(each))
            assert done.returncode == 0, done.stderr
            continue
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps(each))
    done = called([python_tool("kubernetes-validate"), "--strict", "-k", KUBERNETES, *files])
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("passed") == len(files)
    for each in objects:
        if each["kind"] == "ScaledObject":
            schema = strictly(keda_schema())
            schema["properties"]["metadata"] = {"type": "object"}
            jsonschema_rs.validate(schema, each)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "brokers"),
        ({**LEAST, "worker": {"replicas": "two"}}, "replicas"),
        ({**LEAST, "workers": {}}, "workers"),
        ({**LEAST, "image": {"digest": "latest"}}, "digest"),
        ({**LEAST, "autoscaling": {"enabled": True, "source": "prometheus"}}, "prometheusAddress"),
        ({**LEAST, "worker": {"terminationGracePeriodSeconds": 10}}, "terminationGracePeriod"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(values: object, told: str, tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values))

    done = called([helm(), "template", "r", CHART, "--values", file])

    assert done.returncode == 1
    assert told in done.stderr


def test_no_pod_may_do_more_than_it_has_to(tmp_path: Path) -> None:
    found = pods(rendered(EVERYTHING, tmp_path))

    assert len(found) == 4
    for pod in found:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]


def test_keys_are_the_workers_alone(tmp_path: Path) -> None:
    loader = next(
        pod
        for pod in pods(rendered(EVERYTHING, tmp_path))
        if pod["containers"][0]["name"] == "loader"
    )

    assert loader["containers"][0]["envFrom"] == [{"secretRef": {"name": "for-loaders"}}]


@ALL
def test_every_variable_is_a_setting(values: object, tmp_path: Path) -> None:
    known = {variable_name(*names) for names in setting_names()}
    found = {
        variable["name"]
        for pod in pods(rendered(values, tmp_path))
        for container in pod["containers"]
        for variable in container["env"]
    }

    assert found
    assert found <= known


def test_large_numbers_are_written_as_settings_read_them(tmp_path: Path) -> None:
    pod = pods(rendered(EVERYTHING, tmp_path))[0]
    variables = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}

    assert variables["STREAMPROC_LIMITS_EVENT_BYTES"] == "10000000"


def test_workers_are_told_apart_by_names_that_stay(tmp_path: Path) -> None:
    members = [each for each in rendered(LEAST, tmp_path) if each["kind"] == "StatefulSet"]

    assert len(members) == 2
    for member in members:
        container = member["spec"]["template"]["spec"]["containers"][0]
        variables = {each["name"]: each for each in container["env"]}
        name = variables[f"STREAMPROC_{container['name'].upper()}_INSTANCE_ID"]
        assert name["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_a_scaled_worker_has_no_number_of_its_own(tmp_path: Path) -> None:
    objects = rendered(EVERYTHING, tmp_path)
    scaled = next(each for each in objects if each["kind"] == "ScaledObject")["spec"]
    member = next(
        each
        for each in objects
        if each["kind"] == "StatefulSet" and each["metadata"]["name"] == "r-worker"
    )

    assert "replicas" not in member["spec"]
    assert scaled["scaleTargetRef"]["name"] == "r-worker"
    assert scaled["triggers"][0]["metadata"] == {
        "bootstrapServers": "kafka.example.com:9093",
        "consumerGroup": "mine",
        "topic": "events.raw",
        "lagThreshold": "50000",
        "scaleToZeroOnInvalidOffset": "false",
    }
