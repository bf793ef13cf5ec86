"""What an editor wants to know of a workspace: offsets in, plain data out. Nothing here knows of a protocol."""
