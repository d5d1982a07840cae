"""How clients prove who they are, and whom they trust: settings as librdkafka's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from streamproc.errors import ConfigError, Problem
from streamproc.settings import KafkaSettings

__all__ = ["security_config"]

SASL: Final = "sasl_"
"""How the names of protocols begin that log in by SASL."""
LOG_IN: Final = {
    "PLAIN": ("sasl_username", "sasl_password"),
    "SCRAM-SHA-256": ("sasl_username", "sasl_password"),
    "SCRAM-SHA-512": ("sasl_username", "sasl_password"),
    "OAUTHBEARER": ("oauth_url", "oauth_client_id", "oauth_client_secret"),
}
"""What each mechanism needs."""
NAMES: Final = {
    "sasl_username": "sasl.username",
    "sasl_password": "sasl.password",
    "oauth_url": "sasl.oauthbearer.token.endpoint.url",
    "oauth_client_id": "sasl.oauthbearer.client.id",
    "oauth_client_secret": "sasl.oauthbearer.client.secret",
    "oauth_scope": "sasl.oauthbearer.scope",
    "ssl_ca_file": "ssl.ca.location",
    "ssl_certificate_file": "ssl.certificate.location",
    "ssl_key_file": "ssl.key.location",
    "ssl_key_password": "ssl.key.password",
}
"""librdkafka's names of settings."""


def security_config(kafka: KafkaSettings) -> dict[str, Any]:
    """Return what librdkafka is to be told; nothing where brokers are spoken to in plain text.

    Brokers' certificates are checked against their names always, as librdkafka does by default.

    Raises:
        ConfigError: With every setting that is missing, of no use as the others are, or names a
            file that cannot be read: nobody is to believe that a connection is what it is not.
    """
    given = {name: value for name in NAMES if (value := getattr(kafka, name)) is not None}
    if problems := [*_problems(kafka, given)]:
        raise ConfigError(*problems)
    if kafka.security_protocol == "plaintext":
        return {}
    config = {NAMES[name]: _plain(value) for name, value in given.items()}
    if kafka.sasl_mechanism:
        config["sasl.mechanism"] = kafka.sasl_mechanism
    if kafka.sasl_mechanism == "OAUTHBEARER":
        config["sasl.oauthbearer.method"] = "oidc"
        if kafka.ssl_ca_file is not None:
            config["https.ca.location"] = str(kafka.ssl_ca_file)
    return {"security.protocol": kafka.security_protocol, **config}


def _problems(kafka: KafkaSettings, given: dict[str, Any]) -> list[Problem]:
    protocol, mechanism = kafka.security_protocol, kafka.sasl_mechanism
    needed: tuple[str, ...] = ()
    useful: set[str] = set()
    if protocol.startswith(SASL):
        if mechanism is None:
            return [_problem("sasl_mechanism", f"{protocol} needs one")]
        needed = LOG_IN[mechanism]
        useful |= {*needed, *(["oauth_scope"] if mechanism == "OAUTHBEARER" else [])}
    elif mechanism is not None:
        return [_problem("security_protocol", f"expected sasl_ssl for {mechanism}")]
    if protocol.endswith("ssl"):
        useful |= {name for name in NAMES if name.startswith("ssl_")}
        if ("ssl_certificate_file" in given) != ("ssl_key_file" in given):
            needed += ("ssl_certificate_file", "ssl_key_file")
    told = [
        _problem(name, f"is missing; {mechanism or 'a certificate'} needs it")
        for name in needed
        if name not in given
    ]
    told += [
        _problem(name, f"is of no use with security_protocol {protocol}")
        for name in given
        if name not in useful
    ]
    return told + [
        _problem(name, f"there is no file {value}")
        for name, value in given.items()
        if name in useful and isinstance(value, Path) and not value.is_file()
    ]


def _problem(name: str, told: str) -> Problem:
    return Problem("settings", f"kafka.{name}", told)


def _plain(value: str | Path | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
