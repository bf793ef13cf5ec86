"""A disk whose power can be cut: one file in a file system of our own, below a loop device.

A disk has a cache. What was written since it was last told to flush may be there after a power cut, or not, or a part
of it, in any order. The kernel sends each write and each flush of the loop device to the process here, through
/dev/fuse; so it knows exactly what was flushed, and can make the disk that a power cut leaves, at one instant.
"""

from __future__ import annotations

import ctypes
import errno
import os
import random
import select
import signal
import stat
import struct
import subprocess
from pathlib import Path

from rsppc.base.record import Record

NAME = "disk"
_ROOT, _FILE = 1, 2
_WRITE_MAX = 128 * 1024
_BLOCK = 4096
_UNSURE = 6
"""A cut waits until so many writes, or fewer by chance, are unsure: nothing is learned where a disk is at rest."""
_PATIENCE_S = 0.3
_HEAD_IN, _HEAD_OUT = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")
_ATTRIBUTES = struct.Struct("<6Q10I")
_TRANSFER = struct.Struct("<QQIIQII")
_LOOKUP, _FORGET, _GETATTR, _SETATTR, _OPEN, _READ, _WRITE, _STATFS, _RELEASE = 1, 2, 3, 4, 14, 15, 16, 17, 18
_FSYNC, _FLUSH, _INIT, _ACCESS, _INTERRUPT, _DESTROY, _BATCH_FORGET = 20, 25, 26, 34, 36, 38, 42


class Cut(Record):
    """What a power cut left."""

    flushed: int
    """How often the disk had been told to flush."""
    unsure: int
    """Writes since then."""


class CutDisk:
    """A disk that begins with the content of a file; `path` is the file that it shows."""

    def __init__(self, content: bytes, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.path = folder / NAME
        self._fuse = os.open("/dev/fuse", os.O_RDWR)
        _mount(folder, self._fuse)
        here, there = os.pipe(), os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.close(here[1])
                os.close(there[0])
                _Server(content, self._fuse, here[0], there[1]).serve()
            finally:
                os._exit(1)
        os.close(here[0])
        os.close(there[1])
        self._asking, self._answers = here[1], os.fdopen(there[0], "r")

    def cut(self, kind: str, seed: int, image: Path) -> Cut:
        """Write the disk that a power cut leaves now, or a moment later.

        `all`: every write has arrived; `flushed`: only what was flushed; `some`: of the writes since then, blocks by
        chance.
        """
        os.write(self._asking, f"{kind} {seed} {image}\n".encode())
        flushed, unsure = self._answers.readline().split()
        return Cut(flushed=int(flushed), unsure=int(unsure))

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], capture_output=True, check=False)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._fuse)
        os.close(self._asking)
        self._answers.close()


def _mount(folder: Path, fuse: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={fuse},rootmode={stat.S_IFDIR:o},user_id=0,group_id=0,max_read={_WRITE_MAX}".encode()
    if libc.mount(b"cut-disk", str(folder).encode(), b"fuse", 0, options) != 0:
        raise PermissionError(f"/dev/fuse cannot be mounted: {os.strerror(ctypes.get_errno())}")


class _Server:
    """Answers the kernel, one request after another."""

    def __init__(self, content: bytes, fuse: int, asking: int, answers: int) -> None:
        self._now = bytearray(content)
        self._flushed = bytearray(content)
        self._unsure: list[tuple[int, bytes]] = []
        self._flushes = 0
        self._asked: tuple[str, int, str] | None = None
        self._fuse, self._asking, self._answers = fuse, asking, answers

    def serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._fuse, self._asking], [], [], _PATIENCE_S)
            if self._asking in ready:
                words = os.read(self._asking, 4096).decode().split()
                if not words:
                    return
                self._asked = words[0], int(words[1]), words[2]
            if self._fuse in ready:
                try:
                    request = os.read(self._fuse, _WRITE_MAX + 65536)
                except OSError as error:
                    if error.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN):
                        continue
                    return  # it was unmounted
                self._answer(request)
            if self._asked is not None and (not ready or len(self._unsure) > self._asked[1] % _UNSURE):
                self._cut(*self._asked)
                self._asked = None

    def _answer(self, request: bytes) -> None:
        _, what, unique, node, *_ = _HEAD_IN.unpack_from(request)
        if what in (_FORGET, _BATCH_FORGET, _INTERRUPT):
            return
        body = memoryview(request)[_HEAD_IN.size :]
        reply, code = b"", 0
        if what == _INIT:
            reply = struct.pack("<IIIIHHIIHHI7I", 7, 31, 65536, 1 << 5, 12, 9, _WRITE_MAX, 1, 0, 0, 0, *[0] * 7)
        elif what == _LOOKUP:
            found = bytes(body).rstrip(b"\0") == NAME.encode()
            reply = struct.pack("<QQQQII", _FILE, 0, 3600, 3600, 0, 0) + self._attributes(_FILE) if found else b""
            code = 0 if found else errno.ENOENT
        elif what in (_GETATTR, _SETATTR):
            reply = struct.pack("<QII", 3600, 0, 0) + self._attributes(node)
        elif what == _OPEN:
            reply = struct.pack("<QIi", 1, 0, 0)
        elif what == _READ:
            _, offset, size, *_ = _TRANSFER.unpack_from(body)
            reply = bytes(self._now[offset : offset + size])
        elif what == _WRITE:
            _, offset, size, *_ = _TRANSFER.unpack_from(body)
            data = bytes(body[_TRANSFER.size : _TRANSFER.size + size])
            self._now[offset : offset + size] = data
            self._unsure.append((offset, data))
            reply = struct.pack("<II", size, 0)
        elif what == _FSYNC:
            for offset, data in self._unsure:
                self._flushed[offset : offset + len(data)] = data
            self._unsure.clear()
            self._flushes += 1
        elif what == _STATFS:
            reply = struct.pack("<5Q4I6I", 0, 0, 0, 2, 0, _BLOCK, 255, _BLOCK, 0, *[0] * 6)
        elif what not in (_FLUSH, _RELEASE, _ACCESS, _DESTROY):
            code = errno.ENOSYS
        os.write(self._fuse, _HEAD_OUT.pack(_HEAD_OUT.size + len(reply), -code, unique) + reply)

    def _attributes(self, node: int) -> bytes:
        size = len(self._now) if node == _FILE else 0
        mode = stat.S_IFREG | 0o600 if node == _FILE else stat.S_IFDIR | 0o755
        return _ATTRIBUTES.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, _BLOCK, 0)

    def _cut(self, kind: str, seed: int, image: str) -> None:
        chance = random.Random(seed)
        left = bytearray(self._flushed)
        for offset, data in self._unsure if kind != "flushed" else ():
            for begin in range(0, len(data), _BLOCK):
                if kind == "all" or chance.random() < 0.5:
                    piece = data[begin : begin + _BLOCK]
                    left[offset + begin : offset + begin + len(piece)] = piece
        with open(image, "wb", buffering=0) as file:
            for begin in range(0, len(left), 2**20):
                piece = left[begin : begin + 2**20]
                file.seek(begin)
                if piece.count(0) != len(piece):
                    file.write(piece)
            file.truncate(len(left))
        os.write(self._answers, f"{self._flushes} {len(self._unsure)}\n".encode())
