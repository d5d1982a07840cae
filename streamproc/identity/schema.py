"""The language of the identity configuration as a JSON Schema, for editors."""

from __future__ import annotations

from typing import Any

from streamproc.identity.language import IdentityConfig
from streamproc.rules.schema import tidied

__all__ = ["identity_schema"]


def identity_schema() -> dict[str, Any]:
    """Return the schema, draft 2020-12."""
    made = IdentityConfig.model_json_schema(by_alias=True)
    draft = "https://json-schema.org/draft/2020-12/schema"
    schema: dict[str, Any] = tidied({"$schema": draft, **made})
    return schema
