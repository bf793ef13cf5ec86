"""Recorded sessions: whether they are whole and sound, how two of them differ, and how a difference is judged.

    recording = Recording(path, readline)
    for turn in recording.turns(): ...
    recording.findings.placed()

`recording.py` is the file to open first. Recordings are read turn by turn, so that memory does not grow with their
length. There are no files here and no clocks; running a bundle again is left to whoever calls.
"""
