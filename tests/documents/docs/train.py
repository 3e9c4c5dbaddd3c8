"""The data set of docs/prepare.md, split and prepared as it says."""

from documents import SETUP

import plait

exec(compile((SETUP / "docs" / "prepare.py").read_text(encoding="utf-8"), "docs/prepare.py", "exec"), globals())
train, test = data.split(0.8, seed=0, by=people["hospital"])  # noqa: F821 - names of docs/prepare.py
scale = plait.Standardize.fit(train["age"])
words = plait.Tokenize.fit(train["caption"], size=1000)
place = plait.Vocabulary.fit(train["grade"])
train, test = (
    d.map(scale, on="age").map(words, on="caption").map(plait.Pad(20), on="caption").map(place, on="grade") for d in (train, test)
)
