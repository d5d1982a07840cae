"""The campaign that a page was reached by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from streamproc.events import Json

__all__ = ["campaign"]

PARAMETERS: Final = {
    "utm_campaign": "name",
    "utm_source": "source",
    "utm_medium": "medium",
    "utm_term": "term",
    "utm_content": "content",
}
"""Of a URL, as fields of ``context.campaign`` in the event spec."""

MOST_PARAMETERS: Final = 200
NOTHING: Final[Mapping[str, Mapping[str, Json]]] = {}


def campaign(
    body: Mapping[str, Any], context: Mapping[str, Any]
) -> Mapping[str, Mapping[str, Json]]:
    """Return the ``campaign`` of the page's URL, or of its query; of a name the last counts."""
    page = context.get("page")
    if type(page) is not dict:
        page = body.get("properties") if body.get("type") == "page" else None
    if type(page) is not dict:
        return NOTHING
    query = _query(page)
    if "utm_" not in query:
        return NOTHING
    try:
        pairs = parse_qsl(query, max_num_fields=MOST_PARAMETERS)
    except ValueError:  # more parameters than anyone writes
        return NOTHING
    found: dict[str, Json] = {
        PARAMETERS[name]: value for name, value in pairs if name in PARAMETERS
    }
    return {"campaign": found} if found else NOTHING


def _query(page: Mapping[str, Any]) -> str:
    url = page.get("url")
    if type(url) is str:
        try:
            return urlsplit(url).query
        except ValueError:  # such as a bracket that is not closed
            return ""
    search = page.get("search")
    return search.removeprefix("?") if type(search) is str else ""
