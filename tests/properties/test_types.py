"""Laws of port types, of their text, and of solving a graph of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.ir.solve import Network, NetworkEdge, NetworkNode, Solution, components, solve, template_of
from rsppc.ir.types import (
    ANY,
    ATTRIBUTES,
    TEXT_MODES,
    AnyValue,
    ConfigField,
    Domain,
    Mismatch,
    PortType,
    Product,
    Range,
    Term,
    Values,
    Variable,
    converters,
    domain_of,
    meet,
    mismatch,
    refine,
)
from rsppc.syntax.type_expr import TypeSyntaxError, parse_type, print_type

VOCABULARY: dict[str, list[str] | list[int]] = {
    "codec": ["pcm_s16le", "pcm_mulaw", "opus"],
    "rate_hz": [8000, 16000, 48000],
    "channels": [1, 2],
    "frame_ms": [10, 20],
    "lang": ["en", "en-US", "en-GB", "de"],
    "modes": list(TEXT_MODES),
    "signals": ["turn", "cancel", "stall"],
    "schema": ["acme.a.v1", "acme.b.v1"],
}


def value_sets(attribute: str) -> st.SearchStrategy[Domain]:
    sets = st.lists(st.sampled_from(VOCABULARY[attribute]), min_size=1, max_size=3, unique=True)
    return sets.map(lambda values: Values(values=tuple(values), prefixed=attribute == "lang"))


def domains(attribute: str) -> st.SearchStrategy[Domain]:
    choices: list[st.SearchStrategy[Domain]] = [st.just(ANY), value_sets(attribute)]
    if attribute == "rate_hz":
        choices.append(st.sampled_from([Range(low=8000, high=16000), Range(low=12000, high=96000)]))
    return st.one_of(choices)


def terms(attribute: str) -> st.SearchStrategy[Term]:
    variables = st.builds(lambda bound: Variable(name=attribute, bound=bound), domains(attribute))
    return st.one_of(domains(attribute), variables)


def texts_of_terms(attribute: str) -> st.SearchStrategy[Term]:
    return st.one_of(terms(attribute), st.sampled_from(["rate", "language_2"]).map(lambda name: ConfigField(name=name)))


def products(of_attribute: object = domains) -> st.SearchStrategy[Product]:
    def of_kind(kind: str) -> st.SearchStrategy[Product]:
        each = [of_attribute(attribute) for attribute in ATTRIBUTES[kind]]  # type: ignore[operator]
        return st.tuples(*each).map(lambda chosen: Product(kind=kind, terms=chosen))

    return st.sampled_from([kind for kind in ATTRIBUTES if kind != "unchecked"]).flatmap(of_kind)


def types(of_attribute: object = domains) -> st.SearchStrategy[PortType]:
    alternatives = st.lists(products(of_attribute), min_size=1, max_size=3)
    several = alternatives.map(lambda chosen: PortType(alternatives=tuple(chosen)))
    alone = st.sampled_from(["T", "U", "unchecked"]).map(lambda kind: PortType(alternatives=(Product(kind=kind),)))
    return st.one_of(several, several, several, alone)


def as_sets(port_type: PortType | None) -> object:
    """A type without its orders; alternatives that another one covers do not count."""
    if port_type is None:
        return None
    shapes = {
        (product.kind, tuple(_as_set(domain_of(term)) for term in product.terms)) for product in port_type.alternatives
    }
    return frozenset(shape for shape in shapes if not any(_wider(other, shape) for other in shapes if other != shape))


def _as_set(domain: Domain) -> object:
    if not isinstance(domain, Values):
        return domain
    # A language covers its regions, so naming both says no more than naming the language.
    prefixes = [f"{value}-" for value in domain.values]
    return frozenset(value for value in domain.values if not any(str(value).startswith(each) for each in prefixes))


def _wider(outer: tuple[str, tuple[object, ...]], inner: tuple[str, tuple[object, ...]]) -> bool:
    return outer[0] == inner[0] and all(_holds(wide, narrow) for wide, narrow in zip(outer[1], inner[1], strict=True))


def _holds(wide: object, narrow: object) -> bool:
    if wide == narrow or isinstance(wide, AnyValue):
        return True
    if isinstance(wide, frozenset) and isinstance(narrow, frozenset):
        return all(any(value == each or str(value).startswith(f"{each}-") for each in wide) for value in narrow)
    if isinstance(wide, Range) and isinstance(narrow, frozenset):
        return all(wide.low <= int(value) <= wide.high for value in narrow)
    return isinstance(wide, Range) and isinstance(narrow, Range) and wide.low <= narrow.low and narrow.high <= wide.high


@settings(deadline=None, max_examples=80)
@given(types(texts_of_terms))
def test_parsing_what_was_printed_gives_the_same_type(port_type: PortType) -> None:
    assert parse_type(print_type(port_type)) == port_type


@settings(deadline=None, max_examples=80)
@given(st.one_of(st.text(max_size=40), st.text(alphabet="audiotexrlng_hz0189<>=|,?*. -TU\n", max_size=60)))
def test_any_text_is_a_type_or_a_fault_inside_it(text: str) -> None:
    parsed = parse_type(text)
    if isinstance(parsed, TypeSyntaxError):
        assert 0 <= parsed.start <= parsed.end <= len(text)
        assert parsed.message
    else:
        assert parse_type(print_type(parsed)) == parsed


@settings(deadline=None, max_examples=80)
@given(types(), types())
def test_a_meet_is_commutative_up_to_order_and_idempotent(first: PortType, second: PortType) -> None:
    assert as_sets(meet(first, second)) == as_sets(meet(second, first)) or _both_say_nothing(first, second)
    assert meet(first, first) == first
    both = meet(first, second)
    if both is not None:
        assert meet(both, both) == both
        assert as_sets(meet(both, first)) == as_sets(both)


def _both_say_nothing(first: PortType, second: PortType) -> bool:
    return all(len(print_type(each)) == 1 or print_type(each) == "unchecked" for each in (first, second))


@settings(deadline=None, max_examples=80)
@given(types(terms), types(terms))
def test_two_types_mismatch_exactly_when_they_have_no_meet(first: PortType, second: PortType) -> None:
    found = mismatch(first, second)
    assert (found is None) == (meet(first, second) is not None)
    if found is not None:
        assert found.differs
        assert not set(found.differs) & set(found.agrees)


@settings(deadline=None, max_examples=80)
@given(types(), types())
def test_a_refinement_narrows_or_is_refused(declared: PortType, refinement: PortType) -> None:
    refined = refine(declared, refinement)
    if isinstance(refined, Mismatch):
        assert refined.differs
        return
    assert as_sets(meet(refined, declared)) == as_sets(refined) or print_type(declared)[0].isupper()
    again = refine(declared, refined)
    assert isinstance(again, PortType)
    assert as_sets(again) == as_sets(refined)


@settings(deadline=None, max_examples=80)
@given(products(value_sets), products())
def test_converters_end_at_something_that_is_accepted(produced: Product, accepted: Product) -> None:
    target = PortType(alternatives=(accepted,))
    steps = converters(produced, target)
    if steps is None:
        return
    result = dict(zip(ATTRIBUTES[produced.kind], produced.terms, strict=True))
    for step in steps:
        assert step.node_type == "audio.transcode" or _is_linear(result["codec"])
        result[step.field] = Values(values=(step.value,))
    reached = PortType(alternatives=(Product(kind=produced.kind, terms=tuple(result.values())),))
    assert mismatch(reached, target) is None


def _is_linear(term: Term) -> bool:
    return isinstance(term, Values) and all(str(codec).startswith("pcm_s") for codec in term.values)


POOL = [
    {"x": ("in", "audio"), "y": ("out", "audio<rate_hz=48000|16000>")},
    {"x": ("in", "audio<rate_hz=?r of 8000|16000>"), "y": ("out", "audio<rate_hz=?r, lang=en>")},
    {"x": ("in", "audio<codec=?c, rate_hz=8000..48000>"), "y": ("out", "audio<codec=?c, rate_hz=16000..96000>")},
    {"x": ("in", "audio<codec=opus|pcm_s16le, lang=en-US>"), "y": ("out", "text<partial|final, lang=en-US>")},
    {"x": ("in", "text<?m of final|segment, lang=?l>"), "y": ("out", "text<?m, lang=?l>")},
    {"x": ("in", "text<?m>"), "y": ("out", "text<?m, lang=de|en>"), "z": ("in", "control")},
    {"x": ("in", "text<final>"), "y": ("out", "text<delta>"), "z": ("out", "control<turn|stall>")},
    {"x": ("in", "T"), "z": ("in", "T"), "y": ("out", "T")},
    {"x": ("in", "T"), "y": ("out", "T"), "z": ("in", "U"), "w": ("out", "U")},
    {"x": ("in", "audio<codec=opus> or text<final>"), "y": ("out", "audio<rate_hz=?r> or text<?m>")},
    {"x": ("in", "audio<rate_hz=?r> or text<delta|final>"), "y": ("out", "audio<rate_hz=8000> or audio<rate_hz=?r>")},
    {"x": ("in", "control<turn|cancel>"), "y": ("out", "record<acme.a.v1>"), "z": ("out", "unchecked")},
    {"x": ("in", "record<acme.a.v1|acme.b.v1>"), "y": ("out", "control<?s>"), "z": ("in", "control<?s>")},
]
TEMPLATES = [
    template_of({name: (side, parse_type(text)) for name, (side, text) in ports.items()})  # type: ignore[misc]
    for ports in POOL
]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    chosen = draw(st.lists(st.sampled_from(TEMPLATES), min_size=2, max_size=8))
    nodes = tuple(NetworkNode(id=f"n{number}", template=template) for number, template in enumerate(chosen))
    outputs = [(node.id, port.name) for node in nodes for port in node.template.ports if port.is_output]
    inputs = [(node.id, port.name) for node in nodes for port in node.template.ports if not port.is_output]
    pairs = st.tuples(st.sampled_from(outputs), st.sampled_from(inputs))
    wired = draw(st.lists(pairs, max_size=12, unique=True))
    edges = tuple(
        NetworkEdge(source_node=source[0], source_port=source[1], target_node=target[0], target_port=target[1])
        for source, target in wired
    )
    return Network(nodes=nodes, edges=edges, order=tuple(node.id for node in nodes))


def told(network: Network, solution: Solution) -> object:
    return (
        solution.types,
        solution.inferred,
        dict(zip(network.edges, solution.edges, strict=True)),
        solution.conflicts,
        list(solution.types),
    )


@settings(deadline=None, max_examples=80)
@given(networks(), st.randoms(use_true_random=False))
def test_the_order_of_nodes_and_edges_never_changes_a_solution(network: Network, random: object) -> None:
    nodes, edges = list(network.nodes), list(network.edges)
    random.shuffle(nodes)  # type: ignore[attr-defined]
    random.shuffle(edges)  # type: ignore[attr-defined]
    permuted = Network(nodes=tuple(nodes), edges=tuple(edges), order=network.order)
    assert told(permuted, solve(permuted)) == told(network, solve(network))
    assert components(permuted) == components(network)


@settings(deadline=None, max_examples=80)
@given(networks())
def test_without_conflict_every_edge_fits_and_every_port_keeps_its_declaration(network: Network) -> None:
    solution = solve(network)
    for conflict in solution.conflicts:
        assert conflict.differs
        assert len(conflict.chain) >= 2
        assert [step.link == "" for step in conflict.chain] == [False] * (len(conflict.chain) - 1) + [True]
    if solution.conflicts:
        return
    for edge, flow in zip(network.edges, solution.edges, strict=True):
        source = solution.types[edge.source_node][edge.source_port]
        target = solution.types[edge.target_node][edge.target_port]
        assert flow.unchecked or mismatch(source, target) is None
    for node in network.nodes:
        for port in node.template.ports:
            assert mismatch(port.type, solution.types[node.id][port.name]) is None
