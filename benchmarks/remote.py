"""What remote sounds cost: local opening before and now, and tagging from an S3 server with a slow network.

Run: ``python benchmarks/remote.py --before PATH_OF_AN_OLDER_CHECKOUT``

The server is moto's, on this machine, behind a relay that holds back each answer. All figures are taken in one run:
opening in turns by the two versions, each in a process of its own; tagging from disk, and from the server with and
without fetching ahead, each with an empty cache.
"""

from __future__ import annotations

import argparse
import http.client
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

ROUNDS = 3
OPENED = """
import sys, time
from pathlib import Path
from audiotag.audio.reading import read_crop, read_header, read_sound
path = Path(sys.argv[1])
for read in (lambda: read_header(path), lambda: read_crop(path, 100, 4000), lambda: read_sound(path)):
    for _ in range(20):
        read()
    took = []
    for _ in range(5):
        began = time.process_time()  # of this process alone, whatever else the machine does
        for _ in range(100):
            read()
        took.append((time.process_time() - began) / 100)
    print(min(took) * 1e6)
"""


def time_opening(before: Path, sound: Path) -> None:
    """Print the microseconds of processor time that opening a local WAV takes in an older checkout and in this one."""
    here = Path(__file__).parents[1]
    took: dict[Path, list[list[float]]] = {before: [], here: []}
    for _ in range(ROUNDS):
        for root in took:
            done = subprocess.run(
                [sys.executable, "-c", OPENED, str(sound)],
                env=os.environ | {"PYTHONPATH": str(root)},
                capture_output=True,
                text=True,
                check=True,
            )
            took[root].append([float(line) for line in done.stdout.split()])
    for number, what in enumerate(("header", "crop", "whole sound")):
        old, new = (min(one[number] for one in took[root]) for root in (before, here))
        print(f"{what:12} {old:7.1f} µs before, {new:7.1f} µs now ({new / old:.3f})")


def slow_relay(target: str, latency_s: float) -> ThreadingHTTPServer:
    """A server on this machine that passes questions on, and holds back each answer."""

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection(target)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            time.sleep(latency_s)
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            is_head = self.command == "HEAD"
            self.send_header(
                "Content-Length", answer.getheader("Content-Length", "0") if is_head else str(len(content))
            )
            self.end_headers()
            if not is_head:
                self.wfile.write(content)
            connection.close()

        do_GET = do_HEAD = pass_on

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def time_tagging(clips: int, latency_s: float, folder: Path) -> None:
    """Print clips per second from disk, and from a server with this latency."""
    import boto3
    import soundfile
    from moto.server import ThreadedMotoServer

    from audiotag.data.remote_folders import localise
    from audiotag.remote.ahead import fetch_ahead
    from audiotag.tagging import bulk
    from audiotag.tagging.ensemble import find_ensemble
    from audiotag.tagging.sound_files import sound_files
    from audiotag.tagging.tagger import Tagger

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys)
    client.create_bucket(Bucket="clips")
    rng = np.random.default_rng(0)
    for number in range(clips):
        path = folder / "clips" / f"{number:05}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.1 * rng.normal(size=44_100), 44_100)
        client.put_object(Bucket="clips", Key=f"sounds/{path.name}", Body=path.read_bytes())
    relay = slow_relay(f"{host}:{port}", latency_s)
    os.environ |= {name.upper(): value for name, value in keys.items()} | {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{relay.server_address[1]}",
    }
    began = time.perf_counter()
    remote = localise("s3://clips/sounds")
    print(f"listing {clips} objects: {time.perf_counter() - began:.2f} s, with the first connection")
    tagger = Tagger(find_ensemble("starter"))
    scores: list[bytes] = []
    rates: dict[str, list[float]] = {
        name: [] for name in ("disk", "server, one after the other", "server, fetched ahead")
    }
    for turn in range(3):
        for what, root, is_ahead in zip(rates, (folder / "clips", remote, remote), (True, False, True), strict=True):
            os.environ["AUDIOTAG_REMOTE_CACHE"] = str(folder / f"cache-{turn}-{is_ahead}")
            bulk.fetch_ahead = fetch_ahead if is_ahead else _as_they_are
            began = time.perf_counter()
            tags = [result.tags for result in bulk.tag_files(tagger, sound_files([root]))]
            rates[what].append(clips / (time.perf_counter() - began))
            found = [b"" if one is None else one.scores.tobytes() for one in tags]
            scores = scores or found
            assert scores == found, "scores differ"
    for what, each in rates.items():
        print(f"{what:28} {statistics.median(each):7.1f} clips/s (of {', '.join(f'{rate:.1f}' for rate in each)})")
    relay.shutdown()
    moto.stop()


def _as_they_are(items: Iterable[Any], path_of: Callable[[Any], Path]) -> Iterator[Any]:
    """`audiotag.remote.ahead.fetch_ahead` without fetching."""
    yield from items


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="an older checkout, to compare opening with")
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["AUDIOTAG_HOME"] = str(Path(name) / "home")
        if options.before:
            import soundfile

            soundfile.write(Path(name) / "a.wav", 0.1 * np.random.default_rng(0).normal(size=44_100), 44_100)
            time_opening(options.before.resolve(), Path(name) / "a.wav")
        time_tagging(options.clips, options.latency_ms / 1000, Path(name))


if __name__ == "__main__":
    main()
