"""The files and streams of docs/data.md."""

from documents import SETUP

import plait

exec(compile((SETUP / "docs" / "data.py").read_text(encoding="utf-8"), "docs/data.py", "exec"), globals())

photos, lesion = (
    plait.Images("photos/{id}.jpg", size=(64, 64)),
    plait.Masks("masks/{id}.png", size=(64, 64), classes={0: "skin", 255: "lesion"}),
)
labels, people = plait.Csv("labels.csv", key="id"), plait.Parquet("patients.parquet", key="id")
grades = plait.SQL("sqlite:///trial.db", "select id, grade, sure from labels", key="id")
data = plait.Dataset(
    inputs={"photo": photos, "caption": labels["caption"], "age": people["age"]},
    targets={"lesion": lesion, "grade": grades["grade"]},
    weights={"grade": grades["sure"]},
    missing="mask",
)
