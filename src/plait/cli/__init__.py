"""The command `plait`: the demo, a look at a batch, the check, the feed, and synthetic tables, from a terminal."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plait
from plait.cli.scripts import Scripts
from plait.cli.tables import add_table_commands, positive
from plait.dataset import Dataset
from plait.errors import ArgumentError, PlaitError, ReadError

__all__ = ["main"]

_BACKENDS = ("jax", "torch", "tensorflow")  # the lightest to install first


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, 1 when a check or the demo fails, 2 when the command cannot be carried out."""
    given = _parser().parse_args(arguments)
    try:
        return given.run(given)
    except PlaitError as error:
        print(f"plait: {error}", file=sys.stderr)
        for note in getattr(error, "__notes__", []):
            print(f"  {note}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("plait: stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="plait", description="Named streams of data, aligned by key, checked, and fed to Keras models with several inputs and outputs."
    )
    parser.add_argument("--version", action="version", version=f"plait {plait.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="the whole road on real handwriting: files, check, training, scores, a page, predictions")
    demo.add_argument("--out", type=Path, default=Path("demo"), metavar="FOLDER", help="for data, model and page (default: demo)")
    demo.add_argument("--epochs", type=positive, default=12, metavar="N", help="of training (default: 12)")
    demo.set_defaults(run=_demo)

    show = commands.add_parser(
        "show", help="what one batch holds", description="Print one batch: every stream, before and after its steps."
    )
    show.add_argument("data", metavar="FILE.py:NAME", help="a plait.Dataset in a script, such as trial.py:data")
    show.add_argument("--html", type=Path, metavar="FILE", help="write it as a page with pictures instead")
    show.add_argument("--samples", type=positive, default=8, metavar="N", help="how many samples (default: 8)")
    show.add_argument("--seed", type=int, default=0, metavar="N", help="of order and random steps (default: 0)")
    show.set_defaults(run=_show)

    check = commands.add_parser(
        "check", help="whether data fit a model; status 1 when a finding fails", description="Check a data set against a compiled model."
    )
    check.add_argument("data", metavar="FILE.py:NAME", help="a plait.Dataset in a script, such as trial.py:data")
    check.add_argument("model", metavar="FILE.py:NAME", help="a compiled Keras model, such as trial.py:model")
    check.set_defaults(run=_check)

    bench = commands.add_parser(
        "bench", help="whether a model waits for its data, and what is slowest", description="Time training steps beside a perfect feed."
    )
    bench.add_argument("data", metavar="FILE.py:NAME", help="a plait.Dataset or plait.Loader in a script, such as trial.py:data")
    bench.add_argument("model", metavar="FILE.py:NAME", help="a compiled Keras model, such as trial.py:model")
    bench.add_argument("--batch-size", type=positive, default=32, metavar="N", help="samples a batch, for a Dataset (default: 32)")
    bench.add_argument("--steps", type=positive, metavar="N", help="training steps of a round (default: half a second of them)")
    bench.add_argument("--seed", type=int, default=0, metavar="N", help="of the order, for a Dataset (default: 0)")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write it for machines, too")
    bench.set_defaults(run=_bench)

    pack = commands.add_parser(
        "pack", help="write a data set, steps done, as a folder that opens at the speed of memory", description="Pack a data set."
    )
    pack.add_argument("data", metavar="FILE.py:NAME", help="a plait.Dataset in a script, such as trial.py:data")
    pack.add_argument("out", metavar="FOLDER", help="where it is written, such as train.plait; plait.open reads it")
    pack.add_argument("--overwrite", action="store_true", help="replace what is there")
    pack.set_defaults(run=_pack)
    add_table_commands(commands)
    return parser


def _demo(given: argparse.Namespace) -> int:
    if "KERAS_BACKEND" not in os.environ:
        installed = [name for name in _BACKENDS if importlib.util.find_spec(name)]
        if not installed:
            raise ArgumentError(
                "The demo trains a model, and none of JAX, PyTorch and TensorFlow is installed. Run: pip install 'plait[demo,jax]'"
            )
        os.environ["KERAS_BACKEND"] = installed[0]
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # PyTorch's threads otherwise spin, on a busy machine for most of the time
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # what TensorFlow notes about the machine is not for here
    try:
        given.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReadError(f"--out {str(given.out)!r} cannot be made: {error.strerror}. Name a folder: plait demo --out try") from error
    from plait.demo.run import demo

    return demo(given.out, epochs=given.epochs)


def _show(given: argparse.Namespace) -> int:
    data = _dataset(given.data, Scripts())
    preview = plait.show(data, samples=given.samples, seed=given.seed, html=given.html)
    print(preview if given.html is None else f"One batch of {'data without end' if data.endless else f'{len(data)} samples'}: {given.html}")
    return 0


def _check(given: argparse.Namespace) -> int:
    scripts = Scripts()
    report = plait.check(_dataset(given.data, scripts), _model(given.model, scripts))
    print(report)
    return 0 if report else 1


def _bench(given: argparse.Namespace) -> int:
    scripts = Scripts()
    data, model = scripts.value(given.data), _model(given.model, scripts)
    if not isinstance(data, (Dataset, plait.Loader)):
        raise ArgumentError(f"{given.data} is a {type(data).__name__}, not a plait.Dataset or plait.Loader. Give the name of one of them.")
    found = plait.bench(data, model, batch_size=given.batch_size, steps=given.steps, seed=given.seed)
    print(found)
    if given.json is not None:
        found.to_json(given.json)
        print(f"The figures are in {given.json}.")
    return 0


def _pack(given: argparse.Namespace) -> int:
    packed = plait.pack(_dataset(given.data, Scripts()), given.out, overwrite=given.overwrite)
    print(packed)
    print(f'Open it with plait.open("{given.out}").')
    return 0


def _model(reference: str, scripts: Scripts) -> Any:
    value = scripts.value(reference)
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(value, keras.Model):
        raise ArgumentError(f"{reference} is a {type(value).__name__}, not a Keras model. Give the name of a compiled keras.Model.")
    return value


def _dataset(reference: str, scripts: Scripts) -> Dataset:
    value = scripts.value(reference)
    if not isinstance(value, Dataset):
        raise ArgumentError(f"{reference} is a {type(value).__name__}, not a plait.Dataset. Give the name of a data set in the script.")
    return value
