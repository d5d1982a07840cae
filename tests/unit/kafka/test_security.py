"""What librdkafka is told of TLS and log-ins, and what settings are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamproc.errors import ConfigError
from streamproc.kafka.acls import ROLES, grants
from streamproc.kafka.security import security_config
from streamproc.kafka.topics import wanted
from streamproc.settings import KafkaSettings, Settings

LOG_IN = {"sasl_username": "worker", "sasl_password": "the-word"}
OAUTH = {
    "oauth_url": "https://tokens.example.com/token",
    "oauth_client_id": "worker",
    "oauth_client_secret": "the-word",
}


def config(**settings: Any) -> dict[str, Any]:
    return security_config(KafkaSettings.model_validate(settings))


def test_plain_brokers_need_nothing() -> None:
    assert config() == {}


def test_a_password_over_tls_is_told_as_librdkafka_has_it(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    told = config(
        security_protocol="sasl_ssl", sasl_mechanism="PLAIN", ssl_ca_file=authority, **LOG_IN
    )
    assert told == {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "worker",
        "sasl.password": "the-word",
        "ssl.ca.location": str(authority),
    }


def test_tokens_are_fetched_by_client_credentials() -> None:
    told = config(security_protocol="sasl_ssl", sasl_mechanism="OAUTHBEARER", **OAUTH)
    assert told["sasl.oauthbearer.method"] == "oidc"
    assert told["sasl.oauthbearer.client.secret"] == "the-word"
    assert "sasl.oauthbearer.scope" not in told


@pytest.mark.parametrize(
    ("settings", "path", "message"),
    [
        ({"sasl_mechanism": "PLAIN", **LOG_IN}, "security_protocol", "expected sasl_ssl"),
        ({"security_protocol": "sasl_ssl"}, "sasl_mechanism", "sasl_ssl needs one"),
        (LOG_IN, "sasl_username", "of no use with security_protocol plaintext"),
        (
            {"security_protocol": "sasl_ssl", "sasl_mechanism": "PLAIN", "sasl_username": "a"},
            "sasl_password",
            "is missing; PLAIN needs it",
        ),
        (
            {"security_protocol": "sasl_ssl", "sasl_mechanism": "PLAIN", **LOG_IN, **OAUTH},
            "oauth_url",
            "of no use",
        ),
        (
            {"security_protocol": "sasl_plaintext", "sasl_mechanism": "PLAIN", "ssl_ca_file": "/"},
            "ssl_ca_file",
            "of no use",
        ),
        (
            {"security_protocol": "ssl", "ssl_ca_file": "/nowhere/ca.pem"},
            "ssl_ca_file",
            "there is no file /nowhere/ca.pem",
        ),
        (
            {"security_protocol": "ssl", "ssl_key_file": "/nowhere/key.pem"},
            "ssl_certificate_file",
            "is missing; a certificate needs it",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(
    settings: dict[str, Any], path: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**settings)
    told = {each.path: each.message for each in caught.value.problems}
    assert message in told[f"kafka.{path}"]
    assert "the-word" not in str(caught.value)


def test_every_topic_is_somebodys_to_write_and_somebodys_to_read() -> None:
    asked = grants(Settings())
    assert {each.role for each in asked} == set(ROLES)
    for operation in ("READ", "WRITE"):
        named = {each.name for each in asked if operation in each.operations}
        assert named >= {topic.name for topic in wanted(Settings())}


def test_what_is_granted_is_said_once() -> None:
    asked = grants(Settings())
    assert len({each[:3] for each in asked}) == len(asked)
    assert all(len(set(each.operations)) == len(each.operations) for each in asked)
