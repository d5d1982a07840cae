"""The reference of settings in the README, made from the code.

python tests/docs/reference.py    writes it into the README
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from streamproc.settings import Settings, setting_names, variable_name

README = Path(__file__).parents[2] / "README.md"
BETWEEN = re.compile(r"(?<=<!-- settings -->\n).*(?=<!-- /settings -->)", re.DOTALL)


def reference() -> str:
    """Return the table of all settings."""
    lines = ["| setting | default | meaning |", "| --- | --- | --- |"]
    defaults = Settings()
    for section, name in setting_names():
        table = getattr(defaults, section)
        meaning = type(table).model_fields[name].description or ""
        lines.append(
            f"| `{section}.{name}` | {_shown(getattr(table, name))} | {' '.join(meaning.split())} |"
        )
    example = variable_name("kafka", "brokers")
    return "\n".join(lines) + f"\n\nThe variable of `kafka.brokers` is `{example}`, and so on.\n"


def _shown(value: Any) -> str:
    return "" if value is None or isinstance(value, SecretStr) else f"`{value}`"


def main() -> None:
    """Write the reference into the README."""
    text = README.read_text(encoding="utf-8")
    README.write_text(BETWEEN.sub(lambda _: reference(), text), encoding="utf-8")


if __name__ == "__main__":
    main()
