"""Verbs of the research package, ``mfh_lab``: listed with the others, imported when one of them is called."""

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

RESEARCH = {
    "evaluate": ("mfh_lab.cli.evaluate:app", "Measure this method, or another, where the truth is known."),
    "reproduce": ("mfh_lab.cli.reproduce:app", "Measure a table or figure of the paper again."),
    "study": (
        "mfh_lab.cli.study:app",
        "Ask people which method's depth looks most reasonable, blindly, and count their answers.",
    ),
    "annotate": (
        "mfh_lab.cli.annotate:app",
        "Label camera angle and distance of shot of each photo; every click is in the CSV at once.",
    ),
    "pocket": ("mfh_lab.cli.pocket:app", "The pocket world: scenes with exact metric depth."),
}
"""Verb -> where its Typer app is, and its line in ``mfh --help``."""


class WithResearch(TyperGroup):
    """A group of commands whose research verbs cost no import before they are called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return [*super().list_commands(ctx), *RESEARCH]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or None for an unknown name."""
        if cmd_name not in RESEARCH:
            return super().get_command(ctx, cmd_name)
        module, _, name = RESEARCH[cmd_name][0].partition(":")
        command = typer.main.get_command(getattr(importlib.import_module(module), name))
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands in the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(80)) for name, one in self.commands.items()])
        with formatter.section("Research"):
            formatter.write_dl([(name, line) for name, (_, line) in RESEARCH.items()])
