"""Pictures of a bundle: its graph as SVG, Mermaid and DOT, and a report as one HTML page.

Everything here is values to text: what is drawn comes from a ResolvedSpec, so that a picture shows what is promised,
and the same bundle gives the same bytes. The layout is our own, in integers: the one Python library for layered
drawings computes in floats and is under the GPL.
"""
