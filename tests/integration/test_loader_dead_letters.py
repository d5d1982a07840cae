from brokers import Broker

from streamproc.events import DeadLetter, Micros, Origin
from streamproc.kafka.codecs import decode_dead_letter
from streamproc.settings import KafkaSettings, Settings
from streamproc.warehouse.loading.dead import DeadLetterProducer


def letter(offset: int, sealed: bytes) -> DeadLetter:
    origin = Origin("load", 0, offset)
    return DeadLetter("load", "not_ours", "", origin, Micros(0), "", b"null", sealed)


def test_an_original_too_large_for_the_topic_is_left_out_of_its_letter(embedded: Broker) -> None:
    topics = embedded.topics("dead")
    settings = Settings(kafka=KafkaSettings(brokers=embedded.bootstrap), topics=topics)
    producer = DeadLetterProducer(settings)
    for offset, size in enumerate((100, 9_000_000, 100)):
        producer.send(letter(offset, b"x" * size))
    producer.flush()
    letters = [decode_dead_letter(record.value) for record in embedded.consume_all(topics.dead)]
    assert sorted((found.origin.offset, len(found.sealed or b"")) for found in letters) == [
        (0, 100),
        (1, 0),
        (2, 100),
    ]
