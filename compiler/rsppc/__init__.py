"""rsppc: a compiler for realtime speech pipelines."""
