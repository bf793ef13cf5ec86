"""Earlier artifacts of the RSPP project, translated into today's.

`translate.py` is the straight line; each other file is one earlier kind: its shape, and what becomes of it. Nothing
here reads or writes files, and nothing here knows the compiler: what is written is judged by `rsppc check` like any
source.
"""
