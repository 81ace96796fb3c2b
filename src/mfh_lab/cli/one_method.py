"""One command of ``mfh`` in a process of its own, which ends with the process that started it.

python -m mfh_lab.cli.one_method PARENT WORDS...
"""

import sys
import threading

from mfh.batch.local import end_with


def main() -> int:
    """Run the command of the words behind the parent's process number; return its exit code."""
    parent, *words = sys.argv[1:]
    threading.Thread(target=end_with, args=(int(parent),), daemon=True).start()
    from mfh.cli.main import main as command

    return command(words)


if __name__ == "__main__":
    sys.exit(main())
