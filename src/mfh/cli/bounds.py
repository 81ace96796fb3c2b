"""Numbers on the command line that no command could ever be done with are refused before any work."""

from mfh.errors import InputError

MOST_SCENES = 1_000_000
MOST_SEEDS = 10_000
MOST_WORKERS = 1024
LAST_SEED = 2**63 - 1


def check_number(flag: str, value: int | float | None, least: int | float, most: int | float) -> None:
    """Refuse a number outside a range.

    Args:
        flag: as typed, for the message.
        value: None for not given.
        least: first that is accepted.
        most: last that is accepted.

    Raises:
        InputError: for a number outside, or none at all.
    """
    if value is not None and not least <= value <= most:
        raise InputError(f"{flag} is {value}: expected {least} to {most}")
