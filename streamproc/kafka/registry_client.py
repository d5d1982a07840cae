"""The HTTP client of a schema registry, as the settings have it, and what becomes of its errors.

Importing this costs nothing; confluent-kafka's client is imported when there is one to make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.settings import RegistrySettings

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

__all__ = ["ElsewhereError", "RefusedError", "asked", "make_client"]

T = TypeVar("T")

REQUEST_SECONDS = 10
RETRIES = 2

UNAUTHORIZED: Final = frozenset({401, 403})
REFUSED: Final = frozenset({409, 422})
"""The schema does not fit those that the subject has, or the registry takes none such."""
NOT_FOUND: Final = 404
UNKNOWN: Final = frozenset({40401, 40402, 40403, 40408})
"""Confluent's codes for a subject, a version, a schema or a subject's setting that is none."""


class RefusedError(ConfigError):
    """A schema that the registry does not take."""


class ElsewhereError(RetryableError):
    """What answers is no registry: a mistake in the address, or a proxy before one that is away."""


def make_client(settings: RegistrySettings, retries: int | None = None) -> SchemaRegistryClient:
    """Return a client; it connects when it is first used, and may be used by several threads.

    Args:
        settings: Where, and who we are.
        retries: How often a request that fails is made again; a few times when None.

    Raises:
        ConfigError: Address, credentials or certificates cannot be used.
    """
    from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415

    config: dict[str, object] = {
        "url": settings.url,
        "timeout": REQUEST_SECONDS,
        "max.retries": RETRIES if retries is None else retries,
        **_credentials(settings),
        **_certificates(settings),
    }
    try:
        return SchemaRegistryClient.new_client(config)
    except OSError as error:  # ssl.SSLError is one
        told = f"certificates or key cannot be used: {error.strerror or type(error).__name__}"
        raise ConfigError(Problem("settings", "registry.ssl_ca_file", told)) from None
    except (TypeError, ValueError):  # their texts may quote the address, and a password in it
        told = "expected an address such as http://127.0.0.1:8081, or several with commas between"
        raise ConfigError(Problem("settings", "registry.url", told)) from None


def asked(ask: Callable[[], T], what: str) -> T | None:
    """Return what the registry answers, None if it has no such thing.

    Args:
        ask: Uses the client.
        what: What the request is about, for the text of an error.

    Raises:
        RefusedError: It does not take the schema.
        ConfigError: It refuses us.
        ElsewhereError: It does not know what is asked of it.
        RetryableError: It cannot be reached, or is in trouble.
    """
    from confluent_kafka.schema_registry.error import SchemaRegistryError  # noqa: PLC0415

    try:
        return ask()
    except SchemaRegistryError as error:
        status, code = error.http_status_code, error.error_code
    except Exception as error:  # noqa: BLE001 - whatever its HTTP client meets: all of it may pass
        raise RetryableError(f"schema registry: {type(error).__name__}") from None
    if code in UNKNOWN:
        return None
    if status in UNAUTHORIZED:
        told = f"the schema registry refuses this user (HTTP {status})"
        raise ConfigError(Problem("settings", "registry.username", told))
    if status in REFUSED:
        told = f"the schema registry refuses {what} (HTTP {status})"
        raise RefusedError(Problem("settings", "registry.url", told))
    if status == NOT_FOUND:
        raise ElsewhereError("schema registry: HTTP 404, as of a server that is none")
    raise RetryableError(f"schema registry: HTTP {status}")


def _credentials(settings: RegistrySettings) -> Mapping[str, Any]:
    _together(settings, "username", "password")
    _together(settings, "oauth_url", "oauth_client_id", "oauth_client_secret")
    ways = [settings.username, settings.token, settings.oauth_url]
    if sum(way is not None for way in ways) > 1:
        told = "expected one of user name and password, a token, and oauth_url"
        raise ConfigError(Problem("settings", "registry", told))
    if settings.username is not None and settings.password is not None:
        secret = settings.password.get_secret_value()
        return {"basic.auth.user.info": f"{settings.username}:{secret}"}
    if settings.token is not None:
        return _bearer(
            settings,
            {
                "bearer.auth.credentials.source": "STATIC_TOKEN",
                "bearer.auth.token": settings.token.get_secret_value(),
            },
        )
    if settings.oauth_url is not None and settings.oauth_client_secret is not None:
        return _bearer(
            settings,
            {
                "bearer.auth.credentials.source": "OAUTHBEARER",
                "bearer.auth.issuer.endpoint.url": settings.oauth_url,
                "bearer.auth.client.id": settings.oauth_client_id,
                "bearer.auth.client.secret": settings.oauth_client_secret.get_secret_value(),
                "bearer.auth.scope": settings.oauth_scope or "",
            },
        )
    return {}


def _bearer(settings: RegistrySettings, way: dict[str, Any]) -> Mapping[str, Any]:
    # The client wants the cluster of Confluent Cloud to be told; other registries do not look.
    cloud = {"bearer.auth.logical.cluster": settings.cluster or ""}
    if settings.identity_pool is not None:
        cloud["bearer.auth.identity.pool.id"] = settings.identity_pool
    return {**way, **cloud}


def _certificates(settings: RegistrySettings) -> Mapping[str, Any]:
    files = {
        "ssl.ca.location": settings.ssl_ca_file,
        "ssl.certificate.location": settings.ssl_certificate_file,
        "ssl.key.location": settings.ssl_key_file,
    }
    if settings.ssl_key_file is not None:
        _together(settings, "ssl_key_file", "ssl_certificate_file")
    return {name: str(file) for name, file in files.items() if file is not None}


def _together(settings: RegistrySettings, *names: str) -> None:
    """Refuse some of what is needed as a whole, or not at all."""
    missing = [name for name in names if getattr(settings, name) is None]
    if missing and len(missing) < len(names):
        told = f"{' and '.join(names).replace('_', ' ')} are needed all, or none"
        raise ConfigError(Problem("settings", f"registry.{missing[0]}", told))
