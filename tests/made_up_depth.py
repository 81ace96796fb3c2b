"""The name under which the tests of the research's commands know it."""

from tests.toy_world import with_depth

__all__ = ["with_depth"]
