"""The commands on tables: fit a synthesizer, sample from it, compare what was sampled with real data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError
from plait.gaps import Policy
from plait.meant import meant
from plait.source import Source
from plait.spec import Spec

__all__ = ["add_table_commands", "positive"]

_METHODS = {
    "sequential": "trees, one variable after the other (the default)",
    "autoregressive": "the same as a Keras network",
    "gaussian-copula": "fast, weak on interactions",
    "vine-copula": "pairs of variables, one upon the other",
    "flow": "conditional flow matching in Keras",
    "gan": "a generative adversarial network in Keras",
    "bootstrap": "copies of rows: a baseline",
    "independent": "each column on its own: a baseline",
}
_NAMES = {"gan": "GAN"}


def add_table_commands(commands: Any) -> None:
    """Add `plait fit`, `plait sample` and `plait compare`."""
    fit = commands.add_parser("fit", help="learn the joint distribution of a table", description="Learn a table's joint distribution.")
    fit.add_argument("table", metavar="TABLE", help="a .parquet or .csv file")
    _roles(fit)
    methods = "; ".join(f"{name}: {what}" for name, what in _METHODS.items())
    fit.add_argument("--method", choices=list(_METHODS), default="sequential", metavar="NAME", help=methods)
    fit.add_argument("--seed", type=int, default=0, metavar="N", help="of the fit (default: 0)")
    fit.add_argument("--out", "-o", type=Path, required=True, metavar="FILE", help="where the synthesizer is saved")
    fit.set_defaults(run=_fit)

    sample = commands.add_parser("sample", help="draw rows from what `plait fit` saved", description="Draw rows from a synthesizer.")
    sample.add_argument("synthesizer", metavar="FILE", help="what `plait fit` saved")
    sample.add_argument("rows", type=positive, metavar="N", help="how many")
    sample.add_argument("--given", action="append", default=[], metavar="NAME=VALUE", help="condition on a value; may be repeated")
    sample.add_argument("--seed", type=int, default=0, metavar="N", help="of the draw (default: 0)")
    sample.add_argument("--out", "-o", type=Path, required=True, metavar="TABLE", help="a .parquet or .csv file")
    sample.set_defaults(run=_sample)

    compare = commands.add_parser(
        "compare",
        help="how far synthetic rows are from real ones; status 1 when a finding fails",
        description="Judge a synthetic table against a real one that the synthesizer has not seen.",
    )
    compare.add_argument("real", metavar="REAL", help="a .parquet or .csv file, held out from the fit")
    compare.add_argument("synthetic", metavar="SYNTHETIC", help="a .parquet or .csv file")
    _roles(compare)
    compare.add_argument("--train", metavar="TABLE", help="what the synthesizer was fitted on: adds the privacy findings")
    compare.add_argument("--seed", type=int, default=0, metavar="N", help="of the comparison (default: 0)")
    compare.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page, too")
    compare.add_argument("--json", type=Path, metavar="FILE", help="write the report for machines, too")
    compare.set_defaults(run=_compare)


def positive(text: str) -> int:
    """A number of at least 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a positive number")
    return number


def _roles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--targets", type=_names, required=True, metavar="A,B", help="columns that are targets")
    parser.add_argument("--inputs", type=_names, metavar="C,D", help="columns that are inputs (default: all others)")
    parser.add_argument("--key", metavar="NAME", help="the column that names the rows; it is not modelled")
    parser.add_argument(
        "--missing", choices=["keep", "drop"], default="keep", help="rows with missing values: model that they are missing, or drop them"
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _fit(given: argparse.Namespace) -> int:
    import plait

    data = _table(given.table, given)
    name = _NAMES.get(given.method) or given.method.title().replace("-", "")
    fitted = getattr(plait, name).fit(data, seed=given.seed)
    fitted.save(given.out)
    print(f"{name} of {len(data)} rows, {len(fitted.inputs)} inputs and {len(fitted.targets)} targets, is in {given.out}.")
    print(f"Next: plait sample {given.out} {len(data)} -o synthetic.parquet")
    return 0


def _sample(given: argparse.Namespace) -> int:
    from plait.synth.learned import load

    writer = _source(given.out)  # refuses a name it cannot write before the work is done
    synthesizer = load(given.synthesizer)
    data = synthesizer.sample(given.rows, seed=given.seed, given=dict(_condition(text, synthesizer.spec) for text in given.given))
    writer.write(data, given.out)
    print(f"{given.rows} rows of {type(synthesizer).__name__} are in {given.out}.")
    return 0


def _compare(given: argparse.Namespace) -> int:
    import plait

    real, synthetic = (_table(path, given) for path in (given.real, given.synthetic))
    train = None if given.train is None else _table(given.train, given)
    report = plait.compare(real, synthetic, train=train, seed=given.seed)
    print(report)
    for path, write in ((given.html, report.to_html), (given.json, report.to_json)):
        if path is not None:
            write(path)
            print(f"The report is in {path}.")
    return 0 if report else 1


def _table(path: str, given: argparse.Namespace) -> Dataset:
    """The file as a data set with these roles."""
    source = _source(Path(path))(path)
    if given.key in source.spec:  # a synthetic table has none
        source = _source(Path(path))(path, key=given.key)
    columns = [name for name in source.spec if name != given.key]
    unknown = [name for name in [*given.targets, *(given.inputs or [])] if name not in columns]
    if unknown:
        raise NameUnknownError(f"{path} has no column {unknown[0]!r}. It has {', '.join(columns)}.{meant(unknown[0], columns)}")
    inputs = given.inputs or [name for name in columns if name not in given.targets]
    if not inputs:
        raise ArgumentError(f"--targets names every column of {path}. At least one column has to be an input.")
    used = [*inputs, *given.targets]
    missing: dict[str, Policy] = {n: "drop" if given.missing == "drop" else _policy(n, source, n in given.targets) for n in used}
    return Dataset(inputs={n: source[n] for n in inputs}, targets={n: source[n] for n in given.targets}, missing=missing)


def _policy(name: str, source: Source, target: bool) -> Policy:
    if target:
        return "mask"
    if source.absent(name) is None or source.spec[name].dtype.kind == "f":
        return "keep" if source.spec[name].dtype.kind == "f" else "raise"
    raise ArgumentError(
        f"Column {name!r} is {source.spec[name]} with missing values, which an input can only have where it is of floats. "
        "Write --missing drop, or leave the column out: --inputs ..."
    )


def _source(path: Path) -> Any:
    """The class that reads and writes files of this name."""
    import plait

    classes = {".parquet": plait.Parquet, ".csv": plait.Csv}
    if path.suffix.lower() not in classes:
        raise ArgumentError(f"{str(path)!r} is no table that is known by its name. Use a file that ends in .parquet or .csv.")
    return classes[path.suffix.lower()]


def _condition(text: str, streams: Any) -> tuple[str, np.ndarray]:
    """ "grade=2" as a stream and its value."""
    name, equals, value = text.partition("=")
    if not equals or name not in streams:
        raise NameUnknownError(f"--given {text!r}: write NAME=VALUE, with a name of {', '.join(streams)}.")
    spec: Spec = streams[name]
    if spec.shape:
        raise ArgumentError(f"--given {text!r}: {name} is {spec}, and one value can be given here. Use synthesizer.sample(given=...).")
    if spec.text:
        return name, np.array(value)
    if spec.dtype.kind == "b":
        if value.lower() not in ("true", "false"):
            raise ArgumentError(f"--given {text!r}: {name} is true or false.")
        return name, np.array(value.lower() == "true")
    try:
        return name, np.array(value, spec.dtype) if spec.dtype.kind in "mM" else np.array(
            float(value) if spec.dtype.kind == "f" else int(value)
        )
    except ValueError as error:
        raise ArgumentError(f"--given {text!r}: {name} is {spec}, and {value!r} is none.") from error
