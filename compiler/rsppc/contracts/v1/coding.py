"""Bytes to models and back. Nothing that breaks its contract comes in or goes out."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.contracts.rules import Broken, broken, repeated
from rsppc.contracts.v1.model import Model
from rsppc.contracts.v1.registry import MODELS
from rsppc.model.contracts import BY_NAME

_KINDS: dict[type[Model], str] = {model: kind for kind, model in MODELS.items()}


def decode(kind: str, data: bytes) -> Model | tuple[Broken, ...]:
    """The object that a text states, or what is wrong with it. Of several wrong shapes the first is told, of broken
    rules all; `rsppc contracts check` tells everything at once, with places in the text."""
    try:
        value = msgspec.json.decode(data)
        json.loads(data, object_pairs_hook=_once)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        advice = "write one JSON object"
        return (Broken(path=(), rule="json", message=f"it cannot be read as JSON: {error}", advice=advice),)
    return _read(kind, value)


def breaches(model: Model) -> tuple[Broken, ...]:
    """What a model breaks of its contract."""
    found = _read(_KINDS[type(model)], msgspec.to_builtins(model))
    return found if isinstance(found, tuple) else ()


def encode(model: Model) -> bytes:
    """Canonical JSON of a model. One that breaks its contract is a bug of whoever made it."""
    found = breaches(model)
    if found:
        raise ValueError(f"{found[0].place}: {found[0].message} ({found[0].rule})")
    return canonical(msgspec.to_builtins(model))


def _read(kind: str, value: Any) -> Model | tuple[Broken, ...]:
    try:
        model: Model = msgspec.convert(value, MODELS[kind])
    except msgspec.ValidationError as error:
        return (_misshapen(str(error)),)
    contract = BY_NAME[kind]
    return (*repeated(contract.shape, value), *broken(contract, value)) or model


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys stand once each: readers disagree about which of two counts."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is written twice in one object")
    return made


_PLACE = re.compile(r" - at `(?:key in )?\$(.*)`\Z")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


def _misshapen(error: str) -> Broken:
    found = _PLACE.search(error)
    steps = _STEP.findall(found[1]) if found else ()
    path = tuple(int(index) if index.isdigit() else name or "*" for name, index in steps)
    message = error[: found.start()] if found else error
    return Broken(path=path, rule="shape", message=message, advice="see the contract's schema: `rsppc schema`")
