"""``mfh weights``: the model files, where they are, and whether they are the right ones."""

import typer

app = typer.Typer(help="Model files: list, fetch, verify.")


@app.command("list")
def list_() -> int:
    """List."""
    return 0
