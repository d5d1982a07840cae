"""A person is erased, on the whole way: worker, loader, identities, what the business knows."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from brokers import Broker
from commands import Done, run
from workplace import TEST_KEY, Workplace

from streamproc.audit import verify
from streamproc.demo import Generated
from streamproc.events import Micros, Token
from streamproc.identity.attributes import AttributeRecord
from streamproc.kafka.attribute_topic import attribute_writer
from streamproc.redact import KeyRing, Tokens
from streamproc.settings import KafkaSettings, Settings, TopicSettings
from streamproc.subject_keys import SubjectKeyFile

TOKENS = Tokens(KeyRing("k1", {"k1": TEST_KEY}))
JANE, KIM, PHONE = map(TOKENS.of_identifier, ("jane-17", "kim-18", "phone-1"))
EMAIL = "jane.roe@example.com"
MAIL = TOKENS.of_named("email", EMAIL, "EMAIL_ADDRESS")
RULES = """
version: 1
name: test
entities: [EMAIL_ADDRESS]
operators: {default: hash}
rules: [{name: notes, fields: [properties.note], entity: EMAIL_ADDRESS,
  operator: {encrypt: {per_subject: true}}}]
suppressed: %s
"""


class Office:
    """A whole streamproc, and somebody who erases people in it."""

    def __init__(self, broker: Broker, folder: Path, suppressed: str = "drop") -> None:
        self.place = Workplace(broker, folder)
        self.folder = folder
        self.audit = folder / "audit.jsonl"
        (folder / "rules.yaml").write_text(RULES % suppressed)
        self.variables = {
            "keys_subjects": folder / "subjects.sqlite",
            "rules_directory": folder / "rules.yaml",
            "audit_file": self.audit,
        }
        kafka = KafkaSettings(brokers=broker.bootstrap)
        self.settings = Settings(kafka=kafka, topics=self.place.topics)
        self.published = 0

    def happen(self, *events: dict[str, Any]) -> dict[str, int]:
        """Have ``events`` go all the way into the warehouse; return what the loader said."""
        self.place.publish(
            Generated(orjson.dumps(event), str(event.get("userId")).encode(), "", ())
            for event in events
        )
        self.published += len(events)
        with self.place.ready_worker(**self.variables) as worker:
            self.place.wait_until_processed(self.published)
            assert worker.stop() == 0
            self.stopped = json.loads(worker.lines[-1])
        return self.place.load()

    def know(self, *records: AttributeRecord) -> None:
        with attribute_writer(self.settings) as writer:
            writer.records(records)
            writer.flush()

    def run(self, *arguments: str, given: bytes = b"") -> Done:
        variables = self.place.environment(**self.variables)
        done = run(variables, self.folder, "erase", *arguments, given=given)
        for secret in (b"jane", b"phone-1"):
            assert secret not in done.stdout + done.stderr
        return done

    def told(self, *arguments: str, given: bytes = b"") -> Any:
        return json.loads(self.run(*arguments, "--json", given=given).stdout)

    def found(self, receipt: str) -> dict[str, tuple[int | None, str]]:
        told = self.told("verify", receipt)
        return {each["place"]: (each["found"], each["verdict"]) for each in told["places"]}

    def rows(self) -> dict[str, str]:
        """Return whose each row is in the base tables, by message id."""
        selects = (f"SELECT id, identity_id FROM {table}" for table in self.place.base_tables())
        return dict(self.place.query(" UNION ALL ".join(selects)))


def event(number: int, **said: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Seen", "messageId": f"m-{number}", **said}


BEFORE = (
    event(1, anonymousId="phone-1"),
    event(
        2,
        type="identify",
        userId="jane-17",
        anonymousId="phone-1",
        context={"traits": {"email": EMAIL}},
    ),
    event(3, userId="jane-17", properties={"note": EMAIL}),
    event(4, type="group", userId="jane-17", groupId="acme"),
    event(5, type="identify", userId="kim-18", anonymousId="tablet-2"),
    event(6, userId="kim-18", properties={"note": "kim@example.org"}),
)


def contact(name: str, *joins: tuple[str, Token], at: int = 5) -> AttributeRecord:
    record = TOKENS.of_named("record", name)
    return AttributeRecord("crm", "contact", record, joins, {"plan": "pro"}, Micros(at))


@pytest.fixture
def office(broker: Broker, tmp_path: Path) -> Office:
    return Office(broker, tmp_path)


def test_nothing_of_somebody_erased_is_left_in_any_place(office: Office) -> None:
    office.know(contact("003-1", ("user_id", JANE)), contact("003-2", ("user_id", KIM)))
    assert office.happen(*BEFORE)["rows"] == 6

    done = office.told("--user", "-", "--reason", "ticket 12", given=b"jane-17\n")

    assert (done["ids"], done["devices"], done["traits"], done["shared"]) == (1, 1, 1, 0)
    assert (done["tokens"], done["deletions"], done["records"], done["keys"]) == (3, 3, 1, 1)
    assert done["links"] == 3
    found = office.found(done["receipt"])
    messages = "warehouse (duckdb): streamproc_messages"
    assert found[messages] == (4, "found"), "the loader has not done it yet"

    office.place.load()
    found = office.found(done["receipt"])
    topics = office.place.topics
    for place in ("identity state", "warehouse (duckdb)", "people's keys"):
        assert found[place] == (0, "clear")
    for topic in (topics.links, topics.attributes, topics.load):
        assert found[topic][1] == "fading", "copies that nobody is told of any more"
    verified = office.run("verify", done["receipt"])
    assert (verified.returncode, b"nothing is left" in verified.stdout) == (0, True)

    assert office.rows() == {"m-5": KIM, "m-6": KIM}
    lines = [json.loads(line) for line in office.audit.read_text().splitlines()]
    assert [(line["action"], line["reason"]) for line in lines] == [("erase", "ticket 12")]
    assert verify(office.audit).broken is None
    assert "tok_" not in office.audit.read_text()


def test_what_somebody_erased_does_later_is_dropped_and_links_nothing(office: Office) -> None:
    office.happen(*BEFORE)
    receipt = office.told("--anonymous", "phone-1")["receipt"]

    office.happen(
        event(11, userId="jane-17"),
        event(12, anonymousId="phone-1"),
        event(13, type="identify", userId="jane-17", anonymousId="laptop-9"),
        event(14, type="alias", userId="jane-99", previousId="jane-17"),
        event(15, type="identify", anonymousId="tv-1", context={"traits": {"email": EMAIL}}),
        event(16, userId="kim-18"),
    )

    assert office.stopped["dropped"] == {"suppressed": 5}
    assert office.rows() == dict.fromkeys(("m-5", "m-6", "m-16"), KIM)
    told = office.told("verify", receipt)
    assert told["erased"]
    links = [each.value for each in office.place.broker.consume_all(office.place.topics.links)]
    later = (TOKENS.of_identifier(name).encode() for name in ("laptop-9", "jane-99", "tv-1"))
    assert not any(token in (value or b"") for token in later for value in links)


def test_anonymised_it_says_what_was_done_and_not_by_whom(embedded: Broker, tmp_path: Path) -> None:
    office = Office(embedded, tmp_path, "anonymise")
    office.happen(*BEFORE)
    receipt = office.told("--trait", f"email={EMAIL}")["receipt"]

    office.happen(event(11, userId="jane-17", properties={"note": EMAIL, "plan": "pro"}))

    ((user, identity, plan, note),) = office.place.query(
        "SELECT user_id, identity_id, plan, note FROM seen WHERE id = 'm-11'"
    )
    assert (user, identity, plan, note) == (None, None, "pro", "<EMAIL_ADDRESS>")
    assert office.told("verify", receipt)["erased"]


def test_workers_delete_the_keys_of_the_stores_of_their_own_machines(
    embedded: Broker, tmp_path: Path
) -> None:
    office = Office(embedded, tmp_path)
    office.happen(*BEFORE)
    ring = KeyRing("k1", {"k1": TEST_KEY})
    with closing(SubjectKeyFile(tmp_path / "subjects.sqlite", ring)) as store:
        assert store.count_of([JANE, KIM]) == 2
    elsewhere = {**office.variables, "keys_subjects": tmp_path / "elsewhere.sqlite"}
    done = run(office.place.environment(**elsewhere), tmp_path, "erase", "--user", "jane-17")
    assert b"0 keys deleted" in done.stdout

    office.happen(event(11, userId="kim-18"))

    with closing(SubjectKeyFile(tmp_path / "subjects.sqlite", ring)) as store:
        assert (store.count_of([JANE]), store.count_of([KIM])) == (0, 1)


def test_what_the_business_says_of_somebody_erased_is_not_taken_in_again(office: Office) -> None:
    receipt = office.told("--user", "jane-17")["receipt"]

    office.know(contact("003-1", ("user_id", JANE)), contact("003-3", ("user_id", KIM)))

    records = office.place.broker.consume_all(office.place.topics.attributes)
    assert [JANE.encode() in (each.value or b"") for each in records].count(True) == 0
    variables = office.place.environment(**office.variables)
    merged = run(variables, office.folder, "identity", "merge", JANE, KIM, "--reason", "ticket 13")
    assert (merged.returncode, b"was erased" in merged.stderr) == (1, True)
    assert [KIM.encode() in (each.value or b"") for each in records].count(True) == 1
    assert office.told("verify", receipt)["erased"]


def test_who_comes_back_is_taken_in_again_once_the_case_is_lifted(
    embedded: Broker, tmp_path: Path
) -> None:
    office = Office(embedded, tmp_path)
    receipt = office.told("--user", "jane-17")["receipt"]
    assert office.told("lift", receipt, "--reason", "signed up again") == {
        "receipt": receipt,
        "lifted": 1,
    }

    office.happen(event(1, userId="jane-17"))

    assert office.stopped["rows"] == 1
    again = office.run("verify", receipt)
    assert again.returncode == 2
    assert b"no such erasure" in again.stderr
    actions = [json.loads(line)["action"] for line in office.audit.read_text().splitlines()]
    assert actions == ["erase", "erase-lift"]


def test_a_dry_run_says_whom_it_would_be_and_leaves_everything(
    embedded: Broker, tmp_path: Path
) -> None:
    office = Office(embedded, tmp_path)
    office.happen(*BEFORE)

    told = office.told("--token", JANE, "--dry-run")

    assert (told["receipt"], told["tokens"]) == (None, 3)
    assert not office.place.broker.consume_all(office.place.topics.suppressed)
    assert not office.audit.exists()
    shown = office.run("--token", JANE, "--dry-run").stdout.decode()
    assert "1 id, 1 device, 1 trait. 0 shared with others stay." in shown
    assert "Nothing was erased." in shown


def test_an_id_that_nothing_is_linked_with_is_said_to_be_so(
    embedded: Broker, tmp_path: Path
) -> None:
    office = Office(embedded, tmp_path)

    done = office.run("--user", "jane-71")

    assert b"Nothing is linked with what was given" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name somebody"),
        (("--user", ""), "is empty"),
        (("--trait", "email=-"), "is empty"),
        (("--token", "jane-17"), "expected a token"),
        (("--token", "user=x"), "expected a token"),
        (("--trait", "shoe=9"), "expected a token, or one of"),
        (("--user", "null"), "it names nobody"),
        (("--user", "u", "--receipt", "erasure-20261123-aaaaaaaaaaaa"), "or go on with"),
        (("--receipt", "erasure-20261123-aaaaaaaaaaaa"), "no such erasure"),
        (("verify", "what"), "no such erasure"),
    ],
)
def test_what_cannot_be_erased_is_said_and_nothing_done(
    embedded: Broker, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    office = Office(embedded, tmp_path)

    done = office.run(*(each.replace("jane-17", "nobody") for each in arguments))

    assert done.returncode == 2
    assert told in done.stderr.decode()
    assert not office.audit.exists()


def test_without_a_key_ring_nobody_can_be_named(embedded: Broker, tmp_path: Path) -> None:
    topics: TopicSettings = embedded.topics()
    variables = {
        "STREAMPROC_KAFKA_BROKERS": embedded.bootstrap,
        "STREAMPROC_TOPICS_SUPPRESSED": topics.suppressed,
    }

    done = run(variables, tmp_path, "erase", "--user", "jane-17")

    assert done.returncode == 2
    assert b"no key ring is configured" in done.stderr
