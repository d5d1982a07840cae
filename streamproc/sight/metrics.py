"""Every metric: its name, unit, meaning, labels. What is measured is measured under one of these.

Names end in their unit, counters in ``_total`` (https://prometheus.io/docs/practices/naming/). No
label ever holds a value of an event: topics, partitions, stages, codes, entities and rules are what
people wrote into settings, rules and code, and a path is cut down to its family
(:func:`~streamproc.sight.families.family`).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["METRICS", "Kind", "Metric", "Role"]

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Role: TypeAlias = Literal["any", "worker", "loader", "canary"]


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: As Prometheus has it, unit included.
        kind: What may be done with it.
        role: Which process has it.
        doc: What it says, one line.
        labels: Names of its labels.
        buckets: Of a histogram the upper bounds, ascending, without the infinite one.
    """

    name: str
    kind: Kind
    role: Role
    doc: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 86_400)
"""From a batch of few events to a day's outage."""
COUNTS: Final = (1, 5, 10, 25, 50, 100, 200, 300, 400, 500, 1_000, 2_500, 5_000)
ROWS: Final = (1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000)

# -- every process --------------------------------------------------------------------------------

BUILD_INFO: Final = Metric(
    "streamproc_build_info", "gauge", "any", "1; the version that runs.", ("version",)
)
RULESET_INFO: Final = Metric(
    "streamproc_ruleset_info",
    "gauge",
    "worker",
    "1; the ruleset that took over last.",
    ("name", "fingerprint"),
)
KEY_VERSION: Final = Metric(
    "streamproc_key_version",
    "gauge",
    "worker",
    "1; the key new tokens are made with.",
    ("version",),
)

# -- the worker -----------------------------------------------------------------------------------

EVENTS: Final = Metric(
    "streamproc_events_total",
    "counter",
    "worker",
    "Raw records whose outcome the brokers have acknowledged: `row`, `dead` letter, `dropped`.",
    ("outcome",),
)
INPUT_BYTES: Final = Metric(
    "streamproc_input_bytes_total", "counter", "worker", "Bytes of the values of those records."
)
OUTPUT_BYTES: Final = Metric(
    "streamproc_output_bytes_total",
    "counter",
    "worker",
    "Bytes of the values made of them, by what the topic is for: `load`, `dead`, `links`.",
    ("topic",),
)
STAGE_SECONDS: Final = Metric(
    "streamproc_stage_seconds_total",
    "counter",
    "worker",
    "Time batches spent in each stage; stages of several partitions overlap.",
    ("stage",),
)
BATCH_EVENTS: Final = Metric(
    "streamproc_batch_events", "histogram", "worker", "Records of one batch.", (), COUNTS
)
BATCH_SECONDS: Final = Metric(
    "streamproc_batch_seconds",
    "histogram",
    "worker",
    "From when a batch was taken to when all made of it was acknowledged.",
    (),
    SECONDS,
)
FINDINGS: Final = Metric(
    "streamproc_findings_total",
    "counter",
    "worker",
    "Findings that a rule was applied to; `family` is where in the event, such as `properties`.",
    ("entity", "rule", "family"),
)
DEAD_LETTERS: Final = Metric(
    "streamproc_dead_letters_total",
    "counter",
    "worker",
    "Dead letters by the stage that refused and its code.",
    ("stage", "code"),
)
DROPPED: Final = Metric(
    "streamproc_dropped_total", "counter", "worker", "Events that a rule dropped.", ("rule",)
)
UNUSABLE_IDS: Final = Metric(
    "streamproc_unusable_ids_total",
    "counter",
    "worker",
    "Ids, traits and accounts that named nobody.",
    ("reason",),
)
LAG: Final = Metric(
    "streamproc_lag_records",
    "gauge",
    "worker",
    "Records of a partition that are not done yet.",
    ("topic", "partition"),
)
PARTITIONS: Final = Metric(
    "streamproc_partitions", "gauge", "worker", "Partitions of the raw topic this worker has."
)
INFLIGHT: Final = Metric(
    "streamproc_inflight_batches", "gauge", "worker", "Batches taken and not acknowledged yet."
)
MEMO_LOOKUPS: Final = Metric(
    "streamproc_memo_lookups_total",
    "counter",
    "worker",
    "Values looked up in the memory of earlier ones: `hit`, or `miss` and searched.",
    ("memo", "result"),
)
MEMO_ENTRIES: Final = Metric(
    "streamproc_memo_entries", "gauge", "worker", "Values remembered.", ("memo",)
)
NAMES_TEXTS: Final = Metric(
    "streamproc_names_texts_total",
    "counter",
    "worker",
    "Texts searched, by whether the language model `read` them for names, or they are no prose"
    " and it was `spared`.",
    ("result",),
)
LATENCY: Final = Metric(
    "streamproc_latency_seconds",
    "histogram",
    "any",
    "Age of rows once the loader topic or the warehouse had them, from the event's `received_at`"
    " or its raw record's timestamp; the worker says `loader_topic`, the loader `warehouse`.",
    ("to", "from"),
    SECONDS,
)
HOT_KEY_SHARE: Final = Metric(
    "streamproc_hot_key_share",
    "gauge",
    "worker",
    "Share of the busiest key's events in the last window, 0 to 1.",
)

# -- the loader -----------------------------------------------------------------------------------

LOADER_ROWS: Final = Metric(
    "streamproc_loader_rows_total",
    "counter",
    "loader",
    "What became of rows: `loaded`, `duplicate` and left out, `replaced`, `deleted`; `discarded`"
    " are single values that did not fit, `dead` records that were no rows.",
    ("result",),
)
LOADER_BATCH_ROWS: Final = Metric(
    "streamproc_loader_batch_rows", "histogram", "loader", "Records of one batch.", (), ROWS
)
LOADER_BATCH_SECONDS: Final = Metric(
    "streamproc_loader_batch_seconds",
    "histogram",
    "loader",
    "Time of one batch: `fill` while it was gathered, `load` in the warehouse.",
    ("step",),
    SECONDS,
)
LOADER_SPOOLED: Final = Metric(
    "streamproc_loader_spooled_bytes",
    "gauge",
    "loader",
    "Rows that wait for the warehouse, in memory and on disk.",
)
LOADER_LAG: Final = Metric(
    "streamproc_loader_lag_records",
    "gauge",
    "loader",
    "Records of a partition that are not in the warehouse yet.",
    ("topic", "partition"),
)
LOADER_LAG_SECONDS: Final = Metric(
    "streamproc_loader_lag_seconds",
    "gauge",
    "loader",
    "For how long the oldest row that was read has been waiting for the warehouse; 0 if none is.",
)
WAREHOUSE_UP: Final = Metric(
    "streamproc_warehouse_up",
    "gauge",
    "loader",
    "Whether the warehouse answered when it was asked last.",
)
WAREHOUSE_FAULTS: Final = Metric(
    "streamproc_warehouse_faults_total",
    "counter",
    "loader",
    "Questions that the warehouse did not answer and will be asked again.",
)

# -- canaries -------------------------------------------------------------------------------------

CANARIES: Final = Metric(
    "streamproc_canaries_total",
    "counter",
    "canary",
    "Made-up people: `published`, and found `clean`, `leaked` or `late`.",
    ("outcome",),
)
LEAKS: Final = Metric(
    "streamproc_leaks_total",
    "counter",
    "canary",
    "Values of made-up people found where none may be: `row`, `dead_letter`, `warehouse`, `log`,"
    " `metric`.",
    ("where",),
)
CANARY_DETECTION: Final = Metric(
    "streamproc_canary_detection_seconds",
    "histogram",
    "canary",
    "From publishing a made-up person to knowing what became of it.",
    (),
    SECONDS,
)

METRICS: Final[tuple[Metric, ...]] = (
    BUILD_INFO,
    RULESET_INFO,
    KEY_VERSION,
    EVENTS,
    INPUT_BYTES,
    OUTPUT_BYTES,
    STAGE_SECONDS,
    BATCH_EVENTS,
    BATCH_SECONDS,
    FINDINGS,
    DEAD_LETTERS,
    DROPPED,
    UNUSABLE_IDS,
    LAG,
    PARTITIONS,
    INFLIGHT,
    MEMO_LOOKUPS,
    MEMO_ENTRIES,
    NAMES_TEXTS,
    LATENCY,
    HOT_KEY_SHARE,
    LOADER_ROWS,
    LOADER_BATCH_ROWS,
    LOADER_BATCH_SECONDS,
    LOADER_SPOOLED,
    LOADER_LAG,
    LOADER_LAG_SECONDS,
    WAREHOUSE_UP,
    WAREHOUSE_FAULTS,
    CANARIES,
    LEAKS,
    CANARY_DETECTION,
)
