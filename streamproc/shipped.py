"""Where the files shipped with the package lie: the default rules and the schemas."""

from pathlib import Path

__all__ = ["shipped"]

PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Return the path of ``rules/…`` or ``schemas/…`` as it was shipped.

    A wheel carries them inside the package; a checkout has them at its top.

    Raises:
        FileNotFoundError: The installation is incomplete.
    """
    for root in (PACKAGE / "_shipped", PACKAGE.parent):
        if (path := root / name).exists():
            return path
    raise FileNotFoundError(f"{name} is missing from this installation of streamproc")
