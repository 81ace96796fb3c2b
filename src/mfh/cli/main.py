"""The way into the ``mfh`` command: whatever happens in it, its imports included, ends in one line and a code.

Nothing is imported before that is sure. Exit codes: 0 done, 1 a fault in this program, 2 something given cannot be
used, 3 no person to take the scale from, 130 interrupted.
"""

import sys

# Not from typing, whose import takes longer than everything else here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: words after ``mfh``; None for the process's own, whose streams and signals are then looked after too.

    Returns:
        The exit code.
    """
    if arguments is not None:
        from mfh.cli.app import run

        return run(arguments)
    from mfh.cli import interruption

    words = sys.argv[1:]
    options = words[: words.index("--")] if "--" in words else words
    interruption.look_after(expects_json="--json" in options)
    from mfh.cli import streams

    streams.look_after()
    from mfh.cli.app import run

    interruption.raise_it(True)
    try:
        code = run(words)
    except KeyboardInterrupt:
        # Between the last line of the command and here.
        interruption.leave()
    interruption.raise_it(False)
    code = streams.finish(code)
    interruption.leave_with(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
