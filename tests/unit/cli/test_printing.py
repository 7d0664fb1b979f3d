"""What commands print: nothing in it moves a terminal's cursor, fakes a line, or cannot be written."""

import ast
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from tqdm import tqdm

from audiotag.cli import printing
from audiotag.cli.main import main
from audiotag.cli.train import _show_progress
from audiotag.state import fits
from audiotag.training.runs import PROGRESS_SHAPE
from audiotag.wording import json_escaped, printable

CLI = Path(printing.__file__).parent
HOSTILE = "\x1b]0;gone\x07\x1b[2J\r\n\t\b\x7f\x9b31m\u2028\u202edog\u2066\ufeff\udcff.wav"
UNSAFE = set(HOSTILE) - set("]0;gone[2J31mdog.wav\n")


def is_inert(text):
    return not UNSAFE & set(text)


def outputs(node):
    """Calls in a source that write to an output by themselves."""
    for call in ast.walk(node):
        name = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
        if name == "print" or name.endswith(("stdout.write", "stderr.write", "bar.write", "tqdm.write")):
            yield name


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.stem)
def test_only_printing_writes_to_outputs(path):
    if path.stem != "printing":
        assert not list(outputs(ast.parse(path.read_text(encoding="utf-8")))), "use audiotag.cli.printing"


def test_the_check_of_sources_finds_every_way_to_write():
    source = "print(1)\nsys.stderr.write('')\nself._bar.write('')\nfile.write('')"
    assert list(outputs(ast.parse(source))) == ["print", "sys.stderr.write", "self._bar.write"]


@pytest.mark.parametrize("with_bar", [False, True])
@pytest.mark.parametrize("write", [printing.print_line, printing.say])
def test_a_line_stays_one_line_that_a_terminal_does_not_obey(write, with_bar, capsys):
    bar = tqdm(disable=True) if with_bar else None
    write(f"{HOSTILE}: no label", bar)
    text = "".join(capsys.readouterr())
    assert text.count("\n") == 1
    assert is_inert(text)


def test_the_bar_of_a_training_shows_any_progress_that_a_run_may_have():
    subset = HOSTILE.replace("\udcff", "")  # which no state file may have
    progress = {"fold": 1, "subset": subset, "epoch": 1, "epochs": 2, "batch": 3, "batches": 4, "loss": 0.5}
    assert fits(progress, PROGRESS_SHAPE)
    run = SimpleNamespace(state=lambda: "running", progress=lambda: [progress], events=list)
    with tqdm(disable=False, file=io.StringIO()) as bar:
        _show_progress(bar, run)
    assert bar.desc.endswith(", epoch 1/2, training")
    assert is_inert(bar.desc)


def test_a_table_has_one_line_per_row(capsys):
    name = HOSTILE.replace("\udcff", "")  # pandas itself refuses it in an index
    printing.print_table(pd.DataFrame({name: [0.5, 1.0]}, index=["Bark", name]), "{:.1f}")
    text = capsys.readouterr().out
    assert text.count("\n") == 3
    assert is_inert(text)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_json_on_a_terminal_is_inert_and_holds_the_same_values(encoding, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, newline="\n"))
    values = {HOSTILE: [HOSTILE, "犬 é 🐕", 1.5, None]}
    printing.print_json(values)
    sys.stdout.flush()
    text = written.getvalue().decode(encoding)
    assert is_inert(text)
    assert json.loads(text) == values


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_every_character_can_be_printed_whatever_the_terminal(encoding, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, newline="\n"))
    printing.accept_every_character()
    printing.print_line("犬 × é " + HOSTILE)
    sys.stdout.flush()
    assert is_inert(written.getvalue().decode(encoding))


def test_errors_of_arguments_and_of_commands_are_inert(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("AUDIOTAG_HOME", str(tmp_path))
    for arguments in (
        ["tag", "x.wav", "--combine", HOSTILE],
        ["tag", HOSTILE],
        [HOSTILE],
        ["score", HOSTILE, "--truth", "x"],
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        text = capsys.readouterr().err
        assert is_inert(text), text
        assert text.splitlines()[-1].startswith("audiotag")


def test_text_without_unsafe_characters_is_unchanged():
    for text in ("Meow, C:\\sounds", "犬\u3000バーク", "می\u200cخواهم", "👩\u200d🚒", "3.14.15\u202fPM"):
        assert printable(text) == text
        assert json_escaped(text) == text
