"""What users read has no exception class, no position of a parser and no codec, whatever a file holds."""

import ast
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save

from audiotag.audio.reading import read_header, read_sound
from audiotag.cli.main import main
from audiotag.data.fsdkaggle2019_folder import check_folder
from audiotag.data.label_names import aliases_path, read_aliases
from audiotag.data.layouts import absolute, open_dataset
from audiotag.data.tables import read_table
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset
from audiotag.foreign import read_foreign_json
from audiotag.reasons import plain_reason
from audiotag.scoring import score_submission
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.ensemble import find_ensemble
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.tagging.thresholds import read_saved_thresholds
from audiotag.tagging.weights import load_networks
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import Run
from audiotag.workspace import Workspace

ROOT = Path(__file__).parents[2]
JARGON = re.compile(
    r"Expecting|line \d+,? column|\bcolumn \d|\(char \d|codec can't|invalid start byte|0x[0-9a-f]{2}|null byte|"
    r"\[?[Ee]rrno|<class|NoneType|Traceback|\w+(Error|Exception)\b|__init__|unexpected keyword|object is not|"
    r"not subscriptable|indices must be|tokenizing|C error|magic bytes|[Tt]hrift|deserializ|HeaderToo|Invalid header|"
    r"InvalidHeader|MetadataIncomplete|pandas|pyarrow|soundfile|tomllib|safetensors_rust|SafetensorError|arrow::|"
    r"b'|\\x[0-9a-f]{2}\\x|Expected \d+ fields|EOF inside|No columns to parse|home directory"
)
JSON = (
    b"",
    b"{",
    b"[1,",
    b"nul",
    b"null",
    b"[]",
    b'"x"',
    b"{}",
    b'{"format": 1}',
    b"\xff\xfe\x00\x01",
    b"\x80",
    b'{"a": "\x00"}',
    b'{"format": 1,\n "labels": }',
    b"[" * 5000,
    b'{"format": ' + b"9" * 5000 + b"}",
    b'{"a": "\\ud800"}',
    b'{"a" 1}',
    b"{'a': 1}",
)
TOML = (
    b"",
    b"a = ",
    b"\xff",
    b"[a]\n[a]\n",
    b"a = 1\na = 2\n",
    b"= 3\n",
    b'a = "x',
    b"a = 1\n\x00",
    b"a\n",
    b"a = [1, \n",
    b"x" * 99,
    b"a.b = 1\na = 2\n",
    b"[stages]\nlr = 'fast'\n",
    b"a = 2020-13-45\n",
    b"n_mels = 'many'\n",
    b"a = 1 b = 2\n",
    b"a = " + b"[" * 500,
)
CSV = (
    b"",
    b"\n\n",
    b"fname,label\na.wav,x,y,z\n",
    b'fname,label\n"a.wav,x\n',
    b"\xff\xfe\x01",
    b"\x89PNG\r\n\x1a\n\x00",
    b"RIFF\x04\x00\x00\x00WAVE",
    b"fname,label\na.wav,\x00\n",
    b"PAR1\x15\x04",
    b"PK\x03\x04\x14",
    b"\x1f\x8b\x08\x00",
    b"\xff\xd8\xff\xe0JFIF",
    b"<!DOCTYPE html><html>\n",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 9\n",
    b"fname",
    b",,,\n,,,\n",
    b"fname,label\n" + b'"' + b"a" * 200_000,
    b"\xe9\xe8\xe7,\xe0\n\xff,\xfe\n",
)


def parquet_bytes(**columns: list[object]) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


WHOLE = parquet_bytes(fname=["a.wav", "b.wav"] * 50, label=["x", "y"] * 50)
PARQUET = (
    b"",
    b"PAR1",
    b"PAR1PAR1",
    b"PAR1" + bytes(40) + b"PAR1",
    WHOLE[:-9],
    WHOLE[: len(WHOLE) // 2],
    WHOLE[:60] + bytes(len(WHOLE) - 120) + WHOLE[-60:],
    b"PAR1" + WHOLE[300:],
    b"PARE" + bytes(30) + b"PARE",
    b"fname,label\na.wav,x\n",
    bytes(100),
    parquet_bytes(fname=[b"RIFF\x00\x01", b"\xff\xfe"], label=["x", "y"]),
    parquet_bytes(audio=[{"bytes": b"RIFF\x00\xff", "path": "a.wav"}], label=["x"]),
    parquet_bytes(label=["x"], sound=[b"RIFF\x00\xff"]),
)
PATHS = (
    "a\0b.wav",
    "https://example.org/a.csv",
    "file:///etc/passwd",
    "~nobody-of-this-name/x.csv",
    "x" * 5000,
    "x" * 300,
    "/dev/null",
    "s3://bucket/a.parquet",
    ".",
    "no/such/file.toml",
    "no/such/file.parquet",
    "\udcff.csv",
)


def said(function: Callable[[], object]) -> str:
    """What a user reads if a call is refused; empty if it is not. Any other exception is a fault."""
    try:
        function()
    except AudiotagError as error:
        return str(error)
    except OSError as error:
        return disk_problem(error)
    return ""


def faults(sentences: Iterator[str]) -> list[str]:
    return [f"{found[0]}: {sentence[:300]}" for sentence in sentences if (found := JARGON.search(sentence))]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "parquet"])
def test_damaged_tables_are_named_in_plain_words(tmp_path: Path, suffix: str) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("fname,labels\na.wav,x\n")

    def sentences() -> Iterator[str]:
        for number, content in enumerate((*CSV, *PARQUET)):
            path = tmp_path / f"{number}.{suffix}"
            path.write_bytes(content)
            for read in (read_table, open_dataset):
                yield said(lambda read=read, path=path: read(path))  # type: ignore[misc]
            yield said(lambda path=path: score_submission(path, truth))  # type: ignore[misc]
            yield said(lambda path=path: score_submission(truth, path))  # type: ignore[misc]

    assert faults(sentences()) == []


def test_damaged_recipes_presets_and_aliases_are_named_in_plain_words(tmp_path: Path) -> None:
    workspace = Workspace()
    recipe, preset, aliases = tmp_path / "mine.toml", workspace.presets / "mine.toml", aliases_path(workspace)
    preset.parent.mkdir(parents=True)

    def sentences() -> Iterator[str]:
        for content in (*TOML, *JSON):
            for path in (recipe, preset, aliases):
                path.write_bytes(content)
            yield said(lambda: load_recipe(str(recipe)))
            yield said(lambda: load_preset("mine", workspace))
            yield said(lambda: read_aliases(workspace))

    assert faults(sentences()) == []


def test_damaged_json_files_are_named_in_plain_words(tmp_path: Path, tiny_ensemble: Path) -> None:
    workspace, run = Workspace(), tmp_path / "runs" / "mine"
    card = read_card(tiny_ensemble)
    thresholds = workspace.root / "thresholds" / "tiny.json"
    folder = tmp_path / "mine"
    for parent in (run, folder, thresholds.parent):
        parent.mkdir(parents=True)
    fields = [b'{"format": 1, "labels": %s}' % value for value in (b"null", b"3", b'{"a": 1}', b"[null]")]
    whole = (tiny_ensemble / "card.json").read_bytes()
    swaps = [
        (b'"folds": [', b'"folds": [3, '),
        (b'"fold": 1', b'"old": 1'),
        (b'"spectrogram": {', b'"spectrogram": {"x": null, '),
        (b'"network": {', b'"network": {"kind": [], '),
        (b'"format": 1', b'"format": 1, "thing": 2'),
        (b'"recipe": {', b'"recipe": {"augment": [{"kind": "mask", "widths": 3}], '),
        (b'"thresholds": [', b'"thresholds": ["x", '),
        (b'"lwlrap": ', b'"lwlrap": "x", "y": '),
    ]

    def sentences() -> Iterator[str]:
        for content in (*JSON, *TOML, *fields, *(whole.replace(*swap, 1) for swap in swaps)):
            for path in (folder / "card.json", run / "settings.json", thresholds):
                path.write_bytes(content)
            yield said(lambda: read_card(folder))
            yield said(lambda: Run(run).settings())
            yield said(lambda: read_saved_thresholds(workspace, card))
            yield said(lambda: read_foreign_json(folder / "card.json"))

    assert faults(sentences()) == []


def test_damaged_weights_are_named_in_plain_words(tmp_path: Path, tiny_ensemble: Path) -> None:
    """Their checksums are right: they are of an ensemble that somebody made."""
    import hashlib
    from dataclasses import replace

    card = read_card(tiny_ensemble)
    whole = (tiny_ensemble / card.folds[0].file).read_bytes()
    contents = (
        b"",
        b"x",
        bytes(64),
        b"\xff" * 64,
        whole[:100],
        whole[:-8],
        whole[:8] + b"[" + whole[9:],
        save({"a": np.zeros(3)}),
        save({"scores": np.zeros((2, 3)), "targets": np.zeros((2, 3)), "folds": np.zeros((2, 2))}),
        (2**62).to_bytes(8, "little"),
    )

    def sentences() -> Iterator[str]:
        for content in contents:
            digest = hashlib.sha256(content).hexdigest()
            for name in (card.folds[0].file, "out-of-fold.safetensors"):
                (tmp_path / name).write_bytes(content)
            changed = replace(card, folds=(replace(card.folds[0], sha256=digest),), out_of_fold=digest)
            yield said(lambda changed=changed: load_networks(tmp_path, changed))  # type: ignore[misc]
            yield said(lambda changed=changed: read_out_of_fold(tmp_path, changed))  # type: ignore[misc]

    assert faults(sentences()) == []


def test_paths_that_name_no_file_are_refused_in_plain_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    truth = tmp_path / "truth.csv"
    truth.write_text("fname,labels\na.wav,x\n")
    readers: tuple[Callable[[str], object], ...] = (
        absolute,
        open_dataset,
        load_recipe,
        find_ensemble,
        lambda path: read_card(Path(path)),
        lambda path: read_table(Path(path)),
        lambda path: read_header(Path(path)),
        lambda path: read_sound(Path(path)),
        lambda path: check_folder(Path(path)),
        lambda path: score_submission(Path(path), truth),
        lambda path: score_submission(truth, Path(path)),
        lambda path: load_preset(path, Workspace()),
    )
    sentences = (said(lambda r=read, p=path: r(p)) for path in PATHS for read in readers)  # type: ignore[misc]
    assert faults(sentences) == []


@pytest.mark.parametrize("arguments", [["scan"], ["train", "--recipe"], ["score", "--truth"], ["publish", "run"]])
def test_commands_refuse_damaged_files_in_plain_words(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.wav").touch()
    for number, (content, suffix) in enumerate(
        [(CSV[3], "csv"), (PARQUET[4], "parquet"), (TOML[3], "toml"), (b"\xff", "csv")]
    ):
        path = tmp_path / f"{number}.{suffix}"
        path.write_bytes(content)
        command = [*arguments, str(path)]
        command = {"train": [*command, str(tmp_path)], "score": [*command, str(path)]}.get(arguments[0], command)
        with pytest.raises(SystemExit, match=r"^2$"):
            main(command)
        printed = capsys.readouterr()
        assert not JARGON.search(printed.out + printed.err)
        assert printed.err


def test_reasons_of_libraries_are_translated() -> None:
    reasons = [
        ValueError("embedded null byte"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        OSError("Could not open Parquet input source '<Buffer>': Parquet magic bytes not found in footer."),
        OSError(2, "Failed to open local file 'a'. Detail: [errno 2] No such file or directory"),
        KeyError("folds"),
        TypeError("'NoneType' object is not iterable"),
        RecursionError("maximum recursion depth exceeded"),
        ValueError("Error tokenizing data. C error: Expected 2 fields in line 2, saw 4"),
    ]
    assert faults(map(plain_reason, reasons)) == []
    assert plain_reason(reasons[-1]).startswith("line 2 has 4 cells")


# A rule for the source: the text of an exception that is not ours never gets into a message.

TRANSLATORS = re.compile(r"\w*_(error|reason)")  # functions that take the text and give words of ours
OURS = {"AudiotagError", "EngineError", "Terminated", "DecoderEndedError"}
PLAIN = {"filename", "strerror", "errno", "name", "reason", "may_pass", "__cause__", "code", "args"}
SOURCES = {path.relative_to(ROOT).as_posix(): path for path in sorted((ROOT / "audiotag").rglob("*.py"))}


def raw_texts(tree: ast.AST) -> list[str]:
    """Where the text of a caught exception of another library is used: `str(error)`, `{error}`, `{type(error)}`."""
    found = []
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None or handler.type is None:
            continue
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if {ast.unparse(kind) for kind in kinds} <= OURS:
            continue
        nodes = [inner for statement in handler.body for inner in ast.walk(statement)]
        calls = [node for node in nodes if isinstance(node, ast.Call) and TRANSLATORS.fullmatch(ast.unparse(node.func))]
        translated = {argument for call in calls for argument in call.args}
        if {ast.unparse(kind) for kind in kinds} <= OURS | {"OSError"}:
            choices = [node for node in nodes if isinstance(node, ast.IfExp)]
            ours = [one.orelse for one in choices if ast.unparse(one.test) == f"isinstance({handler.name}, OSError)"]
            translated |= {node for branch in ours for node in ast.walk(branch)}
        for node in nodes:
            shown: ast.expr | None = None
            if node in translated:
                continue
            if isinstance(node, ast.FormattedValue):
                shown = node.value
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("str", "repr", "as_text", "escape"):
                shown = node.args[0] if node.args else None
            if shown is not None and _shows(shown, handler.name):
                found.append(f"line {node.lineno}: {ast.unparse(shown)}")
    return found


def _shows(shown: ast.expr, name: str) -> bool:
    if isinstance(shown, ast.IfExp):
        is_oserror = ast.unparse(shown.test) == f"isinstance({name}, OSError)"
        return _shows(shown.body, name) or (not is_oserror and _shows(shown.orelse, name))
    if isinstance(shown, ast.BoolOp):
        return any(_shows(value, name) for value in shown.values)
    if isinstance(shown, ast.Attribute) and ast.unparse(shown.value) == name:
        return shown.attr not in PLAIN
    if isinstance(shown, ast.Attribute | ast.Subscript):
        return _shows(shown.value, name)
    if isinstance(shown, ast.Call) and ast.unparse(shown.func) in ("type", "str", "repr"):
        return any(ast.unparse(argument) == name for argument in shown.args)
    return isinstance(shown, ast.Name) and shown.id == name


def test_no_text_of_another_library_gets_into_a_message() -> None:
    found = {name: raw_texts(ast.parse(path.read_text(encoding="utf-8"))) for name, path in SOURCES.items()}
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    ("body", "is_fault"),
    [
        ("raise AudiotagError(f'{error}')", True),
        ("raise AudiotagError(f'a: {type(error).__name__}')", True),
        ("raise AudiotagError(f'a: {error.strerror or error}')", True),
        ("say(str(error))", True),
        ("raise _parser_error(path, str(error))", False),
        ("say(disk_problem(error) if isinstance(error, OSError) else str(error))", False),
        ("say(str(error) if isinstance(error, OSError) else '')", True),
        ("raise AudiotagError(f'a: {error.strerror}')", False),
        ("raise AudiotagError(f'a: {plain_reason(error)}')", False),
    ],
)
def test_the_rule_finds_what_it_must_find(body: str, is_fault: bool) -> None:
    assert bool(raw_texts(ast.parse(f"try:\n    f()\nexcept OSError as error:\n    {body}\n"))) == is_fault
    assert raw_texts(ast.parse(f"try:\n    f()\nexcept AudiotagError as error:\n    {body}\n")) == []
