import socket

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Nothing here may reach for a network."""

    def refuse(*_arguments: object, **_options: object):
        raise AssertionError("a socket was opened")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture
def street() -> np.ndarray:
    """(120, 160, 3) grey, with a red person (rows 20-99, columns 30-59) and a blue one (50-109, 100-119)."""
    photo = np.full((120, 160, 3), 0.5, np.float32)
    photo[20:100, 30:60] = (0.9, 0.1, 0.1)
    photo[50:110, 100:120] = (0.1, 0.1, 0.9)
    return photo
