"""``mfh doctor``."""


def doctor() -> int:
    """Doctor."""
    return 0
