"""``mfh reproduce NAME``: tables share their options; each figure of predictions has its own."""

from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from mfh.errors import InputError
from mfh_lab.cli import figures
from mfh_lab.cli.reproduce import ENTRIES, reproduce

_TABLE = "table"


class _Names(TyperGroup):
    """Hands names of tables to the one command that knows them all."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put that command's name before a table's."""
        return super().parse_args(ctx, routed(args, [name for name in self.commands if name != _TABLE]))


def routed(words: Sequence[str], sprite_names: Sequence[str]) -> list[str]:
    """Return the words with the tables' command in front where they do not name a figure.

    Args:
        words: after ``mfh reproduce``.
        sprite_names: commands of their own.

    Raises:
        InputError: for a name that is neither.
    """
    if not words or words[0] in (*sprite_names, "--help"):
        return list(words)
    if not words[0].startswith("-") and words[0] not in ENTRIES:
        known = ", ".join([*ENTRIES, *sprite_names])
        raise InputError(f"{words[0]!r} is no table or figure of the paper: expected one of {known}")
    return [_TABLE, *words]


app = typer.Typer(
    add_completion=False,
    cls=_Names,
    help="Measure a table or figure of the paper again.",
    rich_markup_mode=None,
)
app.command(_TABLE, help=f"Tables and Figure 5: mfh reproduce {'|'.join(ENTRIES)} [OPTIONS].")(reproduce)
figures.register(app)


@app.callback()
def names() -> None:
    """Tables and figures."""
