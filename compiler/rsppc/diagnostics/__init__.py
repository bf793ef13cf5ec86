"""What rsppc says to people: the record, its parts, and the sink that collects them."""

from rsppc.diagnostics.diagnostic import Diagnostic, Edit, Fix, NodeToInsert, Related, Severity, Side, kinds, moved
from rsppc.diagnostics.sink import DiagnosticSink, severity_in, sort_diagnostics

__all__ = [
    "Diagnostic",
    "DiagnosticSink",
    "Edit",
    "Fix",
    "NodeToInsert",
    "Related",
    "Severity",
    "Side",
    "kinds",
    "moved",
    "severity_in",
    "sort_diagnostics",
]
