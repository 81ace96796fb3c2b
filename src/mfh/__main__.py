"""``python -m mfh``: the command."""

import sys

from mfh.cli.main import main

sys.exit(main())
