"""The server: what comes in goes to the desk or becomes a job of the worker, and what the worker says goes out."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidRequest
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method

from rsppc.ide.project import Stopped
from rsppc.lsp.answers import ANSWERS, Answer
from rsppc.lsp.desk import Desk, options_of
from rsppc.lsp.places import home_of
from rsppc.lsp.positions import Unit
from rsppc.lsp.worker import Worker
from rsppc.version import VERSION

CONTENT_MODIFIED = -32801
NOT_INITIALIZED = -32002


class Protocol(LanguageServerProtocol):
    """The protocol, with texts kept at the desk: lines end only where the protocol says that they end."""

    _server: Server

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        self._server.desk.put(params.text_document)
        self._server.sync(params.text_document.uri)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        self._server.desk.edit(params)
        self._server.sync(params.text_document.uri)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._server.desk.take_away(params.text_document.uri)
        self._server.sync(params.text_document.uri)

    def structure_message(self, data: dict[str, Any]) -> Any:
        """A message as an object; one that cannot be understood is answered, so that nobody waits for it."""
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], None, error.to_response_error())
            return None

    def handle_message(self, message: Any) -> None:
        if message is None or not hasattr(message, "jsonrpc"):
            return
        refused = self._out_of_turn(getattr(message, "method", ""))
        if refused is None:
            super().handle_message(message)
        elif hasattr(message, "id"):
            self._send_response(message.id, None, refused.to_response_error())

    @property
    def is_over(self) -> bool:
        """Whether the editor has asked for the end."""
        return bool(self._shutdown)

    def _out_of_turn(self, method: str) -> JsonRpcException | None:
        """Why a message cannot be answered at this time of the server's life."""
        if method in ("", types.EXIT):
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest("the server has been shut down")
        if self._server.is_begun and method == types.INITIALIZE:
            return JsonRpcInvalidRequest("the server has been initialized")
        if not self._server.is_begun and method != types.INITIALIZE:
            return JsonRpcException("the server has not been initialized", code=NOT_INITIALIZED)
        return None


class Server(LanguageServer):
    """One editor's server."""

    protocol: Protocol

    def __init__(self) -> None:
        logging.getLogger("pygls").setLevel(
            logging.CRITICAL
        )  # what matters of it, `report_server_error` says in a line
        super().__init__(name="rsppc", version=VERSION, protocol_cls=Protocol)
        self.worker = Worker(spare=lambda: self.desk.spare(), report=self._report, answers=(JsonRpcException,))
        self.desk = Desk(publish=self._publish, checkpoint=self.worker.checkpoint)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_begun(self) -> bool:
        """Whether an editor has said who it is."""
        return self._loop is not None

    def sync(self, uri: str) -> None:
        self.worker.submit(lambda: self.desk.sync(uri))

    async def answered(self, answer: Answer, params: Any) -> Any:
        """What the worker answers; it stops working on an answer that the editor does not want any more."""
        ticket = self.worker.submit(lambda: answer(self.desk, params))
        try:
            return await asyncio.wrap_future(ticket.future)
        except asyncio.CancelledError:
            ticket.stop()
            raise
        except Stopped as stopped:
            raise JsonRpcException("the text has changed", code=CONTENT_MODIFIED) from stopped

    def started(self, params: types.InitializeParams) -> None:
        self._loop = asyncio.get_running_loop()
        self.desk.unit = _unit_of(self.protocol.workspace.position_encoding)
        self.desk.options = options_of(params.initialization_options)
        self.desk.can_edit_files = _can_edit_files(params.capabilities)
        self.worker.start()
        named = [one.uri for one in params.workspace_folders or ()] or [params.root_uri or ""]
        folders = [home_of(uri).path for uri in named if uri.startswith("file:")]
        self.worker.submit(lambda: self.desk.open_folders(folders))

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Faults of messages are told to those who read the log, not to the author; what was answered is not told."""
        if isinstance(error, JsonRpcException):
            return
        print(f"rsppc lsp: {error}", file=sys.stderr)

    def _publish(self, params: types.PublishDiagnosticsParams) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._send, params)

    def _send(self, params: types.PublishDiagnosticsParams) -> None:
        if not self.protocol.is_over:  # who has said goodbye may have closed the door
            self.text_document_publish_diagnostics(params)

    def _report(self, error: BaseException) -> None:
        """A bug of ours: the server goes on without the answer."""
        text = "".join(traceback.format_exception(error))
        print(f"rsppc lsp: a bug of ours\n{text}", file=sys.stderr)


def make_server() -> Server:
    """A server that knows everything that it can do."""
    server = Server()

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.started(params)

    @server.feature(types.INITIALIZED)
    def initialized(params: types.InitializedParams) -> None:
        _watch_files(server)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def watched(params: types.DidChangeWatchedFilesParams) -> None:
        uris = [one.uri for one in params.changes]
        server.worker.submit(lambda: server.desk.changed_on_disk(uris))

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        uri = params.text_document.uri
        if uri.endswith("/rsppc.toml"):
            server.worker.submit(lambda: server.desk.changed_on_disk([uri]))

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def configured(params: types.DidChangeConfigurationParams) -> None:
        given = params.settings.get("rsppc", params.settings) if isinstance(params.settings, dict) else None
        server.desk.options = options_of(given)

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        added = [home_of(one.uri).path for one in params.event.added]
        removed = [home_of(one.uri).path for one in params.event.removed]
        server.worker.submit(lambda: server.desk.close_folders(removed))
        server.worker.submit(lambda: server.desk.open_folders(added))

    for method, (answer, options) in ANSWERS.items():
        server.feature(method, options)(_handler(server, answer))
    return server


def _handler(server: Server, answer: Answer) -> Callable[[Any], Any]:
    async def handle(params: Any) -> Any:
        return await server.answered(answer, params)

    return handle


def _unit_of(encoding: Any) -> Unit:
    known: dict[str, Unit] = {"utf-8": "utf-8", "utf-32": "utf-32"}
    return known.get(str(getattr(encoding, "value", encoding)), "utf-16")


def _can_edit_files(capabilities: types.ClientCapabilities) -> bool:
    edits = capabilities.workspace.workspace_edit if capabilities.workspace is not None else None
    operations = (edits.resource_operations or ()) if edits is not None else ()
    return bool(edits is not None and edits.document_changes and types.ResourceOperationKind.Rename in operations)


def _watch_files(server: Server) -> None:
    workspace = server.client_capabilities.workspace
    watching = workspace.did_change_watched_files if workspace is not None else None
    if watching is None or not watching.dynamic_registration:
        return
    watchers = [
        types.FileSystemWatcher(glob_pattern=one) for one in ("**/*.{yaml,json,rspp}", "**/rsppc.toml", "**/assets/**")
    ]
    # Where a folder is deleted, or gets another name, nothing is said of the files in it.
    watchers.append(types.FileSystemWatcher(glob_pattern="**/*", kind=types.WatchKind.Delete))
    options = types.DidChangeWatchedFilesRegistrationOptions(watchers=watchers)
    registration = types.Registration(
        id="files", method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES, register_options=options
    )
    server.client_register_capability(types.RegistrationParams(registrations=[registration]))
