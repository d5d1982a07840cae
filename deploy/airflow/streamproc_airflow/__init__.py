"""An Airflow provider for streamproc: loading, waiting for it, reprocessing, erasing, freshness.

It does what it does through streamproc's command line, in a process of its own, so Airflow and
streamproc need not agree on a single dependency. It may import Airflow's Task SDK, its triggers
and the standard library; never streamproc.
"""

from __future__ import annotations

from typing import Any

__all__ = ["get_provider_info"]

INTEGRATION = "streamproc"


def get_provider_info() -> dict[str, Any]:
    """Return what Airflow wants to know of a provider; its entry point."""
    return {
        "package-name": "airflow-providers-streamproc",
        "name": INTEGRATION,
        "description": "Customer events from Kafka to the warehouse, stripped of personal data.",
        "integrations": [{"integration-name": INTEGRATION, "tags": ["software"]}],
        "hooks": _modules("streamproc_airflow.hook"),
        "operators": _modules("streamproc_airflow.operators"),
        "sensors": _modules("streamproc_airflow.sensor"),
        "triggers": _modules("streamproc_airflow.triggers"),
        "connection-types": [_connection_type()],
        "config": {"streamproc": _options()},
    }


def _modules(*modules: str) -> list[dict[str, Any]]:
    return [{"integration-name": INTEGRATION, "python-modules": list(modules)}]


def _connection_type() -> dict[str, Any]:
    return {
        "connection-type": "streamproc",
        "hook-name": "streamproc",
        "hook-class-name": "streamproc_airflow.hook.StreamprocHook",
        "ui-field-behaviour": {
            "hidden-fields": ["host", "schema", "login", "password", "port", "extra"],
            "relabeling": {},
            "placeholders": {},
        },
        "conn-fields": {
            "settings_file": {
                "label": "Settings file",
                "description": "Path of streamproc.toml on the workers and the triggerer.",
                "schema": {"type": ["string", "null"]},
            },
            "environment": {
                "label": "Settings",
                "description": 'A JSON object of variables, such as {"STREAMPROC_KAFKA_BROKERS": '
                '"kafka:9092"}; they win over the settings file.',
                "schema": {"type": ["string", "null"], "format": "json"},
            },
            "secrets": {
                "label": "Secret settings",
                "description": "The same for variables whose values no log may show.",
                "schema": {"type": ["string", "null"], "format": "password"},
            },
        },
    }


def _options() -> dict[str, Any]:
    return {
        "description": "Where streamproc is on the workers and the triggerer.",
        "options": {
            "executable": {
                "description": "Path or name of the streamproc executable. Not part of the "
                "connection: who may edit connections must not choose what workers run.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/opt/streamproc/bin/streamproc",
                "default": "streamproc",
            },
        },
    }
