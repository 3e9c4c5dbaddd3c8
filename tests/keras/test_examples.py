"""Every example runs as it stands, and its models beat a plain baseline: each says so itself, with an assertion at its end."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
SHORTER = {  # what else is left out
    "c1_digits": {"rows": 640},
    "c4_conditions": {"rows": 400, "draws": 2},
    "n1_image_and_text_to_image": {"rows": 64, "draws": 2},
    "n2_sensors_to_series": {"rows": 400, "draws": 2},
    "n3_numbers_and_category_to_numbers": {"draws": 2},
    "n4_merges": {"merges": ("add", "attention")},
}
FEWER = {  # epochs, where fewer are enough to see it
    "c1_digits": 1,
    "c3_custom_loop": 6,
    "c4_conditions": 2,
    "b2_class_and_vector": 15,
    "b3_image_and_masks": 2,
    "b4_structure_check": 8,
    "i2_images_and_text": 5,
    "i5_real_targets": 25,
    "fusion_of_sensors": 25,
    "n1_image_and_text_to_image": 1,
    "n2_sensors_to_series": 1,
    "n3_numbers_and_category_to_numbers": 12,
    "n4_merges": 4,
    "n5_preprocessing_by_type": 5,
    "n6_weighted_losses": 20,
    "s5_learned_generator": 40,
}


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_an_example_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]
    main(**({"epochs": FEWER[name]} if name in FEWER else {}), **SHORTER.get(name, {}))
    assert capsys.readouterr().out.strip()
