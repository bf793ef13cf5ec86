"""Where all findings of a run are collected."""

from __future__ import annotations

from rsppc.diagnostics.diagnostic import Diagnostic, Severity


class DiagnosticSink:
    """Collects diagnostics; gives them back in source order, each once."""

    __slots__ = ("_found", "strict")

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self._found: list[Diagnostic] = []

    def report(self, diagnostic: Diagnostic) -> None:
        self._found.append(diagnostic)

    @property
    def has_errors(self) -> bool:
        return any(self.severity(found) == "error" for found in self._found)

    @property
    def has_flaws(self) -> bool:
        """Whether there are errors that strict runs did not make of warnings."""
        return any(found.severity == "error" for found in self._found)

    @property
    def has_causes(self) -> bool:
        """Whether something is wrong that may be the cause of whatever else seems to be; the same in strict runs."""
        return any(found.severity == "error" and not found.moot_beside_errors for found in self._found)

    def severity(self, diagnostic: Diagnostic) -> Severity:
        """Severity in this run: strict runs make errors of warnings."""
        return severity_in(diagnostic, strict=self.strict)

    def __len__(self) -> int:
        return len(self._found)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All findings in source order, duplicates dropped, and those that errors make moot."""
        if not self._found:
            return ()
        # What a strict run makes an error of hides nothing: an ordinary run tells it beside the others.
        if self.has_causes:
            return sort_diagnostics([found for found in self._found if not found.moot_beside_errors])
        return sort_diagnostics(self._found)


def severity_in(diagnostic: Diagnostic, *, strict: bool) -> Severity:
    """Severity of a finding in a strict or an ordinary run."""
    severity = diagnostic.level or diagnostic.severity
    return "error" if strict and severity == "warning" else severity


def sort_diagnostics(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """In order of file, place, code, message; equal findings once."""
    by_key: dict[tuple[str, int, int, str, str], Diagnostic] = {}
    for found in diagnostics:
        at = found.at
        by_key.setdefault((at.source.path, at.start, at.end, found.code, found.message()), found)
    return tuple(by_key[key] for key in sorted(by_key))
