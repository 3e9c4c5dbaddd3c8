"""The public names that Keras comes with: each resolves and is documented."""

from __future__ import annotations

import pytest
from members import WITH_KERAS, home, undocumented

import plait


@pytest.mark.parametrize("name", sorted(WITH_KERAS))
def test_a_public_name_resolves_to_what_its_module_defines_and_is_documented(name):
    value = getattr(plait, name)
    assert f"{value.__module__}.".startswith(f"{home()[name]}.")  # the module itself, or one of the package
    assert value.__name__ == name
    assert undocumented(value, name) == []
