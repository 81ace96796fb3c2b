"""Model files: the catalog, the cache, downloads and copies, and the networks that are part of the package."""

from pathlib import Path

from mfh.errors import WeightsError

EMBEDDED = Path(__file__).parent / "data"
"""Folder of the networks that are part of the package."""


def check_embedded(file: Path, what: str) -> None:
    """Check that a file of the package is there; ``what`` names it in the message.

    Raises:
        WeightsError: when it is missing.
    """
    if not file.is_file():
        raise WeightsError(f"no {what} at {file}: reinstall metric-from-human, the file is part of it")
