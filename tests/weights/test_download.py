"""One file over the network, from a server that cannot be trusted."""

import http.server
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mfh.errors import WeightsError
from mfh.weights import download as weights_download
from mfh.weights.download import download, is_web_address, same_origin

CONTENT = bytes(range(256)) * 2000
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@pytest.fixture
def serve(monkeypatch):
    """Start servers that answer as told; each has ``asked``: path and headers of every request."""
    servers = []
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def start(answer: Answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append((self.path, dict(self.headers)))  # pyright: ignore[reportAttributeAccessIssue]
                answer(self)

            def log_message(self, *_arguments: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked = []  # pyright: ignore[reportAttributeAccessIssue]
        server.url = f"http://127.0.0.1:{server.server_port}"  # pyright: ignore[reportAttributeAccessIssue]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def send(handler, content: bytes, *, status: int = 200, cut: int | None = None, **headers: str) -> None:
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(content))} | headers).items():
        if value:
            handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content[:cut])
    handler.close_connection = True


def get(url: str, part: Path, **options) -> None:
    settings = {"headers": {}, "again": "run it again", "report": lambda done: None, "max_bytes": 10**9} | options
    download(url, part, **settings)


def resuming(tag: str) -> Answer:
    """A server that goes on where it is asked to, as long as its file has this mark."""

    def answer(handler) -> None:
        wanted, own = handler.headers.get("Range"), handler.headers.get("If-Range")
        if wanted and own == tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            about = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
            return send(handler, CONTENT[start:], status=206, ETag=tag, Content_Range=about)
        cut = 100_000 if len(handler.server.asked) == 1 else None
        return send(handler, CONTENT, cut=cut, ETag=tag)

    return answer


def test_it_goes_on_where_it_was_left_if_the_file_is_still_the_same(serve, tmp_path):
    server, part = serve(resuming('"abc"')), tmp_path / "x.part"
    with pytest.raises(
        WeightsError, match=r"the download of x broke off \(the connection closed early\): run it again"
    ):
        get(server.url, part)
    assert part.stat().st_size == 100_000
    seen: list[int] = []
    get(server.url, part, report=seen.append)
    assert part.read_bytes() == CONTENT and seen[0] > 100_000
    assert [headers.get("Range") for _, headers in server.asked] == [None, "bytes=100000-"]
    assert server.asked[1][1]["If-Range"] == '"abc"'
    assert [path.name for path in tmp_path.iterdir()] == ["x.part"]


@pytest.mark.parametrize("left", ["another mark", "no mark", "a damaged mark", "a weak mark"])
def test_it_begins_anew_where_nothing_says_that_the_file_is_the_same(serve, tmp_path, left):
    server, part = serve(resuming('"abc"')), tmp_path / "x.part"
    server.asked.append(("", {}))
    part.write_bytes(b"of another file")
    if left != "no mark":
        marks = {"another mark": '"other"', "a damaged mark": '"' + "x" * 5000, "a weak mark": 'W/"abc"'}
        (tmp_path / "x.part.tag").write_text(marks[left])
    get(server.url, part)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("about", ["bytes 5-9/10", "bytes 100000-9/10", "bytes 100000-511998/512000", "x", ""])
def test_a_server_that_goes_on_elsewhere_is_asked_for_the_whole(serve, tmp_path, about):
    def answer(handler) -> None:
        if handler.headers.get("Range"):
            return send(handler, b"elsewhere", status=206, ETag='"abc"', Content_Range=about)
        return send(handler, CONTENT, ETag='"abc"')

    part = tmp_path / "x.part"
    part.write_bytes(bytes(100_000))
    (tmp_path / "x.part.tag").write_text('"abc"')
    get(serve(answer).url, part)
    assert part.read_bytes() == CONTENT


def test_a_server_that_has_nothing_more_is_asked_for_the_whole(serve, tmp_path):
    def answer(handler) -> None:
        return send(handler, b"", status=416) if handler.headers.get("Range") else send(handler, CONTENT)

    part = tmp_path / "x.part"
    part.write_bytes(bytes(100_000))
    (tmp_path / "x.part.tag").write_text('"abc"')
    get(serve(answer).url, part)
    assert part.read_bytes() == CONTENT


def test_a_file_that_is_whole_is_not_asked_for(serve, tmp_path):
    server, part = serve(resuming('"abc"')), tmp_path / "x.part"
    part.write_bytes(CONTENT)
    get(server.url, part, size_bytes=len(CONTENT))
    assert server.asked == []


@pytest.mark.parametrize("announced", [True, False])
def test_no_more_is_taken_than_was_listed(serve, tmp_path, announced):
    def endless(handler) -> None:
        handler.send_response(200)
        if announced:
            handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        try:
            for _ in range(2000):
                handler.wfile.write(bytes(100_000))
        except OSError:
            pass

    part = tmp_path / "x.part"
    message = "has 1,000,000,000,000 bytes for x, expected" if announced else "sends more than the 300,000 bytes of x"
    for options in ({"size_bytes": 300_000}, {"max_bytes": 300_000}):
        with pytest.raises(WeightsError, match=message):
            get(serve(endless).url, part, **options)
        assert not part.exists() or part.stat().st_size == 0


def test_a_file_of_another_size_than_listed_is_refused_before_it_comes(serve, tmp_path):
    with pytest.raises(WeightsError, match="the server has 512,000 bytes for x, expected 512,001"):
        get(serve(resuming("")).url, tmp_path / "x.part", size_bytes=512_001)


@pytest.mark.parametrize("length", ["x", "-5", "9" * 5000, "1e3", ""])
def test_a_length_that_is_none_is_not_believed(serve, tmp_path, length):
    def answer(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", length)
        handler.end_headers()
        handler.wfile.write(CONTENT)
        handler.close_connection = True

    try:
        get(serve(answer).url, tmp_path / "x.part")
    except WeightsError as error:
        assert "broke off" in str(error)
    else:
        assert (tmp_path / "x.part").read_bytes() == CONTENT


def test_a_server_that_hardly_sends_anything_is_given_up(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(weights_download, "_WATCH_S", 0.2)
    stop = threading.Event()

    def dripping(handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not stop.wait(0.02):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return

    with pytest.raises(WeightsError, match="broke off .hardly anything comes."):
        get(serve(dripping).url, tmp_path / "x.part")
    stop.set()


def test_permissions_stay_with_their_host(serve, tmp_path):
    other = serve(lambda handler: send(handler, CONTENT))

    def answer(handler) -> None:
        if handler.path == "/here":
            return send(handler, CONTENT)
        where = f"{other.url}/there" if handler.path == "/away" else "/here"
        return send(handler, b"", status=302, Location=where)

    own = serve(answer)
    secret = {"Authorization": "Bearer secret", "Cookie": "secret", "X-Own": "secret"}
    get(f"{own.url}/away", tmp_path / "a.part", headers=secret)
    get(f"{own.url}/within", tmp_path / "b.part", headers=secret)
    assert [path for path, _ in own.asked] == ["/away", "/within", "/here"]
    assert own.asked[2][1]["Authorization"] == "Bearer secret"
    ((_, headers),) = other.asked
    assert "secret" not in str(headers) and (tmp_path / "a.part").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "where", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "http:///x", "x://y", "//[::1"]
)
def test_it_is_not_led_elsewhere_than_to_the_web(serve, tmp_path, where):
    server = serve(lambda handler: send(handler, b"", status=302, Location=where))
    with pytest.raises(WeightsError, match="refused, expected an address with https|broke off"):
        get(server.url, tmp_path / "x.part")
    assert not (tmp_path / "x.part").exists()


def test_it_is_not_led_in_circles(serve, tmp_path):
    server = serve(lambda handler: send(handler, b"", status=302, Location="/again"))
    with pytest.raises(WeightsError, match="broke off"):
        get(server.url, tmp_path / "x.part")
    assert len(server.asked) < 20


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "x", "http://127.0.0.1:1/", "http://a b/", "http://127.0.0.1:x/"]
)
def test_an_address_that_is_none_is_one_line(tmp_path, url):
    with pytest.raises(WeightsError, match="the download of x broke off") as caught:
        get(url, tmp_path / "x.part")
    assert "\n" not in str(caught.value) and not (tmp_path / "x.part").exists()


def test_which_addresses_are_of_the_web_and_of_one_server():
    assert is_web_address("https://a/b", like="http://c") and is_web_address("http://a", like="http://c")
    for url in ("http://a", "file:///a", "ftp://a", "https:///a", "https://[", ""):
        assert not is_web_address(url, like="https://c")
    assert same_origin("https://a/x", "https://a/y")
    assert not same_origin("https://a/x", "http://a/x") and not same_origin("https://a:1/x", "https://a:2/x")
