"""An explanation as a tree for people, and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from streamproc.effects.explanation import Explained, Explanation, Piece
from streamproc.effects.reasons import Loss

__all__ = ["explanation_json", "render_explanation"]


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """Return all of it."""
    ruleset = explanation.ruleset
    return {
        "ruleset": {"name": ruleset.name, "fingerprint": ruleset.fingerprint},
        "type": explanation.type,
        "outcome": explanation.outcome,
        "by": explanation.by,
        "tracking_plan": [
            {**violation._asdict(), "action": action}
            for violation, action in explanation.violations
        ],
        "rules": [
            {"rule": rule.name, "in_force": why is None, "because": why}
            for rule in ruleset.rules
            for why in (explanation.elsewhere.get(rule.name),)
        ],
        "fields": [_field_json(field) for field in explanation.fields],
    }


def _field_json(field: Explained) -> dict[str, Any]:
    return {
        **field._asdict(),
        "pieces": [{**piece._asdict(), "lost": _lost_json(piece.lost)} for piece in field.pieces],
        "lost": _lost_json(field.lost),
    }


def _lost_json(lost: Sequence[Loss]) -> list[dict[str, str]]:
    return [loss._asdict() for loss in lost]


def render_explanation(explanation: Explanation, console: Console) -> None:
    """Print it: what becomes of the event, then field by field; those that stay are dim."""
    outcome = f"{explanation.type or 'no event'}: {explanation.outcome}"
    console.print(Text(outcome + (f", {explanation.by}" if explanation.by else ""), style="bold"))
    ruleset = explanation.ruleset
    in_force = len(ruleset.rules) - len(explanation.elsewhere)
    console.print(
        Text(f"ruleset {ruleset.name}, {in_force} of {len(ruleset.rules)} rules in force")
    )
    for name, why in explanation.elsewhere.items():
        console.print(Text(f"  {name}: {why}", style="dim"))
    for violation, action in explanation.violations:
        told = f"tracking plan: {violation.path or 'the event'}, {violation.code}: {action}"
        console.print(Text(told, style="yellow"))
    for field in explanation.fields:
        console.print(_tree(field))


def _tree(field: Explained) -> Tree:
    decided = bool(field.pieces)
    line = Text(field.path, style="bold" if decided else "dim")
    line.append(" (key)" if field.key else "", style="dim")
    line.append(f"  {field.shape}", style="cyan" if decided else "dim")
    if field.result is not None:
        line.append("  \N{RIGHTWARDS ARROW} ", style="dim")
        line.append(field.result, style="green")
    if not decided:
        line.append(f"  {_nothing(field)}", style="dim")
    tree = Tree(line, guide_style="dim")
    if field.without:
        tree.add(Text(f"left out of the search: {', '.join(field.without)}", style="dim"))
    for piece in field.pieces:
        branch = tree.add(_piece(piece, alone=len(field.pieces) == 1))
        for loss in piece.lost:
            branch.add(_loss(loss))
    for loss in field.lost:
        tree.add(_loss(loss))
    return tree


def _nothing(field: Explained) -> str:
    if field.how.startswith("searched"):
        return "nothing found" if field.how == "searched" else "opened: see below"
    return "written by redaction" if field.how == "as a whole" else field.how


def _piece(piece: Piece, *, alone: bool) -> Text:
    line = Text(f"{piece.entity}: {piece.operator} by {piece.rule}")
    if piece.recognizer:
        found = f"  {piece.score:.2f}, {piece.recognizer}, {piece.step}"
        line.append(found, style="dim")
    else:
        line.append("  not searched", style="dim")
    if not alone:
        line.append(f"  {piece.shape}", style="cyan")
        line.append("  \N{RIGHTWARDS ARROW} ", style="dim")
        line.append(piece.result, style="green")
    return line


def _loss(loss: Loss) -> Text:
    return Text(f"not {loss.rule}: {loss.because}", style="dim")
