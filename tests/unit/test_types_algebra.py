"""The algebra of port types: when two fit, what they share, how a provider narrows, how a mismatch is repaired."""

from __future__ import annotations

from rsppc.ir.types import (
    Mismatch,
    PortType,
    attribute_fault,
    canonical_tag,
    config_fields,
    converters,
    meet,
    mismatch,
    refine,
    substitute,
    with_languages,
)
from rsppc.syntax.type_expr import TypeSyntaxError, parse_type, print_type


def t(text: str) -> PortType:
    parsed = parse_type(text)
    assert not isinstance(parsed, TypeSyntaxError), parsed
    return parsed


def met(first: str, second: str) -> str | None:
    both = meet(t(first), t(second))
    return None if both is None else print_type(both)


def refined(declared: str, refinement: str) -> str | tuple[str, ...]:
    result = refine(t(declared), t(refinement))
    return result.differs if isinstance(result, Mismatch) else print_type(result)


def chain(produced: str, accepted: str) -> list[str] | None:
    steps = converters(t(produced).alternatives[0], t(accepted))
    return None if steps is None else [f"{step.node_type} {step.field}={step.value}" for step in steps]


def test_a_mismatch_names_what_differs_what_agrees_and_both_sides() -> None:
    found = mismatch(
        t("audio<codec=pcm_s16le, rate_hz=48000, channels=2>"),
        t("audio<codec=pcm_s16le, rate_hz=8000|16000, channels=1>"),
    )
    assert found is not None
    assert found.differs == ("rate_hz", "channels")
    assert found.agrees == ("codec",)
    assert found.source == "audio<codec=pcm_s16le, rate_hz=48000, channels=2>"
    assert found.target == "audio<codec=pcm_s16le, rate_hz=8000|16000, channels=1>"


def test_kinds_that_differ_are_the_only_difference() -> None:
    found = mismatch(t("audio"), t("text<final>"))
    assert found is not None
    assert (found.differs, found.agrees) == (("kind",), ())


def test_one_fitting_pair_of_alternatives_is_enough() -> None:
    assert mismatch(t("text<final> or audio<codec=opus>"), t("audio<codec=opus|g722>")) is None


def test_the_closest_alternatives_explain_a_mismatch() -> None:
    found = mismatch(t("text<final> or audio<codec=opus, channels=1>"), t("audio<codec=g722, channels=1>"))
    assert found is not None
    assert (found.differs, found.agrees) == (("codec",), ("channels",))


def test_unchecked_and_whole_variables_fit_everything() -> None:
    assert mismatch(t("unchecked"), t("audio")) is None
    assert mismatch(t("text<delta>"), t("T")) is None
    assert met("T", "text<delta>") == met("text<delta>", "unchecked") == "text<delta>"


def test_a_meet_keeps_the_order_of_its_first_side() -> None:
    assert met("audio<rate_hz=48000|16000|8000>", "audio<rate_hz=8000|48000>") == "audio<rate_hz=48000|8000>"
    assert met("audio<rate_hz=8000..48000>", "audio<rate_hz=96000|16000|8000>") == "audio<rate_hz=16000|8000>"
    assert met("audio<rate_hz=8000..48000>", "audio<rate_hz=48000..96000>") == "audio<rate_hz=48000>"
    assert met("audio<rate_hz=8000..16000>", "audio<rate_hz=22050..96000>") is None


def test_a_language_tag_fits_its_own_prefixes_only() -> None:
    assert met("text<final, lang=en>", "text<final, lang=en-US|en-GB|de>") == "text<final, lang=en-US|en-GB>"
    assert met("text<final, lang=en-US>", "text<final, lang=en>") == "text<final, lang=en-US>"
    assert met("text<final, lang=en-US>", "text<final, lang=de>") is None
    assert met("text<final, lang=en-US>", "text<final, lang=en-GB>") is None
    assert met("text<lang=es>", "text<lang=est>") is None


def test_a_meet_drops_what_an_earlier_alternative_covers() -> None:
    assert met("audio<rate_hz=8000|16000> or audio<rate_hz=16000>", "audio") == "audio<rate_hz=8000|16000>"


def test_a_refinement_narrows_in_the_order_of_the_provider() -> None:
    assert refined("audio<rate_hz=8000|16000|48000>", "audio<rate_hz=48000|8000>") == "audio<rate_hz=48000|8000>"


def test_a_refinement_keeps_variables_and_what_it_does_not_mention() -> None:
    declared = "audio<codec=pcm_s16le, rate_hz=?r of 8000|16000, channels=1>"
    assert refined(declared, "audio<rate_hz=16000>") == "audio<codec=pcm_s16le, rate_hz=?r of 16000, channels=1>"
    assert refined(declared, "audio") == declared


def test_a_refinement_applies_to_every_alternative_that_allows_it() -> None:
    declared = "audio<codec=opus> or audio<codec=g722, channels=1> or audio<channels=2>"
    assert refined(declared, "audio<channels=1>") == "audio<codec=opus, channels=1> or audio<codec=g722, channels=1>"


def test_a_refinement_outside_the_declared_type_is_a_mismatch() -> None:
    assert refined("audio<codec=pcm_s16le, rate_hz=8000|16000>", "audio<rate_hz=16000|48000>") == ("rate_hz",)
    assert refined("text<partial|final>", "audio") == ("kind",)
    assert refined("text<final, lang=en-US>", "text<final, lang=en>") == ("lang",)
    assert refined("text<final, lang=en>", "text<final, lang=en-US>") == "text<final, lang=en-US>"


def test_languages_of_a_provider_bound_the_language_of_a_port() -> None:
    bounded = with_languages(t("text<final, lang=en-US>"), ("en", "de"))
    assert isinstance(bounded, PortType)
    assert print_type(bounded) == "text<final, lang=en-US>"
    refused = with_languages(t("text<final, lang=fr>"), ("en", "de"))
    assert isinstance(refused, Mismatch)
    assert refused.differs == ("lang",)
    assert with_languages(t("record<a.b>"), ("en",)) == t("record<a.b>")


def test_config_fields_are_filled_in_and_missing_ones_say_nothing() -> None:
    declared = t("audio<codec=config.codec, rate_hz=config.rate_hz, channels=config.channels>")
    assert config_fields(declared) == ("codec", "rate_hz", "channels")
    filled = substitute(declared, {"codec": "opus", "rate_hz": [48000, 16000]})
    assert print_type(filled) == "audio<codec=opus, rate_hz=48000|16000>"
    assert print_type(substitute(t("text<final, lang=config.language>"), {"language": "EN-us"})) == (
        "text<final, lang=en-US>"
    )


def test_a_config_value_outside_the_vocabulary_says_nothing() -> None:
    declared = t("audio<rate_hz=config.rate_hz>")
    for value in (0, "fast", True, None, [], [8000, "x"], {"a": 1}, list(range(8000, 9000))):
        assert print_type(substitute(declared, {"rate_hz": value})) == "audio"


def test_the_vocabulary_says_why_a_value_is_outside() -> None:
    assert attribute_fault("rate_hz", 0) == "`rate_hz` lies between 1000 and 384000"
    assert attribute_fault("channels", "two") == "`channels` is a whole number"
    assert attribute_fault("channels", True) == "`channels` is a whole number"
    assert attribute_fault("codec", "pcm16") == "`pcm16` is not a codec"
    assert attribute_fault("lang", "english!") == "`english!` is not a language tag"
    assert attribute_fault("signals", "turn") is None


def test_language_tags_take_their_customary_capitals() -> None:
    assert canonical_tag("ZH-hant-tw") == "zh-Hant-TW"
    assert canonical_tag("de-DE-u-co-phonebk") == "de-DE-u-co-phonebk"
    for wrong in ("", "e", "en_US", "en-", "-en", "engl", "en-toolongsubtag", "ën", "a" * 40):
        assert canonical_tag(wrong) is None


def test_a_fitting_format_needs_no_converter() -> None:
    assert chain("audio<codec=pcm_s16le, rate_hz=16000>", "audio<codec=pcm_s16le, rate_hz=8000|16000>") == []


def test_mixing_down_comes_before_resampling() -> None:
    assert chain(
        "audio<codec=pcm_s16le, rate_hz=48000, channels=2>", "audio<codec=pcm_s16le, rate_hz=16000, channels=1>"
    ) == ["audio.mixdown channels=1", "audio.resample rate_hz=16000"]


def test_mixing_up_comes_after_resampling() -> None:
    assert chain(
        "audio<codec=pcm_s16le, rate_hz=16000, channels=1>", "audio<codec=pcm_s16le, rate_hz=48000, channels=2>"
    ) == ["audio.resample rate_hz=48000", "audio.mixdown channels=2"]


def test_a_compressed_caller_is_decoded_before_resampling() -> None:
    assert chain(
        "audio<codec=pcm_mulaw, rate_hz=8000, channels=1>", "audio<codec=pcm_s16le, rate_hz=16000, channels=1>"
    ) == ["audio.transcode codec=pcm_s16le", "audio.resample rate_hz=16000"]


def test_decoding_goes_straight_to_a_linear_codec_that_is_accepted() -> None:
    assert chain("audio<codec=opus, rate_hz=48000>", "audio<codec=pcm_f32le, rate_hz=16000>") == [
        "audio.transcode codec=pcm_f32le",
        "audio.resample rate_hz=16000",
    ]


def test_encoding_comes_last() -> None:
    assert chain("audio<codec=pcm_s16le, rate_hz=24000>", "audio<codec=pcm_mulaw, rate_hz=8000>") == [
        "audio.resample rate_hz=8000",
        "audio.transcode codec=pcm_mulaw",
    ]
    assert chain("audio<codec=opus, rate_hz=48000>", "audio<codec=opus, rate_hz=16000>") == [
        "audio.transcode codec=pcm_s16le",
        "audio.resample rate_hz=16000",
        "audio.transcode codec=opus",
    ]


def test_the_shortest_chain_over_all_accepted_alternatives_wins() -> None:
    assert chain(
        "audio<codec=opus, rate_hz=48000>", "audio<codec=pcm_s16le, rate_hz=16000> or audio<codec=g722, rate_hz=48000>"
    ) == ["audio.transcode codec=g722"]


def test_resampling_into_a_range_goes_to_its_nearest_end() -> None:
    assert chain("audio<codec=pcm_s16le, rate_hz=96000>", "audio<rate_hz=8000..48000>") == [
        "audio.resample rate_hz=48000"
    ]
    assert chain("audio<codec=pcm_s16le, rate_hz=4000>", "audio<rate_hz=8000..48000>") == [
        "audio.resample rate_hz=8000"
    ]


def test_languages_frames_and_kinds_cannot_be_converted() -> None:
    assert chain("audio<lang=en>", "audio<lang=de>") is None
    assert chain("audio<frame_ms=20>", "audio<frame_ms=10>") is None
    assert chain("text<final>", "audio") is None


def test_a_codec_that_is_open_needs_no_decoding() -> None:
    assert chain("audio<rate_hz=48000>", "audio<codec=pcm_s16le, rate_hz=16000>") == ["audio.resample rate_hz=16000"]
    open_codec = "audio<codec=?c of opus|pcm_s16le, rate_hz=48000>"
    assert chain(open_codec, "audio<codec=pcm_s16le, rate_hz=16000>") == ["audio.resample rate_hz=16000"]
    assert chain("audio<rate_hz=48000>", "audio<codec=opus, rate_hz=16000>") == [
        "audio.resample rate_hz=16000",
        "audio.transcode codec=opus",
    ]
