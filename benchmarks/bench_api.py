"""The HTTP interface under load: 50 uploads of 2 megapixels at once, the models of preset pocket, on this machine.

Run: python benchmarks/bench_api.py [how many]. Every answer is a result or a 429; printed are seconds, peak memory of
the server (Linux), and what is left of it after it was stopped.
"""

import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from PIL import Image

import mfh

EXAMPLE = Path(mfh.__file__).parent / "examples" / "room" / "rgb.png"
SIZE = (1632, 1224)
QUEUE = 8


def picture() -> bytes:
    """Return the packaged example as a JPEG of 2 megapixels."""
    stream = io.BytesIO()
    with Image.open(EXAMPLE) as image:
        image.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=92)
    return stream.getvalue()


def upload(port: int, photo: bytes) -> tuple[int, float, str]:
    """Return the status of an upload, its seconds, and the id of its result."""
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    begin = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    kind = {"Content-Type": "multipart/form-data; boundary=edge"}
    connection.request("POST", "/v1/depth", head + photo + b"\r\n--edge--\r\n", kind)
    answer = connection.getresponse()
    tree = json.loads(answer.read())
    connection.close()
    return answer.status, time.perf_counter() - begin, tree.get("id", "")


def memory_mb(pid: int, what: str) -> float:
    """Return a line of a process's memory: VmRSS now, VmHWM at its peak; NaN where the system does not say."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    return int(re.findall(rf"{what}:\s+(\d+) kB", text)[0]) / 1e3


def main() -> None:
    """Start a server, send everything at once, stop it, and print what came of it."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    photo = picture()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TMPDIR": folder}
        command = [sys.executable, "-m", "mfh", "serve", "--port", "0", "--quiet", "--queue", str(QUEUE)]
        server = subprocess.Popen([*command, "--time-limit", "600"], stdout=subprocess.PIPE, text=True, env=environment)
        assert server.stdout is not None
        port = int(server.stdout.readline().strip().rpartition(":")[2])
        first = upload(port, photo)
        print(f"{SIZE[0]}x{SIZE[1]}, {len(photo) / 1e6:.1f} MB: alone {first[1]:.1f} s, status {first[0]}")
        one_mb = memory_mb(server.pid, "VmHWM")

        answers: list[tuple[int, float, str]] = []
        threads = [threading.Thread(target=lambda: answers.append(upload(port, photo))) for _ in range(many)]
        begin = time.perf_counter()
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        seconds = time.perf_counter() - begin
        counts = Counter(status for status, _, _ in answers)
        slowest = {status: max(s for code, s, _ in answers if code == status) for status in counts}
        texts = [f"{count} x {status} (slowest {slowest[status]:.1f} s)" for status, count in sorted(counts.items())]
        print(f"{many} at once: {', '.join(texts)}; {seconds:.1f} s in all")
        print(f"peak memory: {one_mb:.0f} MB after one, {memory_mb(server.pid, 'VmHWM'):.0f} MB after all")
        outside = [one.name for one in Path(folder).iterdir() if not one.name.startswith("mfh-serve-")]
        kept = sum(path.is_file() for path in Path(folder).rglob("*"))
        print(f"files while it runs: {kept} of {counts[200] + 1} results, outside of its folder {len(outside)}")
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=120)
        left = sorted(path.name for path in Path(folder).rglob("*"))
        print(f"after it was stopped: code {server.returncode}, {len(left)} files left")
    if set(counts) - {200, 429} or outside or left or server.returncode:
        raise SystemExit("expected results and 429 alone, and nothing left")


if __name__ == "__main__":
    main()
