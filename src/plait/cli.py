"""The command `plait`: the demo, a look at a batch, and the check, from a terminal."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import plait
from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError, PlaitError, ReadError

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
    demo.add_argument("--epochs", type=_positive, default=12, metavar="N", help="of training (default: 12)")
    demo.set_defaults(run=_demo)

    show = commands.add_parser(
        "show", help="what one batch holds", description="Print one batch: every stream, before and after its steps."
    )
    show.add_argument("data", metavar="FILE.py:NAME", help="a plait.Dataset in a script, such as trial.py:data")
    show.add_argument("--html", type=Path, metavar="FILE", help="write it as a page with pictures instead")
    show.add_argument("--samples", type=_positive, default=8, metavar="N", help="how many samples (default: 8)")
    show.add_argument("--seed", type=int, default=0, metavar="N", help="of order and random steps (default: 0)")
    show.set_defaults(run=_show)

    check = commands.add_parser(
        "check", help="whether data fit a model; status 1 when a finding fails", description="Check a data set against a compiled model."
    )
    check.add_argument("data", metavar="FILE.py:NAME", help="a plait.Dataset in a script, such as trial.py:data")
    check.add_argument("model", metavar="FILE.py:NAME", help="a compiled Keras model, such as trial.py:model")
    check.set_defaults(run=_check)
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
    data = _dataset(given.data, _Scripts())
    preview = plait.show(data, samples=given.samples, seed=given.seed, html=given.html)
    print(preview if given.html is None else f"One batch of {len(data)} samples: {given.html}")
    return 0


def _check(given: argparse.Namespace) -> int:
    scripts = _Scripts()
    data, model = _dataset(given.data, scripts), scripts.value(given.model)
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(model, keras.Model):
        raise ArgumentError(f"{given.model} is a {type(model).__name__}, not a Keras model. Give the name of a compiled keras.Model.")
    report = plait.check(data, model)
    print(report)
    return 0 if report else 1


def _dataset(reference: str, scripts: _Scripts) -> Dataset:
    value = scripts.value(reference)
    if not isinstance(value, Dataset):
        raise ArgumentError(f"{reference} is a {type(value).__name__}, not a plait.Dataset. Give the name of a data set in the script.")
    return value


class _Scripts:
    """The scripts that the command line names, each run once."""

    def __init__(self) -> None:
        self._modules: dict[Path, ModuleType] = {}

    def value(self, reference: str) -> object:
        """What "trial.py:data" stands for.

        Raises:
            ArgumentError: It is not of that form.
            ReadError: There is no such file, or running it fails.
            NameUnknownError: The script has no such name; the message says which it has.
        """
        file, colon, name = reference.rpartition(":")
        if not colon or not file.endswith(".py") or not name.isidentifier():
            raise ArgumentError(f"{reference!r} names no value in a script. Write the file and the name: trial.py:data")
        path = Path(file).resolve()
        if path not in self._modules:
            self._modules[path] = _run(path, file)
        values = vars(self._modules[path])
        if name not in values:
            there = [n for n, v in values.items() if not n.startswith("_") and not isinstance(v, ModuleType)]
            raise NameUnknownError(f"{file} has no name {name!r}. It has {', '.join(there) or 'none'}.")
        return values[name]


def _run(path: Path, shown: str) -> ModuleType:
    """The script as a module; what stands under `if __name__ == "__main__":` is not run."""
    if not path.is_file():
        raise ReadError(f"There is no file {shown!r} (working directory {os.getcwd()!r}).")
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_script"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that its classes can be found by their module's name
    sys.path.insert(0, str(path.parent))  # as `python trial.py` would
    try:
        spec.loader.exec_module(module)
    except PlaitError as error:
        error.add_note(f"in {shown}{_line(error, path)}")
        raise
    except SystemExit as error:
        raise ReadError(
            f"{shown} ends the process by itself (status {error.code}){_line(error, path)}, before its names are there."
        ) from error
    except Exception as error:
        raise ReadError(f"{shown} raises {type(error).__name__}{_line(error, path)}: {error}") from error
    return module


def _line(error: BaseException, path: Path) -> str:
    """Where in the script it happened, as far as it can be told."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f" in line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f" in line {lines[-1]}" if lines else ""


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a positive number")
    return number


if __name__ == "__main__":
    sys.exit(main())
