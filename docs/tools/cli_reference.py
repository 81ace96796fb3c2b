"""Write docs/reference/cli.md: every command with its options, by Typer's own generator.

python docs/tools/cli_reference.py
"""

from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from mfh.cli.app import app

PATH = Path(__file__).resolve().parent.parent / "reference" / "cli.md"

_HEAD = "<!-- Made by make docs from the commands themselves: change their help instead. -->\n\n"


def cli_reference() -> str:
    """Return the reference of the command line as Markdown."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="mfh", title="Command line")
    lines = []
    fenced = False
    for line in text.strip().splitlines():
        fenced ^= line.startswith("```")
        lines.append(line if fenced else _without_tags(line))
    return _HEAD + "\n".join(lines) + "\n"


def _without_tags(line: str) -> str:
    """Escape ``<name>`` outside code spans, which a browser takes for a tag."""
    parts = line.split("`")
    return "`".join(part if at % 2 else part.replace("<", "&lt;") for at, part in enumerate(parts))


if __name__ == "__main__":
    PATH.write_text(cli_reference(), encoding="utf-8")
