"""Model files: the catalog, the cache, how they get there, and the networks that come with the package."""

from pathlib import Path

EMBEDDED = Path(__file__).parent / "data"
"""Folder of the networks that come with the package."""
