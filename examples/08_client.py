"""Ask a server for the depth of a photo, and for a length in it: mfh serve, and the standard library alone."""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def ask(url: str, body: bytes | None = None, kind: str = "application/json", token: str = "") -> bytes:
    """Return the answer to a request; waits and asks again where the server is busy."""
    headers = {"Content-Type": kind, **({"Authorization": f"Bearer {token}"} if token else {})}
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 429:
                sys.exit(json.loads(error.read())["error"])
            time.sleep(float(error.headers["Retry-After"]))
        except urllib.error.URLError as error:
            sys.exit(f"no server at {url} ({error.reason}): start one with mfh serve")


def upload(server: str, photo: Path, token: str = "", **options: str) -> Any:
    """Send a photo as a form and return its receipt, and links to its files."""
    lines = [f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{options[name]}\r\n' for name in options]
    lines.append('--edge\r\nContent-Disposition: form-data; name="file"; filename="photo"\r\n\r\n')
    body = "".join(lines).encode() + photo.read_bytes() + b"\r\n--edge--\r\n"
    return json.loads(ask(f"{server}/v1/depth", body, "multipart/form-data; boundary=edge", token))


def main(photo: Path, out: Path, server: str = "http://127.0.0.1:8000", token: str = "") -> None:
    """Write the files of a photo, and print its depth and a length."""
    if not photo.is_file():
        sys.exit(f"no such file: {photo}; expected a picture file")
    answer = upload(server, photo, token, formats="npz,png")
    receipt = answer["receipt"]
    print(f"{receipt['depth_m']['median']:.2f} m median depth, {len(receipt['landmarks'])} landmarks considered")
    out.mkdir(parents=True, exist_ok=True)
    for link in answer["links"].values():
        (out / link.rpartition("/")[2]).write_bytes(ask(server + link, token=token))
    x, y = receipt["size"]["width"] / 2, receipt["size"]["height"] * 0.8
    ends = {"id": answer["id"], "start_xy": [x * 0.5, y], "end_xy": [x * 1.5, y]}
    print(json.loads(ask(f"{server}/v1/measure", json.dumps(ends).encode(), token=token))["text"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/example-08"))
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument("--token", default="")
    main(**vars(parser.parse_args()))
