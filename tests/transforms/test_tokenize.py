"""Tokenize: words learnt in a stated order, any tokenizer of the package tokenizers, and text back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tokenizers

import plait
from plait.ragged import Ragged

CAPTIONS = ["Small, round", "a large ROUND mass", "small", ""]


def subwords(**more: object) -> tokenizers.Tokenizer:
    """A byte-pair tokenizer with a padding of its own, [CLS] in front, and padding to the longest switched on."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>", **more))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=60, special_tokens=["<unk>", "<cls>", "<pad>"], show_progress=False)
    made.train_from_iterator(CAPTIONS, trainer)
    made.post_processor = tokenizers.processors.TemplateProcessing(single="<cls> $A", special_tokens=[("<cls>", 1)])
    made.enable_padding(pad_id=2, pad_token="<pad>")
    return made


def test_words_get_ids_by_frequency_and_then_by_name() -> None:
    words = plait.Tokenize.fit(plait.Arrays(caption=CAPTIONS))
    vocabulary = json.loads(words.state)["model"]["vocab"]
    assert sorted(vocabulary, key=vocabulary.get) == ["[PAD]", "[UNK]", "round", "small", ",", "a", "large", "mass"]
    assert [one.tolist() for one in words(CAPTIONS)] == [[3, 4, 2], [5, 6, 2, 7], [3], []]
    assert words(CAPTIONS).dtype == np.int32


def test_words_beyond_the_size_and_new_words_are_unknown() -> None:
    words = plait.Tokenize.fit(CAPTIONS, size=4)
    assert len(words) == 4
    assert repr(words) == "Tokenize(4 ids)"
    assert [one.tolist() for one in words(["small oval mass", "round"])] == [[3, 1, 1], [2]]


def test_ids_padded_with_0_come_back_as_text() -> None:
    words = plait.Tokenize.fit(CAPTIONS)
    assert words.padding == 0
    assert words.inverse(plait.Pad(6)(words(CAPTIONS))).tolist() == ["small , round", "a large round mass", "small", ""]
    assert words.inverse(words(["a new mass"])).tolist() == ["a [UNK] mass"]


def test_scores_of_each_place_come_back_as_text() -> None:
    words = plait.Tokenize.fit(CAPTIONS)
    scores = np.eye(len(words), dtype=np.float32)[plait.Pad(4)(words(CAPTIONS))]
    assert words.inverse(scores)[0] == "small , round"


def test_fitting_again_gives_the_same_tokenizer_and_so_does_its_json() -> None:
    many = [f"word{i % 700} word{i % 13}, {i}" for i in range(3000)]
    words = plait.Tokenize.fit(many)
    assert words == plait.Tokenize.fit(many)
    assert words == plait.Tokenize.from_json(json.loads(json.dumps(words.to_json())))
    assert words == plait.Tokenize(words.state)


def test_any_tokenizer_keeps_its_own_special_tokens_and_its_padding_is_left_to_pad() -> None:
    words = plait.Tokenize(subwords())
    alone, batch = words(["small"]), words(CAPTIONS)
    assert batch[2].tolist() == alone[0].tolist()
    assert alone[0][0] == 1  # <cls>
    assert words.padding == 2
    dense = plait.Pad(12, value=words.padding)(batch)
    assert [text.replace(" ", "") for text in words.inverse(dense)] == ["Small,round", "alargeROUNDmass", "small", ""]


def test_the_one_given_is_not_changed() -> None:
    given = subwords()
    before = given.to_str()
    plait.Tokenize(given)(CAPTIONS)
    assert given.to_str() == before


def test_a_file_and_a_fast_tokenizer_of_transformers_will_do(tmp_path: Path) -> None:
    class Fast:  # what `transformers.PreTrainedTokenizerFast` offers
        backend_tokenizer = subwords()

    subwords().save(str(tmp_path / "tokenizer.json"))
    from_file = plait.Tokenize(tmp_path / "tokenizer.json")
    assert from_file == plait.Tokenize(str(tmp_path / "tokenizer.json")) == plait.Tokenize(Fast())  # type: ignore[arg-type]


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(plait.TransformError, match=r"found a int. To train one on your text write plait.Tokenize.fit\(train\["):
        plait.Tokenize(1000)  # type: ignore[arg-type]
    with pytest.raises(plait.TransformError, match=r"no tokenizer can be read from '.*missing.json': No such file"):
        plait.Tokenize(tmp_path / "missing.json")
    (tmp_path / "broken.json").write_text('{"version": ')
    with pytest.raises(plait.TransformError, match=r"this is no tokenizer that tokenizers .* can read"):
        plait.Tokenize(tmp_path / "broken.json")
    with pytest.raises(plait.ArgumentError, match=r"dropout=0.1, so the same text would give other ids each time"):
        plait.Tokenize(subwords(dropout=0.1))


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(plait.TransformError, match=r"Tokenize takes text, one a sample, and Arrays\(x\)\['x'\] is \(\) float64"):
        plait.Tokenize.fit(plait.Arrays(x=[1.0]))
    with pytest.raises(plait.TransformError, match=r"takes text, one a sample, and the column is \(\) int64"):
        plait.Tokenize.fit(CAPTIONS)([3])
    with pytest.raises(plait.ArgumentError, match=r"size=2 leaves no id for a word; 0 is the padding and 1 the unknown word"):
        plait.Tokenize.fit(CAPTIONS, size=2)


def test_what_are_no_ids_is_refused() -> None:
    words = plait.Tokenize.fit(CAPTIONS)
    with pytest.raises(plait.TransformError, match=r"ids reach from 2 to 99; the ids are 0 to 7"):
        words.inverse(Ragged.of([[2], [99]]))
    with pytest.raises(plait.TransformError, match=r"takes token ids, .* or scores \(samples, length, 8\); found \(4,\) float64"):
        words.inverse(np.zeros((2, 4)))
