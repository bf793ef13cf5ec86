"""What the server answers, by the method that asks for it: places and offsets in, what `ide/` says out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from rsppc.base.record import Record
from rsppc.base.source import Source, Span
from rsppc.ide.declared import Refusal
from rsppc.ide.features import (
    call_hierarchy,
    code_actions,
    code_lens,
    completion,
    definition,
    document_symbols,
    folding,
    hover,
    inlay_hints,
    layout,
    references,
    rename,
    semantic_tokens,
    workspace_symbols,
)
from rsppc.ide.features.document_symbols import Symbol
from rsppc.lsp.convert import diagnostic_of, location_of, text_edits
from rsppc.lsp.desk import Desk, Seat
from rsppc.lsp.positions import position_of, range_of, width

Answer = Callable[[Desk, Any], Any]

REQUEST_FAILED = -32803


class Asked(Record):
    """The document that a request speaks of, and the place in it."""

    seat: Seat
    source: Source
    offset: int


def _asked(desk: Desk, params: Any) -> Asked | None:
    """What a request with a document, and perhaps a position, speaks of; None where it is none of ours."""
    seat = desk.seat(params.text_document.uri)
    source = seat.project.source(seat.path) if seat is not None else None
    if seat is None or source is None:
        return None
    position = getattr(params, "position", None)
    return Asked(seat=seat, source=source, offset=desk.offset(source, position) if position is not None else 0)


def _markdown(text: str) -> types.MarkupContent:
    return types.MarkupContent(kind=types.MarkupKind.Markdown, value=text)


# --- What stands there -----------------------------------------------------------------------------------------------


def _hover(desk: Desk, params: types.HoverParams) -> types.Hover | None:
    asked = _asked(desk, params)
    found = hover.FEATURE(asked.seat.project, asked.seat.path, asked.offset) if asked is not None else None
    return types.Hover(contents=_markdown(found.text), range=range_of(found.at, desk.unit)) if found else None


_ITEM_KINDS = {
    "key": types.CompletionItemKind.Property,
    "keyword": types.CompletionItemKind.Keyword,
    "value": types.CompletionItemKind.EnumMember,
    "node": types.CompletionItemKind.Variable,
    "port": types.CompletionItemKind.Field,
    "type": types.CompletionItemKind.Class,
    "reference": types.CompletionItemKind.Reference,
    "provider": types.CompletionItemKind.Module,
    "field": types.CompletionItemKind.Property,
    "name": types.CompletionItemKind.Variable,
    "function": types.CompletionItemKind.Function,
}


def _completion(desk: Desk, params: types.CompletionParams) -> types.CompletionList | None:
    asked = _asked(desk, params)
    if asked is None:
        return None
    found = completion.FEATURE(asked.seat.project, asked.seat.path, asked.offset)
    items = [
        types.CompletionItem(
            label=one.proposal.text,
            kind=_ITEM_KINDS[one.proposal.kind],
            detail=one.proposal.detail or None,
            documentation=_markdown(one.proposal.doc) if one.proposal.doc else None,
            sort_text=f"{number:04}",
            filter_text=one.text,
            text_edit=types.TextEdit(
                range=range_of(Span(source=asked.source, start=one.start, end=one.end), desk.unit), new_text=one.text
            ),
        )
        for number, one in enumerate(found)
    ]
    return types.CompletionList(is_incomplete=len(items) >= completion.PROPOSALS_MAX, items=items)


# --- Where else ------------------------------------------------------------------------------------------------------


def _locations(desk: Desk, seat: Seat, spans: list[Span]) -> list[types.Location]:
    uri_of = desk.uri_in(seat.project)
    return [location_of(one, uri_of, desk.unit) for one in spans]


def _definition(desk: Desk, params: types.DefinitionParams) -> list[types.Location] | None:
    asked = _asked(desk, params)
    if asked is None:
        return None
    return _locations(desk, asked.seat, definition.FEATURE(asked.seat.project, asked.seat.path, asked.offset))


def _references(desk: Desk, params: types.ReferenceParams) -> list[types.Location] | None:
    asked = _asked(desk, params)
    if asked is None:
        return None
    declared = params.context.include_declaration
    found = references.FEATURE(asked.seat.project, asked.seat.path, asked.offset, declaration=declared)
    return _locations(desk, asked.seat, found)


def _highlights(desk: Desk, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight] | None:
    asked = _asked(desk, params)
    if asked is None:
        return None
    found = references.FEATURE(asked.seat.project, asked.seat.path, asked.offset)
    here = [one for one in found if one.source.path == asked.seat.path]
    return [types.DocumentHighlight(range=range_of(one, desk.unit)) for one in here]


def _refused(desk: Desk, seat: Seat, refusal: Refusal) -> JsonRpcException:
    at = refusal.at
    place = f", at {at}" if at is not None else ""
    data = location_of(at, desk.uri_in(seat.project), desk.unit) if at is not None else None
    error = JsonRpcException(f"{refusal.text}{place}", code=REQUEST_FAILED)
    error.data = {"uri": data.uri, "line": data.range.start.line} if data is not None else None
    return error


def _prepare_rename(desk: Desk, params: types.PrepareRenameParams) -> types.Range | None:
    asked = _asked(desk, params)
    if asked is None:
        return None
    found = rename.prepared(asked.seat.project, asked.seat.path, asked.offset)
    if isinstance(found, Refusal):
        raise _refused(desk, asked.seat, found)
    return range_of(found, desk.unit)


def _rename(desk: Desk, params: types.RenameParams) -> types.WorkspaceEdit | None:
    asked = _asked(desk, params)
    if asked is None:
        return None
    found = rename.FEATURE(asked.seat.project, asked.seat.path, asked.offset, params.new_name)
    if isinstance(found, Refusal):
        raise _refused(desk, asked.seat, found)
    uri_of = desk.uri_in(asked.seat.project)
    edits: dict[str, list[Any]] = {}
    for one in found.edits:
        edits.setdefault(one.at.source.path, []).append(one)
    changes: list[Any] = [_document_edit(desk, uri_of(path), edits[path]) for path in sorted(edits)]
    changes += [types.RenameFile(old_uri=uri_of(old), new_uri=uri_of(new)) for old, new in found.files]
    if desk.can_edit_files:
        return types.WorkspaceEdit(document_changes=changes)
    return types.WorkspaceEdit(changes={uri_of(path): text_edits(edits[path], desk.unit) for path in sorted(edits)})


def _document_edit(desk: Desk, uri: str, edits: list[Any]) -> types.TextDocumentEdit:
    buffer = desk.buffers.get(uri)
    document = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=buffer.version if buffer else None)
    return types.TextDocumentEdit(text_document=document, edits=list(text_edits(edits, desk.unit)))


def _workspace_symbols(desk: Desk, params: types.WorkspaceSymbolParams) -> list[types.SymbolInformation]:
    return [
        types.SymbolInformation(
            name=one.name,
            kind=types.SymbolKind.Module if one.kind == "artifact" else types.SymbolKind.Variable,
            location=location_of(one.at, desk.uri_in(project), desk.unit),
            container_name=one.container,
        )
        for project in desk.projects()
        for one in workspace_symbols.FEATURE(project, params.query)
    ]


# --- What can be done ------------------------------------------------------------------------------------------------


def _code_actions(desk: Desk, params: types.CodeActionParams) -> list[types.CodeAction] | None:
    asked = _asked(desk, params)
    only = params.context.only
    if asked is None or (
        only and not any(types.CodeActionKind.QuickFix.value.startswith(str(_word(one))) for one in only)
    ):
        return None
    first, last = (desk.offset(asked.source, one) for one in (params.range.start, params.range.end))
    project, uri_of = asked.seat.project, desk.uri_in(asked.seat.project)
    return [
        types.CodeAction(
            title=f"{one.fix.title}{' (tried: it holds)' if one.fix.verified else ''}",
            kind=types.CodeActionKind.QuickFix,
            is_preferred=one.fix.verified or None,
            diagnostics=[diagnostic_of(one.found, project.severity(one.found), uri_of, desk.unit)],
            edit=_fix_edit(desk, uri_of, one.fix.edits),
        )
        for one in code_actions.FEATURE(project, asked.seat.path, first, last)
    ]


def _word(kind: Any) -> str:
    return str(getattr(kind, "value", kind))


def _fix_edit(desk: Desk, uri_of: Callable[[str], str], edits: Any) -> types.WorkspaceEdit:
    by_uri: dict[str, list[Any]] = {}
    for one in edits:
        by_uri.setdefault(uri_of(one.at.source.path), []).append(one)
    return types.WorkspaceEdit(changes={uri: text_edits(found, desk.unit) for uri, found in by_uri.items()})


def _formatting(desk: Desk, params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
    asked = _asked(desk, params)
    return text_edits(layout.FEATURE(asked.seat.project, asked.seat.path), desk.unit) if asked is not None else None


# --- What is shown beside the text -----------------------------------------------------------------------------------


def _inlay_hints(desk: Desk, params: types.InlayHintParams) -> list[types.InlayHint] | None:
    asked = _asked(desk, params)
    if asked is None:
        return None
    first, last = (desk.offset(asked.source, one) for one in (params.range.start, params.range.end))
    options = desk.options
    wanted = {"port": options.port_hints, "type": options.type_hints, "default": options.default_hints}
    hints = []
    for one in inlay_hints.FEATURE(asked.seat.project, asked.seat.path, first, last):
        if not wanted[one.what] or not first <= one.offset <= last:
            continue
        at = position_of(asked.source, one.offset, desk.unit)
        edits = [types.TextEdit(range=types.Range(start=at, end=at), new_text=one.text)] if one.insert else None
        kind = types.InlayHintKind.Type if one.what == "type" else types.InlayHintKind.Parameter
        left = one.what == "default" or None
        hints.append(types.InlayHint(position=at, label=one.text, kind=kind, text_edits=edits, padding_left=left))
    return hints


def _semantic_tokens(desk: Desk, params: types.SemanticTokensParams) -> types.SemanticTokens | None:
    asked = _asked(desk, params)
    if asked is None:
        return None
    data: list[int] = []
    line = column = 0
    for one in semantic_tokens.FEATURE(asked.seat.project, asked.seat.path):
        at = position_of(asked.source, one.start, desk.unit)
        length = width(asked.source.text[one.start : one.end], desk.unit)
        data += [
            at.line - line,
            at.character - (column if at.line == line else 0),
            length,
            semantic_tokens.TYPES.index(one.type),
            int(one.declares),
        ]
        line, column = at.line, at.character
    return types.SemanticTokens(data=data)


_SYMBOL_KINDS = {
    "artifact": types.SymbolKind.Module,
    "node": types.SymbolKind.Variable,
    "edge": types.SymbolKind.Event,
    "module": types.SymbolKind.Namespace,
    "type": types.SymbolKind.Class,
    "provider": types.SymbolKind.Interface,
    "rule": types.SymbolKind.Function,
    "port": types.SymbolKind.Field,
    "field": types.SymbolKind.Property,
    "section": types.SymbolKind.Array,
}


def _document_symbols(desk: Desk, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol] | None:
    asked = _asked(desk, params)
    if asked is None:
        return None
    return [_symbol(desk, one) for one in document_symbols.FEATURE(asked.seat.project, asked.seat.path)]


def _symbol(desk: Desk, one: Symbol) -> types.DocumentSymbol:
    return types.DocumentSymbol(
        name=one.name,
        kind=_SYMBOL_KINDS[one.kind],
        range=range_of(one.whole, desk.unit),
        selection_range=range_of(one.at, desk.unit),
        detail=one.detail or None,
        children=[_symbol(desk, inner) for inner in one.children] or None,
    )


def _folding(desk: Desk, params: types.FoldingRangeParams) -> list[types.FoldingRange] | None:
    asked = _asked(desk, params)
    if asked is None:
        return None
    return [
        types.FoldingRange(
            start_line=one.first,
            end_line=one.last,
            kind=types.FoldingRangeKind.Comment if one.is_comment else types.FoldingRangeKind.Region,
        )
        for one in folding.FEATURE(asked.seat.project, asked.seat.path)
    ]


def _code_lens(desk: Desk, params: types.CodeLensParams) -> list[types.CodeLens] | None:
    asked = _asked(desk, params)
    if asked is None:
        return None
    found = code_lens.FEATURE(asked.seat.project, asked.seat.path)
    return [
        types.CodeLens(range=range_of(one.at, desk.unit), command=types.Command(title=one.text, command=""))
        for one in found
    ]


# --- Along the edges -------------------------------------------------------------------------------------------------


def _prepare_calls(desk: Desk, params: types.CallHierarchyPrepareParams) -> list[types.CallHierarchyItem] | None:
    asked = _asked(desk, params)
    found = call_hierarchy.FEATURE(asked.seat.project, asked.seat.path, asked.offset) if asked is not None else None
    return [_call_item(desk, asked.seat, params.text_document.uri, found)] if asked is not None and found else None


def _call_item(desk: Desk, seat: Seat, home: str, found: call_hierarchy.Station) -> types.CallHierarchyItem:
    at = range_of(found.at, desk.unit)
    return types.CallHierarchyItem(
        name=found.node,
        kind=types.SymbolKind.Variable,
        uri=desk.uri_in(seat.project)(found.at.source.path),
        range=at,
        selection_range=at,
        detail=found.detail,
        data={"home": home, "node": found.node},
    )


def _station_asked(desk: Desk, params: Any) -> tuple[Seat, str, str] | None:
    """The node that an item stands for, and the file in whose program it is."""
    data = params.item.data if isinstance(params.item.data, dict) else {}
    home, node = data.get("home"), data.get("node")
    seat = desk.seat(home) if isinstance(home, str) and isinstance(node, str) else None
    return (seat, home, node) if seat is not None and isinstance(home, str) and isinstance(node, str) else None


def _incoming(
    desk: Desk, params: types.CallHierarchyIncomingCallsParams
) -> list[types.CallHierarchyIncomingCall] | None:
    asked = _station_asked(desk, params)
    if asked is None:
        return None
    seat, home, node = asked
    return [
        types.CallHierarchyIncomingCall(
            from_=_call_item(desk, seat, home, one.station), from_ranges=[range_of(end, desk.unit) for end in one.ends]
        )
        for one in call_hierarchy.incoming(seat.project, seat.path, node)
    ]


def _outgoing(
    desk: Desk, params: types.CallHierarchyOutgoingCallsParams
) -> list[types.CallHierarchyOutgoingCall] | None:
    asked = _station_asked(desk, params)
    if asked is None:
        return None
    seat, home, node = asked
    return [
        types.CallHierarchyOutgoingCall(
            to=_call_item(desk, seat, home, one.station), from_ranges=[range_of(end, desk.unit) for end in one.ends]
        )
        for one in call_hierarchy.outgoing(seat.project, seat.path, node)
    ]


_LEGEND = types.SemanticTokensLegend(token_types=list(semantic_tokens.TYPES), token_modifiers=["declaration"])

ANSWERS: dict[str, tuple[Answer, Any]] = {
    types.TEXT_DOCUMENT_HOVER: (_hover, None),
    types.TEXT_DOCUMENT_COMPLETION: (
        _completion,
        types.CompletionOptions(trigger_characters=[".", ":", " ", "{", "/", "-", ">", "("]),
    ),
    types.TEXT_DOCUMENT_DEFINITION: (_definition, None),
    types.TEXT_DOCUMENT_REFERENCES: (_references, None),
    types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT: (_highlights, None),
    types.TEXT_DOCUMENT_PREPARE_RENAME: (_prepare_rename, None),
    types.TEXT_DOCUMENT_RENAME: (_rename, types.RenameOptions(prepare_provider=True)),
    types.TEXT_DOCUMENT_CODE_ACTION: (
        _code_actions,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
    ),
    types.TEXT_DOCUMENT_INLAY_HINT: (_inlay_hints, None),
    types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL: (_semantic_tokens, _LEGEND),
    types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: (_document_symbols, None),
    types.WORKSPACE_SYMBOL: (_workspace_symbols, None),
    types.TEXT_DOCUMENT_FOLDING_RANGE: (_folding, None),
    types.TEXT_DOCUMENT_FORMATTING: (_formatting, None),
    types.TEXT_DOCUMENT_CODE_LENS: (_code_lens, None),
    types.TEXT_DOCUMENT_PREPARE_CALL_HIERARCHY: (_prepare_calls, None),
    types.CALL_HIERARCHY_INCOMING_CALLS: (_incoming, None),
    types.CALL_HIERARCHY_OUTGOING_CALLS: (_outgoing, None),
}
"""Method → who answers, and what the editor is told of it."""
