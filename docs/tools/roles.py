"""A hook of mkdocs: Sphinx roles of docstrings, as :class:`mfh.types.Photo`, are shown as plain code."""

import re

_ROLE = re.compile(r":(?:class|func|meth|attr|mod):<code>~?([^<]+)</code>")


def on_page_content(html: str, **_: object) -> str:
    """Return the page without role names."""
    return _ROLE.sub(lambda match: f"<code>{match[1].rpartition('.')[2]}</code>", html)
