"""Spec tests: Markdown pages whose blocks are sources and what is expected of them.

A page is read into sections with blocks (`page`), those into tests (`suite`), each test is compiled in memory and its
turns are resolved (`world`), and what was found is held against what the page says (`judge`). What a run leaves out is
counted by `coverage`; `update` writes pages anew so that they say what is found.
"""
