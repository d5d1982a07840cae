"""``streamproc reveal``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from streamproc.cli import settings_of
from streamproc.cli.audit import audit_log

if TYPE_CHECKING:
    from pathlib import Path

    from streamproc.redact.ciphers import Ciphers

__all__ = ["reveal"]

LONGEST_REASON = 500

WHY_NOT = {
    "unknown_key": "made with a key that the key ring does not have",
    "forgotten": "made with a person's key that is not there, or was deleted",
    "damaged": "no ciphertext of this key ring",
}


@click.command()
@click.argument("texts", nargs=-1, required=True, metavar="TEXT…|-")
@click.option("--reason", required=True, help="Why; stands in the audit log.")
@click.pass_context
def reveal(ctx: click.Context, texts: tuple[str, ...], reason: str) -> None:
    """Decrypt what `encrypt` wrote, and write it to the audit log.

    TEXTs are ciphertexts (enc_…), and each one's value is printed on a line; with `-`, JSON lines
    are read from standard input and printed with the ciphertexts in them decrypted. Every
    ciphertext is written to the audit log before its value is printed: by its fingerprint, with
    your user name, the reason and the time. Exits with 1 when some could not be decrypted.
    """
    from streamproc.assemble import load_ciphers

    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise click.BadParameter(
            f"expected 1 to {LONGEST_REASON} characters", param_hint="--reason"
        )
    settings = settings_of(ctx).settings
    desk = Desk(load_ciphers(settings), audit_log(settings.audit.file), reason.strip())
    if texts == ("-",):
        desk.reveal_lines(click.get_text_stream("stdin", encoding="utf-8"))
    else:
        desk.reveal_texts(texts)
    for why, count in desk.refused.items():
        click.echo(f"{count} not revealed: {why}", err=True)
    sys.exit(bool(desk.refused))


class Desk:
    """Where ciphertexts are handed in and values handed out, and each is written down before."""

    def __init__(self, ciphers: Ciphers, log: Path, reason: str) -> None:
        """Open with nothing refused yet."""
        self._ciphers = ciphers
        self._log = log
        self._reason = reason
        self.refused: Counter[str] = Counter()

    def reveal_texts(self, texts: Iterable[str]) -> None:
        """Print the value of each ciphertext."""
        for text in texts:
            value = self._values([text])[text]
            if value is not None:
                click.echo(value)

    def reveal_lines(self, lines: Iterable[str]) -> None:
        """Print JSON lines with the ciphertexts in them decrypted, and all else as it is."""
        from streamproc.redact.ciphers import ENCRYPTED

        for line in lines:
            if not _is_json(line):
                self.refused["a line is not JSON"] += 1
                continue
            found = {match[0] for match in ENCRYPTED.finditer(line)}
            shown = line
            # A ciphertext is letters, so it stands in a JSON string as it is; its value may not.
            for text, value in self._values(sorted(found)).items():
                if value is not None:
                    shown = shown.replace(text, json.dumps(value, ensure_ascii=False)[1:-1])
            click.echo(shown, nl=False)

    def _values(self, texts: Iterable[str]) -> dict[str, str | None]:
        """Return the values of ciphertexts, once they are written down; None if not readable."""
        from datetime import UTC, datetime

        from streamproc.audit import append, entry, fingerprint_of

        values = {}
        entries = []
        for text in texts:
            revealed = self._ciphers.revealed(text)
            values[text] = revealed.value
            if revealed.unreadable is not None:
                self.refused[WHY_NOT[revealed.unreadable]] += 1
                continue
            details = {"ciphertext": fingerprint_of(text), "key": text.split("_")[1]}
            entries.append(entry("reveal", datetime.now(UTC), reason=self._reason, **details))
        if entries:
            append(self._log, entries)
        return values


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
