"""What an import reports. Errors refuse the import; warnings say what got lost or was assumed; notes say what became
of the rest, so that nobody has to compare two files to know."""

from __future__ import annotations

from rsppc.diagnostics import Diagnostic


class NotEarlier(Diagnostic):
    """`rsppc import` reads the earlier JSON artifacts, which announce themselves by their `schema_version`. It guesses
    nothing about other files."""

    code = "RSP1301"
    name = "not-an-earlier-artifact"
    headline = "{problem}"
    hint = "{advice}"
    problem: str
    advice: str


class EarlierUnknownField(Diagnostic):
    """Earlier artifacts are read strictly: what a field means that nobody declared cannot be translated."""

    code = "RSP1302"
    name = "earlier-unknown-field"
    headline = "`{subject}` is no field of an earlier {title}"
    hint = "{advice}"
    title: str
    advice: str


class EarlierMissingField(Diagnostic):
    """The tools that wrote the earlier artifacts refused one without this field, and so does the import."""

    code = "RSP1303"
    name = "earlier-missing-field"
    headline = "`{subject}` is missing"
    hint = "add it: {doc}"
    doc: str


class EarlierWrongType(Diagnostic):
    """The value is of another kind than the earlier form has at this place."""

    code = "RSP1304"
    name = "earlier-wrong-type"
    headline = "`{subject}` is {expected}, and this is {found}"
    expected: str
    found: str


class EarlierWrongValue(Diagnostic):
    """The value is of the right kind, but none that the earlier form allows at this place."""

    code = "RSP1305"
    name = "earlier-wrong-value"
    headline = "`{subject}` {problem}"
    hint = "{advice}"
    problem: str
    advice: str = ""


class EarlierRepetition(Diagnostic):
    """Names, edges and items of a list stand once each; which of two would count is not for an import to decide."""

    code = "RSP1306"
    name = "earlier-repetition"
    headline = "`{subject}` repeats `{first}`"
    hint = "remove one of them"
    first: str


class EarlierUndeclaredNode(Diagnostic):
    """Both ends of an edge are nodes of the same spec."""

    code = "RSP1307"
    name = "earlier-undeclared-node"
    headline = "`{subject}` names `{node}`, and the spec has no such node"
    hint = "{advice}"
    node: str
    advice: str


class EarlierNodeKind(Diagnostic):
    """Only nodes that a provider serves have a counterpart of known ports. What another node did stood in the code of
    the earlier runtime, not in its spec."""

    code = "RSP1308"
    name = "earlier-node-kind"
    headline = "`{subject}` is `{kind}`, and nothing is known about the ports of such a node"
    hint = "import the spec without it, then write the node anew with a node type that declares its ports"
    kind: str


class EarlierGraph(Diagnostic):
    """Earlier edges have no ports and no types. Where exactly one whole voice turn fits the edges, it is written; else
    a person has to say what was meant."""

    code = "RSP1309"
    name = "earlier-graph"
    headline = "`{subject}`: {problem}"
    hint = "{advice}"
    problem: str
    advice: str


class EarlierName(Diagnostic):
    """Today's ids are made of small letters, digits and `_`; an earlier name that holds none of them cannot be kept."""

    code = "RSP1310"
    name = "earlier-name"
    headline = "`{subject}` is `{written}`, of which no id can be made"
    hint = "rename it: ids begin with a letter and are made of small letters, digits and `_`"
    written: str


class EarlierReference(Diagnostic):
    """A bundle names its parts by paths. What a path leads to is translated in the same run, so that the reference can
    be written with its id and version."""

    code = "RSP1311"
    name = "earlier-reference"
    headline = "`{subject}` leads to `{target}`, and that is {problem}"
    hint = "{advice}"
    target: str
    problem: str
    advice: str


class PipelineVersionDiffers(Diagnostic):
    """Artifacts that belong together carry one `pipeline_version`; if theirs differ, they were never one release."""

    code = "RSP1312"
    name = "pipeline-version-differs"
    headline = "`{subject}` is `{written}`, and {other} has `{expected}`"
    hint = "correct the one that is wrong"
    written: str
    other: str
    expected: str


class WithoutBundle(Diagnostic):
    """A rollout moves traffic to a bundle, and a replay manifest speaks of the turns of one. An earlier one did not say
    which; it is found by the bundle that names the file, or by its `pipeline_version`."""

    code = "RSP1313"
    name = "no-bundle-for-it"
    headline = "{problem}"
    hint = "{advice}"
    problem: str
    advice: str


class SameTarget(Diagnostic):
    """Two files become the same artifact and differ: which of them is meant is not for an import to decide."""

    code = "RSP1314"
    name = "same-target"
    headline = "this would become `{subject}`, and so would `{other}`, which differs"
    hint = "import them one after the other, or rename one of them"
    other: str


class TargetExists(Diagnostic):
    """An import never overwrites anything: an artifact that was published under a version does not change."""

    code = "RSP1315"
    name = "target-exists"
    headline = "`{subject}` is there already{difference}"
    hint = "{advice}"
    difference: str
    advice: str


class TargetOutside(Diagnostic):
    """A folder of the target that is a link out of the workspace would make the import write elsewhere."""

    code = "RSP1316"
    name = "target-outside"
    headline = "`{subject}` would be written outside of the workspace: a folder on the way is a link"
    hint = "replace the link by a folder"


class EarlierRefusedProfile(Diagnostic):
    """The runtime serves the execution profile `simple`; every other one is deferred at each turn."""

    code = "RSP1317"
    name = "earlier-profile-refused"
    headline = "`{subject}` is `{written}`, and only `simple` has a counterpart"
    hint = "write a profile of today's form for it, and import the rest without this one"
    written: str


class Renamed(Diagnostic):
    """Today an artifact is named by an id and a version of their own."""

    code = "RSP1320"
    name = "import-renamed"
    severity = "note"
    headline = "`{subject}`: `{before}` becomes `{after}`"
    before: str
    after: str


class Became(Diagnostic):
    """What stands here is said in another way today."""

    code = "RSP1321"
    name = "import-translated"
    severity = "note"
    headline = "`{subject}` {outcome}"
    outcome: str


class Added(Diagnostic):
    """An earlier spec names the providers only. A pipeline of today says all that a voice turn needs: where audio comes
    in, who opens a turn, what may interrupt it, where sound goes out."""

    code = "RSP1322"
    name = "import-added"
    severity = "note"
    headline = "`{subject}` gains {what}"
    what: str


class ReplayModeMapped(Diagnostic):
    """`audit` and `regression` were never modes of the runtime's contract: a plan that carries one is deferred at every
    turn. Today's modes are the contract's."""

    code = "RSP1323"
    name = "import-replay-mode"
    severity = "warning"
    headline = "`{subject}`: the mode `{before}` becomes `{after}`"
    hint = "change it where another one is meant: {others}"
    before: str
    after: str
    others: str


class NotCarried(Diagnostic):
    """Nothing of today's form says this. It is left out, and said so."""

    code = "RSP1324"
    name = "import-not-carried"
    severity = "warning"
    headline = "`{subject}` is not carried over: {reason}"
    reason: str


class KeptAsLabel(Diagnostic):
    """What has no meaning today, but may help to find the way back, is kept as a label, which never changes meaning."""

    code = "RSP1325"
    name = "import-kept-as-label"
    severity = "note"
    headline = "`{subject}` is kept as the label `{label}`: {reason}"
    label: str
    reason: str


class TurnedRound(Diagnostic):
    """A rollout points to its bundle and is the only thing about traffic that changes; a bundle never points back."""

    code = "RSP1326"
    name = "import-rollout-turned-round"
    severity = "note"
    headline = "`{subject}` is turned round: `{rollout}` points to `{bundle}`"
    rollout: str
    bundle: str


class Assumed(Diagnostic):
    """Today's form demands a value here that the earlier one did not have."""

    code = "RSP1327"
    name = "import-assumed"
    severity = "warning"
    headline = "an earlier {title} has no `{key}`; {value} is written"
    hint = "{advice}"
    title: str
    key: str
    value: str
    advice: str


class LeftOut(Diagnostic):
    """A folder may hold other JSON files as well; only files that are named one by one must be earlier artifacts."""

    code = "RSP1328"
    name = "import-left-out"
    severity = "note"
    headline = "the file is left out: {reason}"
    reason: str


class EarlierStays(Diagnostic):
    """The import leaves the earlier file where it is; as long as it lies among the sources, a check complains of it."""

    code = "RSP1329"
    name = "import-earlier-stays"
    severity = "note"
    headline = "the earlier file still lies among the sources of the workspace"
    hint = "remove it when you have seen that nothing of it is missed"
