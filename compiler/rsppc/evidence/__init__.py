"""Evidence, made and read: `envelope.py` seals it, `reading.py` believes nothing that is not sealed."""
