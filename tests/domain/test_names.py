import pytest

from capyd.domain.errors import InvalidError
from capyd.domain.names import check_name, check_slug, derive_slug, with_suffix


@pytest.mark.parametrize("name", ["a", "x" * 100, "'; DROP DATABASE postgres; --", "naïve 🐹", ' " \\ % ', "<script>"])
def test_a_name_is_kept_byte_for_byte(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", " ", "\t", "x" * 101, "a\nb", "a\x00b", "a\x7fb", "\x1b[31m", "a\u2028b"])
def test_a_name_that_cannot_be_names_its_field(name: str) -> None:
    with pytest.raises(InvalidError) as refused:
        check_name(name)
    assert refused.value.field == "name"
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My first project", "my-first-project"),
        ("naïve café", "naive-cafe"),
        ("  --x--  ", "x"),
        ("🐹", "project"),
        ("a" * 100, "a" * 63),
        ("a" * 62 + " b", "a" * 62),
    ],
)
def test_a_slug_is_derived_from_the_name(name: str, slug: str) -> None:
    assert derive_slug(name) == slug
    assert check_slug(slug) == slug


@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "a_b", "a" * 64, "a b", "ä"])
def test_a_slug_that_cannot_be_is_refused(slug: str) -> None:
    with pytest.raises(InvalidError):
        check_slug(slug)


def test_a_suffix_makes_another_good_slug() -> None:
    for slug in ("a", "a" * 63, "a" * 55 + "-" + "b" * 7):
        assert with_suffix(slug) != slug
        check_slug(with_suffix(slug))
