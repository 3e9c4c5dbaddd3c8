"""The public names: each resolves, is documented, and is the same for Python and for type checkers; none is forgotten."""

from __future__ import annotations

import pytest
from members import WITH_KERAS, home, members, typed, undocumented

import plait
from plait import errors


@pytest.mark.parametrize("name", sorted(home().keys() - WITH_KERAS))
def test_a_public_name_resolves_to_what_its_module_defines_and_is_documented(name):
    value = getattr(plait, name)
    assert f"{value.__module__}.".startswith(f"{home()[name]}.")  # the module itself, or one of the package
    assert value.__name__ == name
    assert undocumented(value, name) == []


def test_all_lists_the_public_names_and_the_version():
    assert plait.__all__ == ["__version__", *sorted(home())]
    assert dir(plait) == sorted(plait.__all__)
    assert plait.__version__.count(".") == 2


def test_type_checkers_see_the_names_where_python_finds_them():
    assert typed() == home()


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'plait' has no attribute 'Sauce'"):
        _ = plait.Sauce  # pyright: ignore[reportAttributeAccessIssue]


def test_every_error_is_public():
    assert set(errors.__all__) <= home().keys()


def test_every_source_is_public():
    found = {name for name, value in members("plait.sources") if issubclass(value, plait.Source)}
    assert found, "there are sources"
    assert found <= home().keys()


def test_every_transform_is_public():
    found = {name for name, value in members("plait.transforms") if hasattr(value, "to_json")}
    assert found, "there are transforms"
    assert found <= home().keys()
