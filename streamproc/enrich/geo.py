"""Where an address is, by a database in MaxMind's format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import maxminddb

from streamproc.enrich.options import GeoOptions
from streamproc.errors import ConfigError, Problem
from streamproc.events import Json

__all__ = ["Locations"]

LANGUAGE: Final = "en"
NOTHING: Final[Mapping[str, Mapping[str, Json]]] = {}


class Locations:
    """Reads ``context.ip``.

    The file is read once, and what its content is joins the fingerprint of rows: a row can be made
    again with the same file alone. A new one is taken at the next start.

    Attributes:
        version: The database's type and the time it was built.
    """

    def __init__(self, options: GeoOptions) -> None:
        """Read the database.

        Raises:
            ConfigError: It is not there, or it is none.
        """
        try:
            self._reader = maxminddb.open_database(options.file, maxminddb.MODE_MMAP)
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            raise ConfigError(Problem(str(options.file), "", message)) from None
        except maxminddb.InvalidDatabaseError:
            message = "is no database in MaxMind's format"
            raise ConfigError(Problem(str(options.file), "", message)) from None
        described = self._reader.metadata()
        self.version = f"{described.database_type} {described.build_epoch}"
        self._fields = options.fields

    def read(
        self, _body: Mapping[str, Any], context: Mapping[str, Any]
    ) -> Mapping[str, Mapping[str, Json]]:
        """Return the event's ``location``: ISO 3166 codes of country and region, a city's name.

        Codes, because a name such as Georgia or Victoria is taken for a person's in redaction.
        """
        address = context.get("ip")
        if type(address) is not str:
            return NOTHING
        try:
            found = self._reader.get(address)
        except ValueError:  # no address
            return NOTHING
        if type(found) is not dict:
            return NOTHING
        place = _place(found)
        return {"location": {name: place[name] for name in self._fields}}


def _place(found: Mapping[str, Any]) -> Mapping[str, Json]:
    regions = found.get("subdivisions") or [{}]
    return {
        "country": found.get("country", {}).get("iso_code"),
        "region": regions[0].get("iso_code"),
        "city": found.get("city", {}).get("names", {}).get(LANGUAGE),
    }
