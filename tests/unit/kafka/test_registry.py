from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastavro import parse_schema
from pydantic import SecretStr
from schema_registry import SmallRegistry
from written_rows import fields_of

from streamproc.errors import ConfigError, EventError, RetryableError
from streamproc.events import ManifestEntry, Micros, Origin, Row, Times, Violation
from streamproc.kafka import registry as module
from streamproc.kafka import registry_client
from streamproc.kafka.codecs import ROW_SCHEMA, Codec, decode_row, encode_row
from streamproc.kafka.registry import Registry, RowDecoder, wait_for_row_codec
from streamproc.settings import RegistrySettings

TOPIC = "warehouse.load"
ROW = Row(
    message_id="m-1",
    type="track",
    event="Signed Up",
    user_id="tok_k1_aa",
    anonymous_id=None,
    identity_id=None,
    times=Times(None, None, Micros(2), Micros(3)),
    payload=b'{"event":"Signed Up"}',
    manifest=(ManifestEntry("traits.email", "EMAIL_ADDRESS", "emails", "hash", 1.0, "k1"),),
    ruleset="f00d",
    origin=Origin("events.raw", 3, 12),
    ordering_key=b"k",
    violations=(Violation("properties.total", "wrong_type"),),
)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES_SECONDS", (0,))
    monkeypatch.setattr(module, "UNKNOWN_PAUSES_SECONDS", (0, 0))
    monkeypatch.setattr(registry_client, "RETRIES", 0)


@pytest.fixture
def server() -> Iterator[SmallRegistry]:
    registry = SmallRegistry()
    yield registry
    registry.close()


def settings_of(server: SmallRegistry) -> RegistrySettings:
    return RegistrySettings(url=server.url)


def refusal(decoder: RowDecoder, value: bytes | None) -> tuple[str, str]:
    with pytest.raises(EventError) as refused:
        decoder(value)
    return refused.value.stage, refused.value.code


def another_version(**changed: Any) -> str:
    """Return the schema of rows as another version of ours might have it."""
    return json.dumps({**json.loads(ROW_SCHEMA), **changed})


def without(*names: str) -> str:
    fields = json.loads(ROW_SCHEMA)["fields"]
    return another_version(fields=[field for field in fields if field["name"] not in names])


def test_rows_of_a_registered_schema_come_back(server: SmallRegistry) -> None:
    codec = wait_for_row_codec(settings_of(server), TOPIC)
    message = encode_row(ROW, codec)

    assert message[:5] == b"\x00\x00\x00\x00\x01"
    assert server.requests == [f"POST /subjects/{TOPIC}-value/versions?normalize=False"]
    assert RowDecoder(settings_of(server))(message) == decode_row(encode_row(ROW))


def test_the_same_schema_has_the_same_number_for_every_worker(server: SmallRegistry) -> None:
    codecs = [wait_for_row_codec(settings_of(server), TOPIC) for _ in range(3)]
    assert {codec.header for codec in codecs} == {b"\x00\x00\x00\x00\x01"}


def test_a_schema_is_asked_for_once(server: SmallRegistry) -> None:
    message = encode_row(ROW, wait_for_row_codec(settings_of(server), TOPIC))
    decoder = RowDecoder(settings_of(server))
    for _ in range(3):
        decoder(message)
    assert server.requests[1:] == ["GET /schemas/ids/1"]


def test_both_formats_are_read_from_one_topic_whether_there_is_a_registry_or_not(
    server: SmallRegistry,
) -> None:
    single_object = encode_row(ROW)
    for settings in (settings_of(server), RegistrySettings()):
        assert RowDecoder(settings)(single_object) == decode_row(single_object)


def test_a_row_of_an_earlier_version_has_the_defaults_of_what_it_lacks(
    server: SmallRegistry,
) -> None:
    earlier = without("violations", "correction")
    header = b"\x00" + server.add(earlier).to_bytes(4, "big")
    codec = Codec(header, parse_schema(json.loads(earlier)))

    row = RowDecoder(settings_of(server))(codec.encode(fields_of(ROW)))

    assert row == decode_row(encode_row(ROW))._replace(violations="[]", correction=False)


def test_a_row_whose_fields_stand_in_another_order_is_the_same_row(server: SmallRegistry) -> None:
    other = another_version(fields=json.loads(ROW_SCHEMA)["fields"][::-1])
    codec = Codec(b"\x00" + server.add(other).to_bytes(4, "big"), parse_schema(json.loads(other)))

    row = RowDecoder(settings_of(server))(codec.encode(fields_of(ROW)))

    assert row == decode_row(encode_row(ROW))


def test_a_row_of_a_later_version_loses_only_what_is_not_known_here(server: SmallRegistry) -> None:
    fields = json.loads(ROW_SCHEMA)["fields"]
    later = another_version(fields=[*fields, {"name": "more", "type": "string", "default": ""}])
    codec = Codec(b"\x00" + server.add(later).to_bytes(4, "big"), parse_schema(json.loads(later)))

    row = RowDecoder(settings_of(server))(codec.encode(fields_of(ROW)))

    assert row == decode_row(encode_row(ROW))


@pytest.mark.parametrize(
    "schema",
    ['"string"', "no schema", another_version(name="Order"), without("message_id")],
)
def test_messages_of_a_schema_that_is_not_of_rows_are_not_ours(
    server: SmallRegistry, schema: str
) -> None:
    header = b"\x00" + server.add(schema).to_bytes(4, "big")
    body = encode_row(ROW)[10:]
    assert refusal(RowDecoder(settings_of(server)), header + body) == ("load", "not_ours")


def test_a_number_the_registry_does_not_know_is_asked_for_again_and_then_refused(
    server: SmallRegistry,
) -> None:
    decoder = RowDecoder(settings_of(server))
    for _ in range(2):
        assert refusal(decoder, b"\x00\x00\x00\x00\x09abc") == ("load", "unknown_schema")
    assert server.requests == ["GET /schemas/ids/9"] * 3


def test_without_a_registry_a_registered_row_is_of_an_unknown_schema() -> None:
    decoder = RowDecoder(RegistrySettings())
    assert refusal(decoder, b"\x00\x00\x00\x00\x01abc") == ("load", "unknown_schema")


@pytest.mark.parametrize("value", [None, b"", b"\x00", b"\x00\x00\x01", b"{}"])
def test_what_is_in_neither_format_is_not_ours(server: SmallRegistry, value: bytes | None) -> None:
    assert refusal(RowDecoder(settings_of(server)), value) == ("load", "not_ours")
    assert not server.requests


def test_damaged_bytes_of_a_registered_row_are_not_ours(server: SmallRegistry) -> None:
    message = encode_row(ROW, wait_for_row_codec(settings_of(server), TOPIC))
    decoder = RowDecoder(settings_of(server))
    for damaged in (message[:-1], message + b"\x00", message[:5]):
        assert refusal(decoder, damaged) == ("load", "not_ours")


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422])
def test_a_registry_that_refuses_is_said_in_words(server: SmallRegistry, status: int) -> None:
    server.status = status
    with pytest.raises(ConfigError, match=r"settings: registry\.(url|username)"):
        wait_for_row_codec(settings_of(server), TOPIC)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_registry_in_trouble_is_a_reason_to_wait(server: SmallRegistry, status: int) -> None:
    server.status = status
    message = b"\x00\x00\x00\x00\x01abc"
    with (
        Registry(settings_of(server)) as registry,
        pytest.raises(RetryableError, match=f"HTTP {status}"),
    ):
        registry.register_row(TOPIC)
    with pytest.raises(RetryableError, match=f"HTTP {status}"):
        RowDecoder(settings_of(server))(message)


def test_a_registry_that_is_away_is_waited_for(
    server: SmallRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.status = 503
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        server.status = 200 if len(pauses) == 3 else 503

    monkeypatch.setattr("time.sleep", sleep)
    with structlog.testing.capture_logs() as lines:
        codec = wait_for_row_codec(settings_of(server), TOPIC)
    assert codec.header[0] == 0
    assert len(pauses) == len(lines) == 3
    assert {line["log_level"] for line in lines} == {"warning"}


def test_an_address_nobody_listens_at_is_a_reason_to_wait(server: SmallRegistry) -> None:
    settings = settings_of(server)
    server.close()
    with (
        Registry(settings) as registry,
        pytest.raises(RetryableError, match="schema registry: ConnectError"),
    ):
        registry.register_row(TOPIC)


def test_user_name_and_password_are_sent_and_never_shown(server: SmallRegistry) -> None:
    settings = RegistrySettings(
        url=server.url, username="loader", password=SecretStr("open sesame")
    )
    wait_for_row_codec(settings, TOPIC)
    assert server.authorization is not None
    assert base64.b64decode(server.authorization.split()[1]) == b"loader:open sesame"

    server.status = 401
    with pytest.raises(ConfigError) as refused:
        wait_for_row_codec(settings, TOPIC)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        RegistrySettings(url="127.0.0.1:8081"),
        RegistrySettings(url="http://127.0.0.1:8081", username="loader"),
        RegistrySettings(url="http://127.0.0.1:8081", password=SecretStr("open sesame")),
        RegistrySettings(
            url="http://a:sesame@127.0.0.1:1", username="a", password=SecretStr("sesame")
        ),
    ],
)
def test_settings_that_cannot_be_right_are_refused_at_once(settings: RegistrySettings) -> None:
    with pytest.raises(ConfigError) as refused:
        Registry(settings)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("said", "path", "told"),
    [
        ({"username": "u"}, "registry.password", "username and password are needed all, or none"),
        ({"oauth_url": "http://127.0.0.1:1"}, "registry.oauth_client_id", "needed all, or none"),
        (
            {"username": "u", "password": SecretStr("p"), "token": SecretStr("t")},
            "registry",
            "expected one of user name and password, a token, and oauth_url",
        ),
        ({"ssl_key_file": Path("key.pem")}, "registry.ssl_certificate_file", "needed all, or none"),
        ({"ssl_ca_file": Path("none.pem")}, "registry.ssl_ca_file", "cannot be used"),
    ],
)
def test_credentials_that_do_not_go_together_are_told(
    said: dict[str, Any], path: str, told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        Registry(RegistrySettings(url="http://127.0.0.1:1", **said))
    (problem,) = refused.value.problems
    assert problem.path == path
    assert told in problem.message
