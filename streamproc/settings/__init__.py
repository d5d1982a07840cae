"""The settings, and the only reader of the environment.

Settings come from three places, the later winning: the defaults (``sections``),
``streamproc.toml``, and variables named ``STREAMPROC_<SECTION>_<SETTING>`` (``reading``). A key or
variable that names no setting is an error, so that a misspelt one cannot be silently ignored. An
edge: the core is told what it needs.
"""

from streamproc.settings.reading import (
    ENV_PREFIX,
    Effective,
    cache_directory,
    load_settings,
    setting_names,
    variable_name,
)
from streamproc.settings.sections import (
    AuditSettings,
    CanarySettings,
    DeadLetterSettings,
    DetectSettings,
    FormatSettings,
    IdentitySettings,
    KafkaSettings,
    KeySettings,
    LimitSettings,
    LoaderSettings,
    LogSettings,
    MetricsSettings,
    RegistrySettings,
    RulesSettings,
    Settings,
    SnowflakeSettings,
    TopicSettings,
    TracesSettings,
    TrackingPlanSettings,
    TransformSettings,
    WorkerSettings,
    deletions_group,
)

__all__ = [
    "ENV_PREFIX",
    "AuditSettings",
    "CanarySettings",
    "DeadLetterSettings",
    "DetectSettings",
    "Effective",
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
    "cache_directory",
    "deletions_group",
    "load_settings",
    "setting_names",
    "variable_name",
]
