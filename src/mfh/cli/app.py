"""The ``mfh`` command: typed options, one line for every error, never a traceback."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from mfh import __version__
from mfh.cli.batch import batch
from mfh.cli.command_line import note
from mfh.cli.convert import convert
from mfh.cli.demo import demo
from mfh.cli.doctor import doctor
from mfh.cli.exits import EXIT_INPUT, EXIT_INTERRUPTED, failure_line
from mfh.cli.interruption import LINE as INTERRUPTED
from mfh.cli.interruption import leave_with
from mfh.cli.json_answer import expect, print_failure
from mfh.cli.predict import predict
from mfh.cli.refit import refit
from mfh.cli.report import report
from mfh.cli.research import WithResearch
from mfh.cli.serve import app as app_command
from mfh.cli.serve import serve
from mfh.cli.verify import verify
from mfh.cli.video import video
from mfh.cli.weights import app as weights_app
from mfh.errors import printable

# Without rich, which would double the time to --help.
app = typer.Typer(
    name="mfh",
    cls=WithResearch,
    help="Metric depth from one photo: the people in it are the scale.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(predict)
app.command()(batch)
app.command()(video)
app.command()(refit)
app.command()(report)
app.command()(convert)
app.command("app")(app_command)
app.command()(serve)
app.command()(verify)
app.command()(demo)
app.command()(doctor)
app.add_typer(weights_app, name="weights")


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"mfh {__version__}")
        raise typer.Exit()
    return wanted


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Metric depth from one photo: the people in it are the scale."""


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code.

    Args:
        arguments: words after ``mfh``.
    """
    words = list(arguments)
    expect(words)
    note(words)
    try:
        code = app(args=words or ["--help"], prog_name="mfh", standalone_mode=False)
        if code == EXIT_INTERRUPTED:
            # Typer's word for Ctrl-C, which it swallows.
            return _fail(INTERRUPTED, EXIT_INTERRUPTED)
        return code if isinstance(code, int) else 0
    except typer.TyperException as error:
        # A wrong word on the command line: an unknown flag, a number that is none, an unknown command.
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "mfh"
        message = " ".join(error.format_message().split()).rstrip(".").replace("Value error, ", "")
        return _fail(f"{message}; see {command} --help", EXIT_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        return _fail(INTERRUPTED, EXIT_INTERRUPTED)
    except Exception as error:
        return _fail(*failure_line(error))


def _fail(line: str, code: int) -> int:
    print_failure(line)
    print(f"mfh: {printable(line)}", file=sys.stderr)
    if code == EXIT_INTERRUPTED:
        # Printed once, however often it is pressed.
        leave_with(code)
    return code
