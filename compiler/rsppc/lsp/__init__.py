"""The language server: transport and protocol. Alone in knowing JSON-RPC, URIs, versions of documents, UTF-16 columns,
cancelling, and threads; what there is to say is known to `ide/`.
"""
