"""The floor: what cannot be saved. Read the files, let libyaml parse them into events and nothing more, write JSON of
the same size, digest it.

    python floor.py check FILE…            as above
    python floor.py build FOLDER FILE…     also writes as many bytes into FOLDER as a build of these files does
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import orjson
from yaml.cyaml import CParser


def main() -> None:
    purpose, *names = sys.argv[1:]
    out = None
    outputs: list[bytes] = []
    if purpose == "build":
        out = Path(names.pop(0))
        out.mkdir(parents=True, exist_ok=True)
        outputs = [b"x" * int(size) for size in names.pop(0).split(",")]
    data = orjson.loads(Path(names.pop(0)).read_bytes())
    for index, name in enumerate(names):
        text = Path(name).read_bytes().decode()
        CParser(text).raw_parse()
        hashlib.sha256(orjson.dumps(data)).hexdigest()
        if out is not None:
            for part, content in enumerate(outputs):
                (out / f"{index}_{part}").write_bytes(content)


main()
