"""Run the ``console`` blocks of Markdown files again, and put what the commands print in the place of the old output.

Every line ``$ command`` of a block is run by bash in one new folder per file, which holds ``docs`` and ``src`` of the
repository; ``mfh`` is the package of this checkout. Seconds differ from run to run.

    python docs/tools/console_blocks.py docs/tutorial.md
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
COLUMNS = "110"

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def rerun(text: str, folder: Path) -> str:
    """Return a text with new output in its console blocks.

    Args:
        text: Markdown.
        folder: where the commands run, one after another.
    """

    def block(match: re.Match[str]) -> str:
        commands = [line[2:] for line in match[1].splitlines() if line.startswith("$ ")]
        return "```console\n" + "".join(f"$ {one}\n{_output(one, folder)}" for one in commands) + "```"

    return _BLOCK.sub(block, text)


def _output(command: str, folder: Path) -> str:
    mfh = f'mfh() {{ "{sys.executable}" -m mfh.cli.main "$@"; }}; python() {{ "{sys.executable}" "$@"; }}\n'
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "COLUMNS": COLUMNS, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-c", mfh + command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = done.stdout.rstrip().splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def main(paths: list[str]) -> None:
    """Run the blocks of each file again and write it."""
    for path in map(Path, paths):
        with tempfile.TemporaryDirectory() as name:
            for kept in ("docs", "src", "examples"):
                (Path(name) / kept).symlink_to(REPOSITORY / kept)
            path.write_text(rerun(path.read_text(encoding="utf-8"), Path(name)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
