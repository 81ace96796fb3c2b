"""A proxy on this machine: it forwards requests with whole addresses, and tunnels those of ``CONNECT``.

Hosts that exist nowhere lead to ``target``, so that what arrives there came through the proxy.
"""

import http.client
import http.server
import socket
import threading
from urllib.parse import urlsplit


class FakeProxy(http.server.BaseHTTPRequestHandler):
    """Keeps the methods and addresses that it was asked for."""

    target = ("", 0)
    asked: list[tuple[str, str]] = []

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self._forward()

    def do_HEAD(self) -> None:
        self._forward()

    def do_CONNECT(self) -> None:
        type(self).asked.append(("CONNECT", self.path))
        with socket.create_connection(type(self).target, timeout=20) as there:
            self.send_response(200, "Connection established")
            self.end_headers()
            back = threading.Thread(target=_pour, args=(there, self.connection), daemon=True)
            back.start()
            _pour(self.connection, there)
            back.join(20)
        self.close_connection = True

    def _forward(self) -> None:
        type(self).asked.append((self.command, self.path))
        address = urlsplit(self.path)
        connection = http.client.HTTPConnection(*type(self).target, timeout=20)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "proxy-connection"}
        connection.request(self.command, address._replace(scheme="", netloc="").geturl(), headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _pour(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until either side is done."""
    try:
        while content := source.recv(1 << 16):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
