"""``python -m tests.batch.command batch ...``: the command in a process of its own, with made-up models.

STUB names those, of tests/batch/stub.py; with HERE they are in the same process, which starts sooner.
"""

import os
import sys
from functools import partial

from mfh.batch import local
from tests.batch import stub

if __name__ == "__main__":
    engine = stub.Here if os.environ.get("HERE") else local.LocalEngine
    local.LocalEngine = partial(engine, make=getattr(stub, os.environ.get("STUB", "quick")))
    from mfh.cli.main import main

    sys.exit(main())
