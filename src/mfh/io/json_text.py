"""Plain values as JSON text that any UTF-8 stream or file takes."""

import json


def json_text(value: object) -> str:
    """Return indented JSON; bytes of file names that were no UTF-8 become JSON's own escapes.

    Args:
        value: of dicts, lists, text and finite numbers.

    Raises:
        ValueError: for a number that is not finite.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
