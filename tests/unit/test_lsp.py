"""The real server over standard input and output, driven as an editor would."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig, LanguageClient
from rsppc.ide.project import Stopped
from rsppc.lsp.worker import Worker
from workspaces import BUNDLE, BUNDLE_PATH, PROVIDERS_PATH, SPEC, SPEC_PATH, make

SECONDS_MAX = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path)


@pytest_lsp.fixture(config=ClientServerConfig(server_command=[sys.executable, "-m", "rsppc", "lsp"]))
async def editor(lsp_client: LanguageClient, folder: Path) -> AsyncIterator[None]:
    """An editor with the workspace open."""

    @lsp_client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(params: types.RegistrationParams) -> None:
        pass

    capabilities = pytest_lsp.client_capabilities("visual-studio-code")
    await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=capabilities,
            workspace_folders=[types.WorkspaceFolder(uri=folder.as_uri(), name="line")],
        )
    )
    yield
    await lsp_client.shutdown_session()


def open_text(editor: LanguageClient, path: Path, text: str, language: str = "yaml") -> str:
    uri = path.as_uri()
    document = types.TextDocumentItem(uri=uri, language_id=language, version=1, text=text)
    editor.text_document_did_open(types.DidOpenTextDocumentParams(text_document=document))
    return uri


def change_text(editor: LanguageClient, uri: str, version: int, text: str) -> None:
    editor.text_document_did_change(
        types.DidChangeTextDocumentParams(
            text_document=types.VersionedTextDocumentIdentifier(uri=uri, version=version),
            content_changes=[types.TextDocumentContentChangeWholeDocument(text=text)],
        )
    )


async def said_of(editor: LanguageClient, uri: str, wanted: set[str]) -> list[types.Diagnostic]:
    """What the server says of a document, once that is what is wanted."""
    async with asyncio.timeout(SECONDS_MAX):
        while {one.code for one in editor.diagnostics.get(uri, ())} != wanted or uri not in editor.diagnostics:
            await editor.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    return list(editor.diagnostics[uri])


@pytest.mark.asyncio
async def test_what_is_wrong_is_said_while_typing(editor: LanguageClient, folder: Path) -> None:
    uri = open_text(editor, folder / SPEC_PATH, SPEC)
    await said_of(editor, uri, set())
    change_text(editor, uri, 2, SPEC.replace("to: vad.audio", "to: vad.sound"))
    (found,) = await said_of(editor, uri, {"RSP2115"})
    assert found.code_description is not None and found.code_description.href.endswith(".md")
    change_text(editor, uri, 3, SPEC)
    await said_of(editor, uri, set())


def position(text: str, before: str) -> types.Position:
    """The place of `§` in a stretch of a text."""
    plain = before.replace("§", "")
    offset = text.index(plain) + before.index("§")
    line = text.count("\n", 0, offset)
    column = text[text.rfind("\n", 0, offset) + 1 : offset]
    return types.Position(line=line, character=len(column.encode("utf-16-le")) // 2)


def at(uri: str, text: str, before: str) -> dict[str, Any]:
    return {"text_document": types.TextDocumentIdentifier(uri=uri), "position": position(text, before)}


@pytest.mark.asyncio
async def test_hover_definition_and_references(editor: LanguageClient, folder: Path) -> None:
    uri = open_text(editor, folder / SPEC_PATH, SPEC)
    hover = await editor.text_document_hover_async(types.HoverParams(**at(uri, SPEC, "silence_ms: 4§00")))
    assert hover is not None and "overriding" in hover.contents.value
    found = await editor.text_document_definition_async(types.DefinitionParams(**at(uri, SPEC, "provider: stt-h§ouse")))
    assert [one.uri for one in found] == [(folder / PROVIDERS_PATH).as_uri()]
    shipped = await editor.text_document_definition_async(
        types.DefinitionParams(**at(uri, SPEC, "node_type: speech.v§ad"))
    )
    assert shipped[0].uri.endswith("/extensions/rspp_std_v1.yaml")
    context = types.ReferenceContext(include_declaration=True)
    places = await editor.text_document_references_async(
        types.ReferenceParams(**at(uri, SPEC, "node_id: st§t"), context=context)
    )
    assert [one.range.start.line for one in places] == [8, 16, 17]


@pytest.mark.asyncio
async def test_completion_in_a_half_typed_line(editor: LanguageClient, folder: Path) -> None:
    text = SPEC.replace("to: endpoint.activity}", "to: end")
    uri = open_text(editor, folder / SPEC_PATH, text)
    found = await editor.text_document_completion_async(types.CompletionParams(**at(uri, text, "to: end§")))
    assert "endpoint.activity" in [one.label for one in found.items]
    edit = next(one.text_edit for one in found.items if one.label == "endpoint.activity")
    assert text.splitlines()[edit.range.start.line][edit.range.start.character : edit.range.end.character] == "end"


@pytest.mark.asyncio
async def test_columns_are_counted_as_editors_count_them(editor: LanguageClient, folder: Path) -> None:
    text = SPEC.replace("pipeline_id: line", "metadata: {title: '🎧🎧'}\npipeline_id: line").replace(
        "  - {from: mic.audio, to: vad.audio}", '  - {from: mic.audio, when: \'"🎧🎧" == ""\', to: vad.sound}'
    )
    uri = open_text(editor, folder / SPEC_PATH, text)
    await said_of(editor, uri, {"RSP2115"})
    (found,) = editor.diagnostics[uri]
    assert found.range.start == position(text, "to: §vad.sound")


@pytest.mark.asyncio
async def test_a_rename_reaches_all_files_and_is_refused_where_the_name_is_taken(
    editor: LanguageClient, folder: Path
) -> None:
    uri = open_text(editor, folder / BUNDLE_PATH, BUNDLE)
    await said_of(editor, uri, set())
    prepared = await editor.text_document_prepare_rename_async(
        types.PrepareRenameParams(**at(uri, BUNDLE, "spec_ref: li§ne"))
    )
    assert prepared == types.Range(start=types.Position(line=3, character=10), end=types.Position(line=3, character=14))
    done = await editor.text_document_rename_async(
        types.RenameParams(**at(uri, BUNDLE, "spec_ref: li§ne"), new_name="support")
    )
    assert done is not None and done.document_changes is not None
    files = [one for one in done.document_changes if isinstance(one, types.RenameFile)]
    assert [one.new_uri for one in files] == [(folder / "pipelines/specs/support_v1.yaml").as_uri()]
    spec = open_text(editor, folder / SPEC_PATH, SPEC)
    with pytest.raises(JsonRpcException, match=r"there is a node `llm`, at pipelines/specs/line_v1\.yaml:10"):
        await editor.text_document_rename_async(types.RenameParams(**at(spec, SPEC, "node_id: st§t"), new_name="llm"))


@pytest.mark.asyncio
async def test_a_repair_that_holds_is_offered_first(editor: LanguageClient, folder: Path) -> None:
    text = SPEC.replace("speech.vad}", "speech.vadd}")
    uri = open_text(editor, folder / SPEC_PATH, text)
    async with asyncio.timeout(SECONDS_MAX):
        while not editor.diagnostics.get(uri):
            await editor.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    found = editor.diagnostics[uri][0]
    actions = await editor.text_document_code_action_async(
        types.CodeActionParams(
            text_document=types.TextDocumentIdentifier(uri=uri),
            range=found.range,
            context=types.CodeActionContext(diagnostics=[found]),
        )
    )
    assert actions[0].is_preferred and actions[0].edit.changes[uri][0].new_text == "speech.vad"


@pytest.mark.asyncio
async def test_everything_else_answers(editor: LanguageClient, folder: Path) -> None:
    uri = open_text(editor, folder / SPEC_PATH, SPEC.replace("mic.audio, to: vad.audio", "mic, to: vad"))
    document = types.TextDocumentIdentifier(uri=uri)
    whole = types.Range(start=types.Position(line=0, character=0), end=types.Position(line=99, character=0))
    hints = await editor.text_document_inlay_hint_async(types.InlayHintParams(text_document=document, range=whole))
    assert [one.label for one in hints[:2]] == [".audio", ".audio"]
    tokens = await editor.text_document_semantic_tokens_full_async(types.SemanticTokensParams(text_document=document))
    assert len(tokens.data) > 100 and len(tokens.data) % 5 == 0
    symbols = await editor.text_document_document_symbol_async(types.DocumentSymbolParams(text_document=document))
    assert symbols[0].name == "line/v1"
    assert await editor.workspace_symbol_async(types.WorkspaceSymbolParams(query="line"))
    assert await editor.text_document_folding_range_async(types.FoldingRangeParams(text_document=document))
    lenses = await editor.text_document_code_lens_async(types.CodeLensParams(text_document=document))
    assert any("ms at p95" in one.command.title for one in lenses)
    edits = await editor.text_document_formatting_async(
        types.DocumentFormattingParams(
            text_document=document, options=types.FormattingOptions(tab_size=2, insert_spaces=True)
        )
    )
    assert list(edits) == []
    (item,) = await editor.text_document_prepare_call_hierarchy_async(
        types.CallHierarchyPrepareParams(text_document=document, position=position(SPEC, "node_id: va§d"))
    )
    outgoing = await editor.call_hierarchy_outgoing_calls_async(types.CallHierarchyOutgoingCallsParams(item=item))
    incoming = await editor.call_hierarchy_incoming_calls_async(types.CallHierarchyIncomingCallsParams(item=item))
    assert [one.to.name for one in outgoing] == ["endpoint", "stt"]
    assert [one.from_.name for one in incoming] == ["mic"]


@pytest.mark.asyncio
async def test_files_that_change_on_the_disk_are_read_again(editor: LanguageClient, folder: Path) -> None:
    uri = (folder / BUNDLE_PATH).as_uri()
    spec = folder / SPEC_PATH
    spec.unlink()

    def changed(kind: types.FileChangeType, path: Path) -> None:
        editor.workspace_did_change_watched_files(
            types.DidChangeWatchedFilesParams(changes=[types.FileEvent(uri=path.as_uri(), type=kind)])
        )

    changed(types.FileChangeType.Deleted, spec)
    await said_of(editor, uri, {"RSP2101"})
    spec.write_text(SPEC)
    changed(types.FileChangeType.Created, spec)
    await said_of(editor, uri, set())
    config = folder / "rsppc.toml"
    config.write_text("strict = 7\n")
    changed(types.FileChangeType.Created, config)
    await said_of(editor, config.as_uri(), {"RSP0003"})
    config.unlink()
    changed(types.FileChangeType.Deleted, config)
    await said_of(editor, config.as_uri(), set())


async def raw_request(editor: LanguageClient, method: str, params: object) -> object:
    """The answer to a request that the library of the editor would not send."""
    answer: Future[object] = Future()
    editor.protocol._request_futures["raw"] = answer
    editor.protocol._send_data({"jsonrpc": "2.0", "id": "raw", "method": method, "params": params})
    return await asyncio.wait_for(asyncio.wrap_future(answer), SECONDS_MAX)


@pytest.mark.asyncio
async def test_odd_requests_are_answered_and_leave_the_server_whole(editor: LanguageClient, folder: Path) -> None:
    uri = open_text(editor, folder / SPEC_PATH, SPEC)
    far = types.Position(line=10**6, character=10**6)
    document = types.TextDocumentIdentifier(uri=uri)
    assert await editor.text_document_hover_async(types.HoverParams(text_document=document, position=far)) is None
    for odd in (
        "untitled:Untitled-1",
        "file:///nowhere/at/all.yaml",
        (folder / "README.md").as_uri(),
        "",
        "file:///%00",
    ):
        other = types.TextDocumentIdentifier(uri=odd)
        assert await editor.text_document_hover_async(types.HoverParams(text_document=other, position=far)) is None
    with pytest.raises(JsonRpcException):
        await raw_request(editor, "textDocument/hover", {"position": {"line": -1, "character": "x"}})
    with pytest.raises(JsonRpcException):
        await editor.protocol.send_request_async("rsppc/nothing", {})
    change_text(editor, "file:///never/opened.yaml", 2, "x")
    change_text(editor, uri, 2, "\ud83d")
    change_text(editor, uri, 3, SPEC)
    await said_of(editor, uri, set())
    loose = open_text(editor, folder.parent / "loose_v1.rspp", "pipeline", "rspp")
    async with asyncio.timeout(SECONDS_MAX):
        while not editor.diagnostics.get(loose):
            await editor.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)


@pytest.mark.asyncio
async def test_a_flood_of_changes_and_cancels_ends_with_the_last_text(editor: LanguageClient, folder: Path) -> None:
    uri = open_text(editor, folder / SPEC_PATH, SPEC)
    document = types.TextDocumentIdentifier(uri=uri)
    asked = []
    for version in range(2, 102):
        change_text(editor, uri, version, SPEC[: version * 5])
        params = types.WorkspaceSymbolParams(query="line")
        asked.append(
            asyncio.ensure_future(editor.protocol.send_request_async("workspace/symbol", params, f"q{version}"))
        )
        editor.protocol.notify("$/cancelRequest", types.CancelParams(id=f"q{version}"))
    change_text(editor, uri, 200, SPEC)
    hover = await editor.text_document_hover_async(
        types.HoverParams(text_document=document, position=position(SPEC, "node_type: speech.v§ad"))
    )
    assert hover is not None
    await said_of(editor, uri, set())
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, JsonRpcException | list | tuple) for one in answers)


@pytest.mark.asyncio
async def test_edits_of_a_part_are_applied_where_the_editor_means_them(editor: LanguageClient, folder: Path) -> None:
    text = SPEC.replace("  - {from: mic.audio,", "  # 🎧\n  - {from: mic.audio,")
    uri = open_text(editor, folder / SPEC_PATH, text)
    await said_of(editor, uri, set())
    start, end = position(text, "# 🎧\n  - {from: mic.§audio"), position(text, "# 🎧\n  - {from: mic.audio§")
    change = types.TextDocumentContentChangePartial(range=types.Range(start=start, end=end), text="🎧")
    identifier = types.VersionedTextDocumentIdentifier(uri=uri, version=2)
    editor.text_document_did_change(
        types.DidChangeTextDocumentParams(text_document=identifier, content_changes=[change])
    )
    async with asyncio.timeout(SECONDS_MAX):
        while not editor.diagnostics.get(uri):
            await editor.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    assert editor.diagnostics[uri][0].range.start.line == start.line


@pytest.mark.asyncio
async def test_a_text_that_is_not_ours_is_left_alone(editor: LanguageClient, folder: Path) -> None:
    other = open_text(editor, folder / "compose.yaml", "services: {a: b}\n")
    spec = open_text(editor, folder / SPEC_PATH, SPEC)
    await said_of(editor, spec, set())
    document = types.TextDocumentIdentifier(uri=other)
    assert await editor.text_document_document_symbol_async(types.DocumentSymbolParams(text_document=document)) is None
    assert other not in editor.diagnostics


def test_the_server_ends_when_nobody_is_there_any_more(folder: Path) -> None:
    for said in (b"", b"Content-Length: 5\r\n\r\n{", b"Content-Length: 2\r\n\r\n{}", b"nonsense\r\n\r\n"):
        done = subprocess.run(
            [sys.executable, "-m", "rsppc", "lsp"],
            input=said,
            cwd=folder,
            capture_output=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == b""


def test_a_job_that_nobody_waits_for_stops_and_the_others_are_done() -> None:
    reported: list[BaseException] = []
    pieces = iter(range(3))
    worker = Worker(spare=lambda: next(pieces, None) is not None, report=reported.append)
    begun = threading.Event()

    def endless() -> None:
        begun.set()
        while True:
            worker.checkpoint()

    worker.start()
    running = worker.submit(endless)
    waiting = worker.submit(lambda: "never")
    assert begun.wait(SECONDS_MAX)
    waiting.stop()
    running.stop()
    with pytest.raises(Stopped):
        running.future.result(SECONDS_MAX)
    assert waiting.future.cancelled()
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 // 0).future.result(SECONDS_MAX)
    assert worker.submit(lambda: "done").future.result(SECONDS_MAX) == "done"
    assert [type(one) for one in reported] == [ZeroDivisionError]
