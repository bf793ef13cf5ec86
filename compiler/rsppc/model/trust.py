"""The policy of a verifier: which keys count, in which roles and until when, and what was seen before."""

from __future__ import annotations

from rsppc.model.common import DIGEST, ID, VERSION
from rsppc.model.evidence import MOMENT
from rsppc.model.shape import Choice, Listing, Nested, Shape, Table, Text, field

SCHEMA_VERSION = "rspp.trust.policy.v1"
ROLES = ("builder", "releaser")

KEY = Shape(
    name="trusted_key",
    doc="A public key, and what it is trusted for.",
    fields=(
        field("identity", Text(length_min=1, length_max=200), "Whose it is, as messages say it.", required=True),
        field("public_key", Text(length_min=1, length_max=4096), "The key: what stands between the lines of its PEM."),
        field("key_file", Text(length_min=1, length_max=500), "Its PEM file, seen from the folder of the policy."),
        field(
            "roles",
            Listing(item=Choice(values=ROLES), length_min=1, unique=True),
            "What it may sign: `builder` says what a bundle was made from, `releaser` that something was released.",
            required=True,
        ),
        field("expires", MOMENT, "From when on it counts no more; never where left out."),
    ),
    one_of=(("public_key", "key_file"),),
)

REMEMBERED = Shape(
    name="remembered_bundle",
    doc="The newest version of a bundle that was verified.",
    fields=(
        field("version", VERSION, "Its version.", required=True),
        field("digest", DIGEST, "Its digest.", required=True),
    ),
)

TRUST = Shape(
    name="TrustPolicy",
    doc="Whom a verifier trusts. It is the verifier's own, and never comes with what is verified.",
    fields=(
        field("schema_version", Choice(values=(SCHEMA_VERSION,)), "Announces a trust policy.", required=True),
        field("valid_until", MOMENT, "When it must have been renewed; from then on nothing is believed."),
        field("keys", Listing(item=Nested(shape=KEY)), "The keys.", required=True),
        field(
            "remembered",
            Table(value=Nested(shape=REMEMBERED), key=ID),
            "By id of a bundle what was verified last; nothing older is believed.",
        ),
    ),
)
