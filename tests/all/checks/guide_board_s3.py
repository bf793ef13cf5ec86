"""The same command on the same run, once into a folder and once into S3: both give one id and one digest (R-004-32).

The service is moto in a process of its own, so that everything goes over the wire.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from golden_harness import files_below
from workspaces import rsppc

from checks.outcome import Failed, Outcome, outcome

NAME = "guide-board-s3"
NEEDS = ("moto", "obstore")

FIXTURE = Path(__file__).parents[2] / "fixtures/guide-board"
_START_S = 60


def run(folder: Path) -> Outcome:
    with _service(folder) as address:
        urllib.request.urlopen(urllib.request.Request(f"{address}/packages", method="PUT"), timeout=30).close()
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
        service = {"AWS_ENDPOINT_URL": address, **keys}
        said: dict[str, str] = {}
        for name, backend in (("local", "local"), ("s3", "s3://packages/pilot")):
            for words in (
                ("store", "init", "--store", name, "--backend", backend),
                ("store", "schema", "bootstrap", "--store", name),
                ("store", "ingest", "guide-board", str(FIXTURE), "--store", name),
                ("store", "verify", "--store", name),
            ):
                done = rsppc(folder, *words, seconds_max=120, **service)
                if done.returncode != 0:
                    return Failed(f"{name}: `{' '.join(words[:3])}` ends with {done.returncode}", done.stderr.decode())
                if words[1] == "ingest":
                    said[name] = done.stdout.decode()
        package = json.loads(said["s3"])["package_id"]
        rsppc(folder, "store", "get", package, "--store", "s3", "--output", "back", seconds_max=120, **service)
    problems = [] if said["local"] == said["s3"] else [f"local says {said['local']}, s3 says {said['s3']}"]
    if files_below(folder / "back") != files_below(FIXTURE):
        problems.append("what comes back from S3 is not what went in")
    if (folder / "s3/blobs").exists():
        problems.append("content lies in the folder of the store whose content is in S3")
    return outcome(problems, f"both backends give {json.loads(said['s3'])['manifest_digest']}, all files came back")


@contextlib.contextmanager
def _service(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with open(folder / "moto.log", "wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        until = time.monotonic() + _START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError(f"moto did not start: {(folder / 'moto.log').read_text()[-500:]}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
