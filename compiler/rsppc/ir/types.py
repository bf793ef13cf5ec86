"""Port types and their algebra: what a port produces or accepts, and where two ports meet.

A port type is an ordered list of alternatives; each alternative is a product of one term per attribute of its kind, in
the order of `ATTRIBUTES`. A term is a domain (an ordered set of values, a range, or any value), a variable with a
bounding domain, or a config field that is filled in later. Order inside a set is preference: no operation loses it.

Assumes nothing about graphs; `ir/solve.py` spreads these terms over a whole network. Everything here is pure: the
module-level dictionaries only remember the results of pure functions, and forget them when they grow too large.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypeVar

from rsppc.base.record import Record

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "audio": ("codec", "rate_hz", "channels", "frame_ms", "lang"),
    "text": ("modes", "lang"),
    "control": ("signals",),
    "record": ("schema",),
    "metrics": (),
    "debug": (),
    "error": (),
    "unchecked": (),
}
"""The attributes of every kind, in the order in which products hold and print them."""

POSITIONAL: Mapping[str, str] = {"text": "modes", "control": "signals", "record": "schema"}
"""The attribute that each kind writes without its name."""

TEXT_MODES = ("partial", "final", "delta", "segment")
LINEAR_CODECS = ("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le")
CODECS = (
    *LINEAR_CODECS,
    *("pcm_mulaw", "pcm_alaw", "opus", "g722", "g729", "amr_nb", "amr_wb", "aac", "mp3", "flac", "vorbis", "speex"),
)
NUMBER_BOUNDS: Mapping[str, tuple[int, int]] = {
    "rate_hz": (1000, 384000),
    "channels": (1, 32),
    "frame_ms": (1, 1000),
}
MAX_VALUES = 64
"""The longest set of values, and the most alternatives, that a type may have."""

Scalar: TypeAlias = str | int


class AnyValue(Record, cache_hash=True):
    """`*`: nothing is said."""


class Values(Record, cache_hash=True):
    """One value or more, in order of preference; `prefixed` sets hold language tags, which fit their own prefixes."""

    values: tuple[Scalar, ...]
    prefixed: bool = False


class Range(Record, cache_hash=True):
    """All whole numbers from `low` to `high`, both included, without preference."""

    low: int
    high: int


class Variable(Record, cache_hash=True):
    """`?x`: the same value wherever the node's ports name it, within `bound`."""

    name: str
    bound: AnyValue | Values | Range


class ConfigField(Record, cache_hash=True):
    """`config.FIELD`: the value that the node's config will have."""

    name: str


Domain: TypeAlias = AnyValue | Values | Range
Term: TypeAlias = AnyValue | Values | Range | Variable | ConfigField

ANY = AnyValue()


class Product(Record, cache_hash=True):
    """One alternative: a kind and one term per attribute. A capitalized kind is a whole-type variable."""

    kind: str
    terms: tuple[Term, ...] = ()


class PortType(Record, cache_hash=True):
    """What a port produces or accepts: its alternatives, the preferred one first."""

    alternatives: tuple[Product, ...]


class Mismatch(Record):
    """Why two types do not fit: where the closest alternatives differ and agree, and both sides printed."""

    source: str
    target: str
    differs: tuple[str, ...]
    agrees: tuple[str, ...]


class ConverterStep(Record):
    """One converter node to insert: its node type and the one config field that it needs."""

    node_type: str
    field: str
    value: Scalar


UNCHECKED = PortType(alternatives=(Product(kind="unchecked"),))


# --- Questions about two types ---------------------------------------------------------------------------------------


def mismatch(source: PortType, target: PortType) -> Mismatch | None:
    """Why nothing that `source` produces is accepted by `target`, or None where they fit."""
    best: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    for produced in source.alternatives:
        for accepted in target.alternatives:
            differs, agrees = compare(produced, accepted)
            if not differs:
                return None
            if best is None or _distance(differs) < _distance(best[0]):
                best = (differs, agrees)
    differs, agrees = best or (("kind",), ())
    return Mismatch(source=print_type(source), target=print_type(target), differs=differs, agrees=agrees)


def compare(produced: Product, accepted: Product) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The attributes on which two products differ, and those of which both speak and on which they agree."""
    if says_nothing(produced) or says_nothing(accepted):
        return (), ()
    if produced.kind != accepted.kind:
        return ("kind",), ()
    differs: list[str] = []
    agrees: list[str] = []
    for attribute, left, right in zip(ATTRIBUTES[produced.kind], produced.terms, accepted.terms, strict=True):
        ours, theirs = domain_of(left), domain_of(right)
        if meet_domains(ours, theirs) is None:
            differs.append(attribute)
        elif type(ours) is not AnyValue and type(theirs) is not AnyValue:
            agrees.append(attribute)
    return tuple(differs), tuple(agrees)


def meet(first: PortType, second: PortType) -> PortType | None:
    """What both types allow, in the order of `first`; None where they have nothing in common."""
    if first == second or says_nothing(second.alternatives[0]):
        return first
    if says_nothing(first.alternatives[0]):
        return second
    products: list[Product] = []
    for left in first.alternatives:
        for right in second.alternatives:
            both = _meet_products(left, right)
            # What an earlier, wider alternative covers already would never be chosen.
            if both is not None and not any(_inside(both, wider) for wider in products):
                products.append(both)
            if len(products) == MAX_VALUES:
                return PortType(alternatives=tuple(products))
    return PortType(alternatives=tuple(products)) if products else None


def refine(declared: PortType, refinement: PortType) -> PortType | Mismatch:
    """`declared` narrowed to what a provider states, in the provider's order; variables stay.

    An attribute of which the refinement says nothing keeps its declared term, in every alternative that allows the
    rest. Fill in config fields first: one that is still open says nothing, so a refinement replaces it. A refinement
    outside the declared type is a mismatch.
    """
    key = (declared, refinement)
    known = _REFINED.get(key)
    return known if known is not None else remember(_REFINED, key, _refine(declared, refinement))


def with_languages(declared: PortType, tags: tuple[str, ...]) -> PortType | Mismatch:
    """`declared` with `lang` bounded by the languages that a provider states; kinds without `lang` stay as they are."""
    bound = Values(values=tags, prefixed=True)
    products: list[Product] = []
    for product in declared.alternatives:
        if "lang" not in ATTRIBUTES.get(product.kind, ()):
            products.append(product)
            continue
        narrowed = _narrow(product.terms[-1], bound)
        if narrowed is not None:
            products.append(Product(kind=product.kind, terms=(*product.terms[:-1], narrowed)))
    if products:
        return PortType(alternatives=tuple(products))
    return Mismatch(source=print_type(declared), target=print_domain(bound), differs=("lang",), agrees=())


def substitute(declared: PortType, config: Mapping[str, object]) -> PortType:
    """`declared` with every `config.FIELD` filled in; a value that is missing or outside the vocabulary becomes `*`.

    Values outside the vocabulary are the concern of whoever reads the config (`attribute_fault`); guessing here would
    only report the same fault a second time.
    """
    if not config_fields(declared):
        return declared
    return PortType(alternatives=tuple(_substitute_product(product, config) for product in declared.alternatives))


def config_fields(declared: PortType) -> tuple[str, ...]:
    """The config fields that a type reads, in order of appearance."""
    known = _CONFIG_FIELDS.get(declared)
    if known is not None:
        return known
    terms = (term for product in declared.alternatives for term in product.terms)
    fields = {term.name: None for term in terms if type(term) is ConfigField}
    return remember(_CONFIG_FIELDS, declared, tuple(fields))


def converters(produced: Product, accepted: PortType) -> tuple[ConverterStep, ...] | None:
    """The shortest chain of converters that makes `produced` acceptable: empty if it is, None if no chain does.

    Mixing down comes before resampling and mixing up after it, so that the resampler sees the fewest channels; both
    need linear samples, so a compressed codec is decoded first and encoded last.
    """
    chains = [_converters_to(produced, product) for product in accepted.alternatives]
    return min((chain for chain in chains if chain is not None), key=len, default=None)


# --- Domains ---------------------------------------------------------------------------------------------------------


def domain_of(term: Term) -> Domain:
    """What a term allows by itself: a variable its bound, an open config field anything."""
    if type(term) is Variable:
        return term.bound
    if type(term) is ConfigField:
        return ANY
    return term  # type: ignore[return-value]  # the two other cases are gone


def meet_domains(first: Domain, second: Domain) -> Domain | None:
    """What both domains allow, in the order of the first that has one; None where nothing is left."""
    if first is second or type(second) is AnyValue:
        return first
    if type(first) is AnyValue:
        return second
    key = (first, second)
    if key in _MEETS:
        return _MEETS[key]
    return remember(_MEETS, key, _meet_sets(first, second))


def hull(domains: list[Domain]) -> Domain:
    """The smallest domain that holds all the given ones; sets and ranges together become a range."""
    if any(type(domain) is AnyValue for domain in domains):
        return ANY
    if all(type(domain) is Values for domain in domains):
        merged = {value: None for domain in domains for value in domain.values}  # type: ignore[union-attr]
        return Values(values=tuple(merged), prefixed=domains[0].prefixed)  # type: ignore[union-attr]
    ends = [end for domain in domains for end in _ends(domain)]
    return Range(low=min(ends), high=max(ends))


def only(value: Scalar, *, prefixed: bool = False) -> Values:
    """The set of one value; the same object every time."""
    key = (value, prefixed)
    known = _ONLY.get(key)
    return known if known is not None else remember(_ONLY, key, Values(values=(value,), prefixed=prefixed))


def says_nothing(product: Product) -> bool:
    """Whether a product fits everything: an unchecked port or a whole-type variable."""
    return product.kind == "unchecked" or is_whole_variable(product.kind)


def is_whole_variable(kind: str) -> bool:
    """Whether a kind is a whole-type variable such as `T`."""
    return "A" <= kind[:1] <= "Z"


# --- Vocabulary ------------------------------------------------------------------------------------------------------


def attribute_fault(attribute: str, value: object) -> str | None:
    """Why `value` is outside the vocabulary of an attribute, in one sentence, or None where it is inside."""
    bounds = NUMBER_BOUNDS.get(attribute)
    if bounds is not None:
        if type(value) is not int:
            return f"`{attribute}` is a whole number"
        low, high = bounds
        return None if low <= value <= high else f"`{attribute}` lies between {low} and {high}"
    if not isinstance(value, str):
        return f"`{attribute}` is a word"
    match attribute:
        case "codec":
            return None if value in CODECS else f"`{value}` is not a codec"
        case "modes":
            return None if value in TEXT_MODES else f"`{value}` is not a text mode"
        case "lang":
            return None if canonical_tag(value) else f"`{value}` is not a language tag"
        case "signals":
            return None if is_name(value) else f"`{value}` is not a signal name"
        case _:
            return None if all(map(_is_schema_part, value.split("."))) else f"`{value}` is not a schema id"


def canonical_tag(tag: str) -> str | None:
    """A BCP-47 language tag in its customary capitals (`en-US`, `zh-Hant-TW`), or None where the shape is wrong."""
    if not tag.isascii() or len(tag) > 35:
        return None
    language, *rest = tag.split("-")
    if not (2 <= len(language) <= 8 and language.isalpha() and len(language) != 4):
        return None
    if not all(1 <= len(part) <= 8 and part.isalnum() for part in rest):
        return None
    return "-".join((language.lower(), *_cased_subtags(rest)))


def is_name(text: str) -> bool:
    """Whether a text matches `[a-z][a-z0-9_]*`."""
    return text[:1].isalpha() and text.isascii() and text.replace("_", "0").isalnum() and text == text.lower()


# --- Printing --------------------------------------------------------------------------------------------------------


def print_type(port_type: PortType) -> str:
    """The canonical text of a type: `*` attributes left out, everything else in declared order."""
    known = _PRINTED.get(port_type)
    if known is not None:
        return known
    return remember(_PRINTED, port_type, " or ".join(map(print_product, port_type.alternatives)))


def print_product(product: Product) -> str:
    """The canonical text of one alternative."""
    parts = [
        print_term(term) if attribute == POSITIONAL.get(product.kind) else f"{attribute}={print_term(term)}"
        for attribute, term in zip(ATTRIBUTES.get(product.kind, ()), product.terms, strict=True)
        if type(term) is not AnyValue
    ]
    return f"{product.kind}<{', '.join(parts)}>" if parts else product.kind


def print_term(term: Term) -> str:
    """The canonical text of one term."""
    match term:
        case Variable(name=name, bound=AnyValue()):
            return f"?{name}"
        case Variable(name=name, bound=bound):
            return f"?{name} of {print_domain(bound)}"
        case ConfigField(name=name):
            return f"config.{name}"
        case _:
            return print_domain(term)


def print_domain(domain: Domain) -> str:
    """The canonical text of a domain: `*`, `8000..48000`, `16000|8000`."""
    match domain:
        case AnyValue():
            return "*"
        case Range(low=low, high=high):
            return f"{low}..{high}"
        case Values(values=values):
            return "|".join(map(str, values))


# --- Below: the steps of the above -----------------------------------------------------------------------------------

_MEMORY_LIMIT = 8192
_MEETS: dict[tuple[Domain, Domain], Domain | None] = {}
_REFINED: dict[tuple[PortType, PortType], PortType | Mismatch] = {}
_CONFIG_FIELDS: dict[PortType, tuple[str, ...]] = {}
_ONLY: dict[tuple[Scalar, bool], Values] = {}
_PRINTED: dict[PortType, str] = {}

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def remember(memory: dict[_Key, _Value], key: _Key, value: _Value) -> _Value:
    """Keep the result of a pure function, and return it."""
    # A language server lives for days: forgetting everything now and then is cheaper than tracking use.
    if len(memory) >= _MEMORY_LIMIT:
        memory.clear()
    memory[key] = value
    return value


def _distance(differs: tuple[str, ...]) -> int:
    # Another kind is farther away than any number of attributes.
    return 100 if differs == ("kind",) else len(differs)


def _meet_products(left: Product, right: Product) -> Product | None:
    if left.kind != right.kind:
        return None
    terms: list[Term] = []
    for ours, theirs in zip(left.terms, right.terms, strict=True):
        both = _meet_terms(ours, theirs)
        if both is None:
            return None
        terms.append(both)
    return Product(kind=left.kind, terms=tuple(terms))


def _meet_terms(ours: Term, theirs: Term) -> Term | None:
    if ours == theirs:
        return ours
    both = meet_domains(domain_of(ours), domain_of(theirs))
    if both is not None and type(ours) is Variable and type(theirs) is Variable and ours.name == theirs.name:
        return Variable(name=ours.name, bound=both)
    return both


def _meet_sets(first: Domain, second: Domain) -> Domain | None:
    match first, second:
        case Values(prefixed=True), Values():
            return _meet_tags(first, second)
        case Values(), Values():
            allowed = set(second.values)
            return _values_or_none([value for value in first.values if value in allowed])
        case Values(), Range(low=low, high=high):
            return _values_or_none([value for value in first.values if low <= int(value) <= high])
        case Range(low=low, high=high), Values():
            return _values_or_none([value for value in second.values if low <= int(value) <= high])
        case Range(), Range():
            return range_between(max(first.low, second.low), min(first.high, second.high))
        case _:
            return first if type(second) is AnyValue else second


def range_between(low: int, high: int) -> Range | Values | None:
    """The range of two ends; a range of one number is that number, an empty one is None."""
    if low > high:
        return None
    return only(low) if low == high else Range(low=low, high=high)


def _values_or_none(values: list[Scalar]) -> Values | None:
    if len(values) == 1:
        return only(values[0])
    return Values(values=tuple(values)) if values else None


def _meet_tags(first: Values, second: Values) -> Values | None:
    # Of two tags that fit, the longer one says more. The cut keeps a hostile pile of nested tags from growing.
    met = {
        (ours if len(str(ours)) >= len(str(theirs)) else theirs): None
        for ours in first.values
        for theirs in second.values
        if _tags_fit(str(ours), str(theirs))
    }
    tags = tuple(met)[:MAX_VALUES]
    if len(tags) == 1:
        return only(tags[0], prefixed=True)
    return Values(values=tags, prefixed=True) if tags else None


def _tags_fit(ours: str, theirs: str) -> bool:
    return ours == theirs or ours.startswith(theirs + "-") or theirs.startswith(ours + "-")


def _ends(domain: Domain) -> tuple[int, ...]:
    match domain:
        case Range(low=low, high=high):
            return (low, high)
        case Values(values=values):
            return tuple(int(value) for value in values)
        case _:
            return ()


def _inside(inner: Product, outer: Product) -> bool:
    return inner.kind == outer.kind and all(
        _covers(domain_of(wide), domain_of(narrow)) for narrow, wide in zip(inner.terms, outer.terms, strict=True)
    )


def _covers(outer: Domain, inner: Domain) -> bool:
    match outer, inner:
        case AnyValue(), _:
            return True
        case _, AnyValue():
            return False
        case Values(prefixed=True), Values():
            return all(
                any(tag == wide or str(tag).startswith(f"{wide}-") for wide in outer.values) for tag in inner.values
            )
        case Values(), Values():
            return set(inner.values) <= set(outer.values)
        case Range(low=low, high=high), _:
            return all(low <= end <= high for end in _ends(inner))
        case Values(), Range():
            short = inner.high - inner.low < MAX_VALUES
            return short and set(outer.values).issuperset(range(inner.low, inner.high + 1))
        case _:
            return False


def _refine(declared: PortType, refinement: PortType) -> PortType | Mismatch:
    if says_nothing(refinement.alternatives[0]):
        return declared
    if says_nothing(declared.alternatives[0]):
        return refinement
    products: list[Product] = []
    for narrow in refinement.alternatives:
        inside = [_refine_product(wide, narrow) for wide in declared.alternatives]
        refined = [product for product in inside if product is not None]
        if not refined:
            return _outside(declared, narrow)
        products.extend([product for product in refined if not any(_inside(product, wider) for wider in products)])
    return PortType(alternatives=tuple(products[:MAX_VALUES]))


def _refine_product(wide: Product, narrow: Product) -> Product | None:
    if wide.kind != narrow.kind:
        return None
    terms: list[Term] = []
    for ours, theirs in zip(wide.terms, narrow.terms, strict=True):
        stated = domain_of(theirs)
        if type(stated) is AnyValue:
            terms.append(ours)
        elif not _covers(domain_of(ours), stated):
            return None
        else:
            terms.append(Variable(name=ours.name, bound=stated) if type(ours) is Variable else stated)
    return Product(kind=wide.kind, terms=tuple(terms))


def _outside(declared: PortType, narrow: Product) -> Mismatch:
    """The mismatch of a refinement with the declared alternative that it exceeds in the fewest attributes."""
    exceeded = [
        tuple(
            attribute
            for attribute, ours, theirs in zip(ATTRIBUTES[wide.kind], wide.terms, narrow.terms, strict=True)
            if type(domain_of(theirs)) is not AnyValue and not _covers(domain_of(ours), domain_of(theirs))
        )
        for wide in declared.alternatives
        if wide.kind == narrow.kind
    ]
    differs = min(exceeded, key=len, default=("kind",))
    said = zip(ATTRIBUTES[narrow.kind], narrow.terms, strict=True) if exceeded else ()
    agrees = tuple(a for a, term in said if a not in differs and type(domain_of(term)) is not AnyValue)
    return Mismatch(source=print_type(declared), target=print_product(narrow), differs=differs, agrees=agrees)


def _narrow(term: Term, bound: Domain) -> Term | None:
    narrowed = meet_domains(domain_of(term), bound)
    if narrowed is not None and type(term) is Variable:
        return Variable(name=term.name, bound=narrowed)
    return narrowed


def _substitute_product(product: Product, config: Mapping[str, object]) -> Product:
    if not any(type(term) is ConfigField for term in product.terms):
        return product
    terms = tuple(
        _configured(attribute, config.get(term.name)) if type(term) is ConfigField else term
        for attribute, term in zip(ATTRIBUTES[product.kind], product.terms, strict=True)
    )
    return Product(kind=product.kind, terms=terms)


def _configured(attribute: str, value: object) -> Domain:
    given: tuple[object, ...] = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not given or len(given) > MAX_VALUES or any(attribute_fault(attribute, each) for each in given):
        return ANY
    if attribute == "lang":
        given = tuple(canonical_tag(str(tag)) for tag in given)
    values: dict[Scalar, None] = {each: None for each in given if isinstance(each, str | int)}
    if len(values) == 1:
        return only(next(iter(values)), prefixed=attribute == "lang")
    return Values(values=tuple(values), prefixed=attribute == "lang")


def _is_schema_part(part: str) -> bool:
    return part.isascii() and part.replace("_", "0").replace("-", "0").isalnum() and part == part.lower()


def _cased_subtags(parts: list[str]) -> list[str]:
    cased: list[str] = []
    extension = False
    for part in parts:
        # What follows a single letter is private or an extension and stays small.
        extension = extension or len(part) == 1
        if not extension and part.isalpha() and len(part) == 2:
            cased.append(part.upper())
        elif not extension and part.isalpha() and len(part) == 4:
            cased.append(part.title())
        else:
            cased.append(part.lower())
    return cased


def _converters_to(produced: Product, accepted: Product) -> tuple[ConverterStep, ...] | None:
    if accepted.kind == "unchecked":
        return ()
    differs, _ = compare(produced, accepted)
    if produced.kind != "audio" or accepted.kind != "audio" or not {"codec", "rate_hz", "channels"}.issuperset(differs):
        return None
    has = dict(zip(ATTRIBUTES["audio"], map(domain_of, produced.terms), strict=True))
    wants = dict(zip(ATTRIBUTES["audio"], map(domain_of, accepted.terms), strict=True))
    changed = [attribute for attribute in ("channels", "rate_hz") if attribute in differs]
    reshaped = [_reshaping(attribute, has[attribute], wants[attribute]) for attribute in changed]
    if len(reshaped) == 2 and _grows(has["channels"], reshaped[0].value):
        reshaped.reverse()
    return _around_samples(has["codec"], wants["codec"], reshaped)


def _reshaping(attribute: str, has: Domain, wants: Domain) -> ConverterStep:
    node_type = "audio.mixdown" if attribute == "channels" else "audio.resample"
    return ConverterStep(node_type=node_type, field=attribute, value=_nearest(has, wants))


def _nearest(has: Domain, wants: Domain) -> Scalar:
    # What changes the sound least: the most that is no more than there is, else the least that is more.
    if type(wants) is Values:
        there_is = max(_ends(has), default=0)
        numbers = sorted(int(value) for value in wants.values)
        return max((number for number in numbers if number <= there_is), default=numbers[0])
    low, high = _ends(wants)
    return high if min(_ends(has), default=low) > high else low


def _grows(has: Domain, channels: Scalar) -> bool:
    return max(_ends(has), default=0) < int(channels)


def _around_samples(has: Domain, wants: Domain, reshaped: list[ConverterStep]) -> tuple[ConverterStep, ...]:
    steps: list[ConverterStep] = []
    codec = has
    settled = _settled_linear(has, wants) if reshaped else None
    if settled is not None:
        codec = settled
    elif reshaped:
        # Decoding straight to a linear codec that the other end accepts saves the last step.
        linear = meet_domains(wants, Values(values=LINEAR_CODECS))
        decoded = linear.values[0] if type(linear) is Values and "pcm_s16le" not in linear.values else "pcm_s16le"
        steps.append(ConverterStep(node_type="audio.transcode", field="codec", value=decoded))
        codec = only(decoded)
    steps.extend(reshaped)
    if meet_domains(codec, wants) is None and type(wants) is Values:
        steps.append(ConverterStep(node_type="audio.transcode", field="codec", value=wants.values[0]))
    return tuple(steps)


def _settled_linear(has: Domain, wants: Domain) -> Domain | None:
    """The linear codecs in which what is produced can come without being decoded; None where it may be compressed."""
    linear = Values(values=LINEAR_CODECS)
    if type(has) is AnyValue:
        return linear
    both = meet_domains(has, wants)
    return next((codec for codec in (has, both) if codec is not None and _covers(linear, codec)), None)
