"""The one place of this room that opens files."""

from __future__ import annotations

import os

from rsppc.turnplan.bundle import FILES, BundleFault, LoadedBundle, read_bundle

_FILE_SIZE_MAX = 1 << 28


def load_bundle(path: str | os.PathLike[str], *, digest: str | None = None) -> LoadedBundle | BundleFault:
    """The bundle in a folder that `rsppc build` wrote; `digest` is the one that it must have, where it is known."""
    files: dict[str, bytes] = {}
    for name in FILES:
        try:
            with open(os.path.join(path, name), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > _FILE_SIZE_MAX:
                    return BundleFault(file=name, path="", message=f"it is larger than {_FILE_SIZE_MAX} bytes")
                files[name] = file.read(size + 1)
        except FileNotFoundError:
            continue
        except OSError as error:
            return BundleFault(file=name, path="", message=(error.strerror or "it cannot be read").lower())
    return read_bundle(files, digest=digest)
