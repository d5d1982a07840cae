"""Where tables are printed whose cells others have written."""

from __future__ import annotations

from rich.console import Console

__all__ = ["plain_console"]


def plain_console(columns: int) -> Console:
    """Return a console that prints texts as they are; ``columns`` wide where it is no terminal.

    What stands in a message, or names a field, is no markup: ``[/]`` would end the command.
    """
    console = Console(markup=False, emoji=False)
    return console if console.is_terminal else Console(markup=False, emoji=False, width=columns)
