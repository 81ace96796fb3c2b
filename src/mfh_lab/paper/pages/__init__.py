"""Pages that run in a browser with no network: their parts lie beside this file."""

import json
from collections.abc import Mapping
from importlib.resources import files

CONTENT_POLICY = (
    "default-src 'none'; img-src 'self' data: file:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src {connect}; base-uri 'none'; form-action 'none'"
)


def build(name: str, data: Mapping[str, object], *, connect: str = "'none'") -> str:
    """Return one of the pages as a single HTML text with its style, its script and its data inside.

    Args:
        name: "study" or "annotate".
        data: what the script reads; plain JSON values.
        connect: where the script may send anything: nowhere, or "'self'".

    Returns:
        The page.
    """
    parts = files(__name__)
    # Nothing inside a JSON text can end the script element it stands in.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return _filled(
        parts.joinpath(f"{name}.html").read_text(encoding="utf-8"),
        {
            "policy": CONTENT_POLICY.format(connect=connect),
            "style": parts.joinpath("look.css").read_text(encoding="utf-8"),
            "script": parts.joinpath(f"{name}.js").read_text(encoding="utf-8"),
            "data": text,
        },
    )


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Put values in place of {{name}} in the template; values are not searched again."""
    parts = template.split("{{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, _, rest = part.partition("}}")
        filled += [values[name], rest]
    return "".join(filled)
