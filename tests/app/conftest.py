from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("python_multipart")

from tests.app.live import Live, live_server  # noqa: E402


@pytest.fixture
def live(tmp_path, monkeypatch) -> Iterator[Live]:
    """A server with models that answer at once."""
    with live_server(tmp_path / "temporary", monkeypatch) as one:
        yield one
