"""Brokers that ask who is there: TLS, log-ins, and ACLs that allow each role what it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from broker import KafkaBroker
from brokers import Broker
from commands import Done
from commands import run as run_command
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AclBindingFilter
from dead_letters import Yard, number_as_id
from locks import (
    Authority,
    Certificate,
    oauth_door,
    scram_door,
    tls_door,
    tls_properties,
    token_server,
)
from processes import running, wait_until
from workplace import Workplace

from streamproc.demo import generate
from streamproc.errors import RetryableError
from streamproc.kafka.acls import ROLES, Grant, Role, _binding, allow, grants
from streamproc.kafka.clients import client_config
from streamproc.kafka.topics import TopicAdmin, admin_client, survey
from streamproc.settings import KafkaSettings, Settings

pytestmark = pytest.mark.kafka

PASSWORDS = {role: f"the-word-of-{role}" for role in (*ROLES, "nobody")}
PRINCIPALS: dict[str, str] = {role: f"User:{role}" for role in ROLES}


class Locked:
    """A broker whose clients log in, and what they are told to."""

    def __init__(self, broker: KafkaBroker, authority: Authority) -> None:
        self.broker = broker
        self.authority = authority
        self.plain = Broker(broker.bootstrap, "kafka")

    def connection(self, role: str, **settings: Any) -> KafkaSettings:
        told: dict[str, Any] = {
            "brokers": self.broker.locked,
            "security_protocol": "sasl_ssl",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": role,
            "sasl_password": PASSWORDS[role],
            "ssl_ca_file": self.authority.file,
        }
        return KafkaSettings.model_validate(told | settings)

    def variables(self, role: str) -> dict[str, object]:
        return {
            f"kafka_{name}": value.get_secret_value() if name == "sasl_password" else value
            for name, value in self.connection(role)
            if value is not None
        }


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder = tmp_path_factory.mktemp("locked")
    authority = Authority(folder)
    tls = tls_properties(authority.certify("server"), authority.file)
    with KafkaBroker(folder / "broker", door=scram_door(tls, PASSWORDS)) as broker:
        yield Locked(broker, authority)


@pytest.fixture
def place(locked: Locked, tmp_path: Path) -> Workplace:
    """A workplace whose roles are allowed what they need."""
    made = Workplace(locked.plain, tmp_path)
    for name in (made.topics.rules, made.topics.status):
        locked.plain.create(name, 1, {"cleanup.policy": "compact"})
    settings = settings_of(made, locked.plain.bootstrap)
    allow(admin_client(settings, "test"), grants(settings), PRINCIPALS)
    return made


def settings_of(place: Workplace, brokers: str) -> Settings:
    return Settings.model_validate(
        {
            "kafka": {"brokers": brokers},
            "topics": place.topics,
            "worker": {"group": place.group},
            "loader": {"group": place.loader_group},
        }
    )


def refusal(kafka: KafkaSettings) -> str:
    """Return what a client is told that is not let in."""
    with pytest.raises(RetryableError) as told:
        survey(admin_client(Settings(kafka=kafka), "test"), [])
    return str(told.value)


# -- who may do what ------------------------------------------------------------------------------


def test_worker_and_loader_need_no_more_than_their_roles_are_allowed(
    place: Workplace, locked: Locked
) -> None:
    place.publish(list(generate(200, 5)))
    with place.ready_worker(**locked.variables("worker")) as worker:
        place.wait_until_processed(200)
        assert worker.stop() == 0
        assert "AUTHORIZATION" not in worker.output()
    command = ["-m", "streamproc", "load", "--until-caught-up", "--json"]
    with running(command, place.environment(**locked.variables("loader"))) as loader:
        assert loader.wait(60) == 0, loader.output()
        loader.close()
        assert "AUTHORIZATION" not in loader.output()
        loaded = json.loads(loader.lines[-1])
    assert loaded["rows"] == len(place.message_ids()) > 150


def run(place: Workplace, locked: Locked, role: str, *arguments: str) -> Done:
    return run_command(place.environment(**locked.variables(role)), place.folder, *arguments)


COMMANDS: dict[Role, list[list[str]]] = {
    "topics": [["topics", "apply"]],
    "rules": [
        ["rules", "publish", "--message", "tried"],
        ["rules", "status"],
        ["rules", "history"],
    ],
    "identity": [["identity", "status"]],
    "letters": [["dead", "list"]],
    "loader": [["load", "status"]],
}


@pytest.mark.parametrize(
    ("role", "command"), [(role, each) for role, commands in COMMANDS.items() for each in commands]
)
def test_a_role_is_allowed_its_commands_and_nobody_else(
    place: Workplace, locked: Locked, role: Role, command: list[str]
) -> None:
    allowed = run(place, locked, role, *command)
    assert allowed.returncode == 0, allowed
    refused = run(place, locked, "nobody", *command)
    assert refused.returncode != 0
    assert b"Traceback" not in refused.stderr


NEEDED: list[tuple[Role, list[str], str, str]] = [
    ("rules", ["rules", "publish", "--message", "tried"], "rules", "WRITE"),
    ("rules", ["rules", "status"], "status", "READ"),
]
"""Commands, and of what their role is allowed one thing that they cannot do without."""


@pytest.mark.parametrize("needed", NEEDED, ids=lambda needed: needed[1][1])
def test_a_command_that_lacks_one_of_its_rights_is_refused_as_such(
    place: Workplace, locked: Locked, needed: tuple[Role, list[str], str, str]
) -> None:
    role, command, topic, operation = needed
    lacked = Grant(role, "topic", getattr(place.topics, topic), (operation,))
    forbid(admin_client(settings_of(place, locked.plain.bootstrap), "test"), lacked)
    refused = run(place, locked, role, *command)
    assert refused.returncode != 0, refused
    assert b"Traceback" not in refused.stderr
    assert b"TOPIC_AUTHORIZATION_FAILED" in refused.stderr


def forbid(admin: TopicAdmin, lacked: Grant) -> None:
    """Take away what a role is allowed, and wait until the brokers say that it is gone."""
    (operation,) = lacked.operations
    binding = _binding(lacked, operation, PRINCIPALS[lacked.role])
    asked = AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )
    (gone,) = admin.delete_acls([asked]).values()
    assert gone.result(30)
    wait_until(lambda: not admin.describe_acls(asked).result(30))


def test_letters_are_sent_again_and_purged_by_those_whose_role_it_is(
    place: Workplace, locked: Locked
) -> None:
    yard = Yard(locked.plain, place.folder)
    yard.topics = place.topics
    yard.fail(map(number_as_id, range(3)))
    audited = {"audit_file": yard.audit}
    everything = ["--before", "2100-01-01", "--reason", "old", "--force", "--apply"]

    def asked(role: str, *arguments: str) -> int:
        environment = place.environment(**locked.variables(role), **audited)
        return run_command(environment, place.folder, "dead", *arguments).returncode

    for other in ("worker", "nobody"):
        assert asked(other, "replay", "--all") != 0
        assert asked(other, "purge", *everything) != 0
    assert yard.replayed() == []
    assert len(yard.letters()) == 3
    assert asked("letters", "replay", "--all") == 0
    assert len(yard.replayed()) == 3
    assert asked("letters", "purge", *everything) == 0
    assert b"No dead letters." in run(place, locked, "letters", "dead", "list").stdout


def test_who_publishes_may_write_raw_events_and_no_rows(place: Workplace, locked: Locked) -> None:
    producer = Producer(client_config(locked.connection("producer"), "test"))
    refused: dict[str | None, str] = {}

    def told(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            refused[message.topic()] = error.name()

    for topic in (place.topics.raw, place.topics.load):
        producer.produce(topic, b"{}", on_delivery=told)
    assert producer.flush(30) == 0
    assert refused == {place.topics.load: "TOPIC_AUTHORIZATION_FAILED"}


# -- who is let in --------------------------------------------------------------------------------


def test_a_wrong_password_is_told_as_such(locked: Locked) -> None:
    assert "refuse the log-in" in refusal(locked.connection("worker", sasl_password="another"))


def test_brokers_of_an_unknown_authority_are_not_trusted(locked: Locked, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    assert "no trusted connection" in refusal(locked.connection("worker", ssl_ca_file=other.file))


def test_a_certificate_of_another_host_is_not_trusted(locked: Locked) -> None:
    address = locked.broker.locked.replace("localhost", "127.0.0.1")
    assert "no trusted connection" in refusal(locked.connection("worker", brokers=address))


def test_client_certificates_are_asked_for_and_expired_ones_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    expired = authority.certify("late", valid=(timedelta(days=-2), timedelta(days=-1)))
    good = authority.certify("worker", password="of the key")
    tls = tls_properties(authority.certify("server"), authority.file, client="required")
    with KafkaBroker(tmp_path / "broker", door=tls_door(tls)) as broker:

        def connection(certificate: Certificate | None, **settings: Any) -> KafkaSettings:
            told = {
                "brokers": broker.locked,
                "security_protocol": "ssl",
                "ssl_ca_file": authority.file,
                "ssl_certificate_file": certificate and certificate.certificate,
                "ssl_key_file": certificate and certificate.key,
            }
            return KafkaSettings.model_validate(told | settings)

        kafka = connection(good, ssl_key_password="of the key")
        assert survey(admin_client(Settings(kafka=kafka), "test"), []) == {}
        for refused in (connection(None), connection(expired)):
            assert "no trusted connection" in refusal(refused)


def test_an_expired_certificate_of_a_broker_is_not_trusted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    expired = authority.certify("server", valid=(timedelta(days=-2), timedelta(days=-1)))
    tls = tls_properties(expired, authority.file)
    with KafkaBroker(tmp_path / "broker", door=tls_door(tls)) as broker:
        kafka = KafkaSettings(
            brokers=broker.locked, security_protocol="ssl", ssl_ca_file=authority.file
        )
        assert "no trusted connection" in refusal(kafka)


def test_tokens_are_fetched_and_asked_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = tls_properties(authority.certify("server"), authority.file)
    with ExitStack() as stack:
        tokens = stack.enter_context(token_server(tmp_path))
        door = oauth_door(tls, tokens.keys)
        broker = stack.enter_context(KafkaBroker(tmp_path / "broker", door=door))

        def connection(secret: str) -> KafkaSettings:
            return KafkaSettings.model_validate(
                {
                    "brokers": broker.locked,
                    "security_protocol": "sasl_ssl",
                    "sasl_mechanism": "OAUTHBEARER",
                    "oauth_url": tokens.url,
                    "oauth_client_id": "worker",
                    "oauth_client_secret": secret,
                    "oauth_scope": "kafka",
                    "ssl_ca_file": authority.file,
                }
            )

        kafka = connection(tokens.secret)
        assert survey(admin_client(Settings(kafka=kafka), "test"), []) == {}
        assert tokens.scopes == ["kafka"]
        assert "refuse the log-in" in refusal(connection("another"))
