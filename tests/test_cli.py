"""The command line: what it prints, what it writes, and how it says no. `plait check` and `plait demo` need Keras: tests/keras."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import plait
from plait.cli import main

SCRIPT = '''
"""A data set, and some other things."""
import numpy as np
import plait

source = plait.Arrays(x=np.arange(12.0), grade=np.array([0, 1, 2] * 4), key=[f"p{i:02}" for i in range(12)])
data = plait.Dataset(inputs={"x": source["x"]}, targets={"grade": source["grade"]}).map(plait.Standardize.fit(source["x"]), on="x")
number = 7
if __name__ == "__main__":
    raise SystemExit("this part is not for plait")
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "trial.py").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    modules = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] in ("trial", "trial_script", "neighbour", "broken"):
            del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]


def refused(capsys, *arguments: str) -> str:
    """What the command says on standard error when it exits with status 2; nothing is printed, and there is no traceback."""
    assert main(list(arguments)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert printed.err.startswith("plait: ")
    return printed.err


def test_show_prints_a_batch(folder, capsys):
    assert main(["show", "trial.py:data", "--samples", "3", "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    preview = plait.show(plait.cli.Scripts().value("trial.py:data"), samples=3, seed=1)
    assert printed == f"{preview}\n"
    assert all(str(key) in printed for key in preview.keys)


def test_show_writes_the_page_and_says_where(folder, capsys):
    assert main(["show", "trial.py:data", "--html", "batch.html"]) == 0
    assert capsys.readouterr().out == "One batch of 12 samples: batch.html\n"
    page = (folder / "batch.html").read_text(encoding="utf-8")
    assert "<h1>One batch</h1>" in page and "Standardize" in page


def test_a_script_finds_its_neighbours_and_its_files(folder, capsys, monkeypatch):
    (folder / "neighbour.py").write_text("import plait\nx = plait.Arrays(x=[1.0, 2.0])\n", encoding="utf-8")
    (folder / "trial.py").write_text("import plait, neighbour\ndata = plait.Dataset(inputs={'x': neighbour.x})\n", encoding="utf-8")
    monkeypatch.chdir("/")
    assert main(["show", f"{folder / 'trial.py'}:data"]) == 0
    assert "2 of 2 samples" in capsys.readouterr().out


def test_a_script_named_like_a_module_does_not_replace_it(folder, capsys):
    (folder / "json.py").write_text(SCRIPT, encoding="utf-8")
    before = sys.modules["json"]
    assert main(["show", "json.py:data"]) == 0
    assert sys.modules["json"] is before


def test_a_script_may_define_data_classes(folder):
    (folder / "trial.py").write_text(
        "from __future__ import annotations\nimport plait\nfrom dataclasses import dataclass\n"
        "@dataclass(frozen=True)\nclass Size:\n    side: int = 2\n" + SCRIPT,
        encoding="utf-8",
    )
    assert main(["show", "trial.py:data"]) == 0


def test_a_file_that_is_not_there(folder, capsys):
    assert "There is no file 'other.py' (working directory" in refused(capsys, "show", "other.py:data")


def test_a_name_that_the_script_does_not_have(folder, capsys):
    assert "trial.py has no name 'train'. It has source, data, number." in refused(capsys, "show", "trial.py:train")


def test_a_name_that_is_no_data_set(folder, capsys):
    assert "trial.py:number is a int, not a plait.Dataset. Give the name of a data set" in refused(capsys, "show", "trial.py:number")


@pytest.mark.parametrize("reference", ["trial.py", "trial:data", "trial.py:", "trial.py:a b", "data"])
def test_a_reference_that_names_nothing(folder, capsys, reference):
    assert "names no value in a script. Write the file and the name: trial.py:data" in refused(capsys, "show", reference)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\n1 / 0\n", "broken.py raises ZeroDivisionError in line 2: division by zero"),
        ("x = 1\ny = (\n", "broken.py raises SyntaxError in line 2:"),
        ("import sys\n\nsys.exit(3)\n", "broken.py ends the process by itself (status 3) in line 3"),
        ("import nowhere_to_be_found\n", "broken.py raises ModuleNotFoundError in line 1: No module named 'nowhere_to_be_found'"),
        ("import plait\nplait.Csv('gone.csv', key='id')\n", "in broken.py in line 2"),
    ],
)
def test_a_script_that_fails_names_its_line(folder, capsys, code, message):
    (folder / "broken.py").write_text(code, encoding="utf-8")
    assert message in refused(capsys, "show", "broken.py:data")


def test_data_that_cannot_be_read_are_an_error_of_plaits_own(folder, capsys):
    (folder / "trial.py").write_text(
        "import plait\nnotes = plait.Text('notes/{id}.txt')\ndata = plait.Dataset(inputs={'note': notes})\n", encoding="utf-8"
    )
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_bytes(b"fine")
    (folder / "notes" / "b.txt").write_bytes(b"\xff\xfe\xff broken")
    assert "'b'" in refused(capsys, "show", "trial.py:data")


def test_a_page_that_cannot_be_written(folder, capsys):
    assert "The page cannot be written to 'no/where.html'" in refused(capsys, "show", "trial.py:data", "--html", "no/where.html")


@pytest.mark.parametrize("arguments", [[], ["dance"], ["show"], ["show", "trial.py:data", "--samples", "0"], ["demo", "--epochs", "x"]])
def test_a_command_that_cannot_be_meant_shows_how_it_is_used(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: plait" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["show", "--help"], ["check", "--help"], ["demo", "--help"]])
def test_help_says_what_there_is(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 0
    assert "usage: plait" in capsys.readouterr().out


def test_every_command_is_in_the_help(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert [command in printed for command in ("demo", "show", "check")] == [True] * 3


def test_the_version_is_that_of_the_package():
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"plait {plait.__version__}\n")


def test_a_reader_that_leaves_early_is_no_error(folder):
    (folder / "trial.py").write_text(SCRIPT.replace("np.arange(12.0)", "np.arange(60000.0)").replace("* 4", "* 20000").replace(
        "range(12)", "range(60000)"), encoding="utf-8")  # fmt: skip
    command = f"{sys.executable} -m plait.cli show trial.py:data --samples 60000 | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, env=environment(), timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("60000 of 60000 samples")


def test_the_demo_says_what_it_needs_where_no_backend_is_installed(tmp_path):
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text(
        "import importlib.util as u\nfound = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('jax', 'torch', 'tensorflow') else found(name, *a)\n",
        encoding="utf-8",
    )
    own = {k: v for k, v in environment().items() if k != "KERAS_BACKEND"}
    done = run("demo", "--out", str(tmp_path / "demo"), env={**own, "PYTHONPATH": f"{tmp_path}{os.pathsep}{own['PYTHONPATH']}"})
    assert done.returncode == 2
    assert done.stderr == (
        "plait: The demo trains a model, and none of JAX, PyTorch and TensorFlow is installed. Run: pip install 'plait[demo,jax]'\n"
    )


def test_the_demo_refuses_a_folder_that_cannot_be_made(folder, capsys, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    (folder / "file").write_text("", encoding="utf-8")
    assert "--out 'file/demo' cannot be made: Not a directory. Name a folder: plait demo --out try" in refused(
        capsys, "demo", "--out", "file/demo"
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(plait.__file__).parents[1]), *sys.path[1:2]])}


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "plait.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env or environment(), timeout=120, check=False)


def test_a_data_set_is_packed(folder, capsys):
    assert main(["pack", "trial.py:data", "train.plait"]) == 0
    assert 'Open it with plait.open("train.plait").' in capsys.readouterr().out
    assert len(plait.open("train.plait")) == 12
    assert "is there already" in refused(capsys, "pack", "trial.py:data", "train.plait")
    assert main(["pack", "trial.py:data", "train.plait", "--overwrite"]) == 0
