"""How much one caller may ask of a served store, and how long they may take over it."""

from __future__ import annotations

from rsppc.base.record import Record

KIB, MIB = 2**10, 2**20


class Limits(Record):
    """Bounds of one server. Sizes are in bytes, times in seconds."""

    file_size_max: int = 512 * MIB
    files_max: int = 10_000
    """Of a package that is filled through the API; a command on the machine itself may go further."""
    json_size_max: int = 2 * MIB
    words_size_max: int = 64 * KIB
    """Of a body that holds a reason and little else."""
    projection_size_max: int = 16 * MIB
    """Of a manifest that is given as JSON too."""
    events_size_max: int = 8 * MIB
    """Of a page of events, which may hold the metadata of many packages; the first event is given whatever its size."""
    idle_s: float = 20.0
    """A connection without a request, or a body without a further byte."""
    rate_min: int = 8 * KIB
    """Bytes a second that a body has to come with, on average and after `idle_s`."""
    linger_s: float = 2.0
    linger_size_max: int = 4 * MIB
    """Of a body that was refused and comes all the same, so that its sender gets to see the answer."""
    send_s: float = 60.0
    """An answer of which not a byte is taken."""
    stop_s: int = 30
    """Requests that are being answered when the server is told to stop."""
    bodies_max: int = 128
    """Bodies that are taken in at once; others wait for `idle_s`."""
    connections_max: int = 16_384
    head_size_max: int = 32 * KIB
    readers: int = 8
    writers: int = 4
    """Threads. Those that write wait for each other, and readers must not wait for them."""
