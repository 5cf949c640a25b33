import pytest
from hypothesis import given
from hypothesis import strategies as st

from bifseg.cohorts.names import MOST_BYTES, composed, distinct_names, is_name, safe_name


@given(st.text())
def test_a_safe_name_is_a_name_or_empty_or_too_long(text):
    name = safe_name(text)
    assert not name or is_name(name) or len(name.encode()) > MOST_BYTES


@pytest.mark.parametrize("text", ["case-01_a.b", "患者一", "Müller", "हिन्दी", "1.2.840.113"])
def test_valid_names_in_any_script_are_unchanged(text):
    assert is_name(text)
    assert safe_name(text) == text


@pytest.mark.parametrize(
    "text", ["", "a b", "-x", "_x", "a/b", "a$(touch X)b", "a\u202eb", "a\nb", "x" * 121, "患" * 41]
)
def test_invalid_names(text):
    assert not is_name(text)


def test_signs_become_underscores():
    assert safe_name(" left atrium (LA) ") == "left_atrium_LA"
    assert safe_name("../../etc") == "etc"


def test_composed_and_decomposed_letters_are_equal():
    assert composed("Mo\u0308ller") == "Möller"
    assert safe_name("Mo\u0308ller") == "Möller"


def test_different_texts_never_become_one_name():
    """Earlier, Chinese names became empty and x@y became x_y."""
    names = distinct_names(["患者一", "患者二", "Müller", "Möller", "x@y", "x_y", "x y", "__", "--"])
    assert len(set(names.values())) == len(names)
    assert all(map(is_name, names.values()))
    assert [names[text] for text in ("患者一", "Möller", "x_y")] == ["患者一", "Möller", "x_y"]
    assert names["x@y"].startswith("x_y-")


@given(st.lists(st.text(), unique=True, max_size=8))
def test_names_are_distinct_whatever_the_texts(texts):
    names = distinct_names(texts)
    assert len(set(names.values())) == len(texts)
    assert all(map(is_name, names.values()))
    assert names == {text: distinct_names(sorted(texts))[text] for text in texts}
