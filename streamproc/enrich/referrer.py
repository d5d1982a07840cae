"""What kind of place a visitor came from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import tldextract

from streamproc.enrich.options import ReferrerOptions
from streamproc.events import Json

__all__ = ["Referrers"]

SEARCH: Final = frozenset(
    {"baidu", "bing", "duckduckgo", "ecosia", "google", "kagi", "naver", "qwant", "seznam", "sogou"}
    | {"startpage", "swisscows", "yahoo", "yandex"}
)
"""Names that search engines have under many public suffixes, such as ``google.co.uk``."""

KINDS: Final = {
    "search": {"search.brave.com"},
    "social": {
        *("bsky.app", "facebook.com", "fb.com", "instagram.com", "linkedin.com", "lnkd.in"),
        *("mastodon.social", "news.ycombinator.com", "pinterest.com", "quora.com", "reddit.com"),
        *("t.co", "threads.net", "tiktok.com", "tumblr.com", "twitter.com", "vk.com", "weibo.com"),
        *("x.com", "xing.com", "youtu.be", "youtube.com"),
    },
    "email": {
        *("mail.google.com", "mail.proton.me", "mail.yahoo.com", "mail.zoho.com"),
        *("outlook.live.com", "outlook.office.com", "outlook.office365.com", "webmail.gmx.net"),
    },
    "assistant": {
        *("chat.mistral.ai", "chatgpt.com", "claude.ai", "copilot.microsoft.com"),
        *("gemini.google.com", "perplexity.ai"),
    },
}
"""Hosts by kind, those below them too; the longest that matches counts: ``mail.google.com`` is no
search. Gathered in November 2026 from what these services call themselves."""

HOSTS: Final = {host: kind for kind, hosts in KINDS.items() for host in hosts}

KEPT: Final = 10_000
LONGEST: Final = 8_192
NOTHING: Final[Mapping[str, Mapping[str, Json]]] = {}


class Referrers:
    """Reads ``context.page.referrer``."""

    def __init__(self, options: ReferrerOptions) -> None:
        """Read the public suffix list that tldextract is packaged with; nothing is fetched."""
        self._suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
        self._own = frozenset(name.lower() for name in options.internal)
        self._kind = lru_cache(KEPT)(self._kind_of)

    def read(
        self, _body: Mapping[str, Any], context: Mapping[str, Any]
    ) -> Mapping[str, Mapping[str, Json]]:
        """Return the ``referrer`` of the event: its ``type``, and the ``name`` of a known one.

        The type is ``search``, ``social``, ``email``, ``assistant``, ``internal`` or ``other``.
        """
        page = context.get("page")
        if type(page) is not dict:
            return NOTHING
        host = _host(page.get("referrer"))
        if not host:
            return NOTHING
        kind, name = self._kind(host, _host(page.get("url")))
        return {"referrer": {"type": kind, "name": name}}

    def _kind_of(self, host: str, page: str) -> tuple[str, str | None]:
        found = self._suffixes(host)
        domain = found.top_domain_under_public_suffix or host
        if domain in self._own or host in self._own or (page and domain == self._domain(page)):
            return "internal", None
        labels = host.split(".")
        for start in range(len(labels) - 1):
            kind = HOSTS.get(".".join(labels[start:]))
            if kind is not None:
                return kind, found.domain
        if found.domain in SEARCH:
            return "search", found.domain
        return "other", None

    def _domain(self, host: str) -> str:
        return self._suffixes(host).top_domain_under_public_suffix or host


def _host(url: Any) -> str:
    if type(url) is not str or len(url) > LONGEST:
        return ""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
