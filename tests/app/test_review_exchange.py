"""Corrections on the Review page: downloads, import with preview and undo, agreement, and hostile names."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.review.reviewed import read_reviewed
from audiotag.ui.review import exchange
from audiotag.workspace import Workspace

from .conftest import texts

HOSTILE = "[x](http:x)_<i>=1.wav"


def page(root: str) -> None:
    from pathlib import Path

    import streamlit as st

    from audiotag.ui import dataset_cache
    from audiotag.ui.review.exchange import show_exchange
    from audiotag.workspace import Workspace

    def open_clip(disagreement: object) -> None:
        st.session_state["opened"] = disagreement

    show_exchange(dataset_cache.load_dataset(Path(root)), Workspace(), "Ann", open_clip)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    root.mkdir()
    rows = [("a.wav", "Dog"), ("b.wav", "Cat"), (HOSTILE, "Rain")]
    for name, _ in rows:
        (root / name).touch()
    with (root / "t.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("fname", "label"), *rows])
    return root


@pytest.fixture
def journal(root: Path) -> VerdictJournal:
    return VerdictJournal.of(root, Workspace())


@pytest.fixture
def reviewed(journal: VerdictJournal) -> VerdictJournal:
    """Ann and Bob disagree about a, and agree about the clip with the hostile name."""
    for reviewer, clip, label, after in (
        ("Ann", "a.wav", "Dog", "Cat"),
        ("Bob *_x_*", "a.wav", "Dog", "Dog"),
        ("Ann", HOSTILE, "Rain", "Dog"),
        ("Bob *_x_*", HOSTILE, "Rain", "Dog"),
    ):
        answer = "right" if label == after else "other"
        journal.append([Verdict("curated", clip, label, answer, (label,), (after,), reviewer, note="a [n](x)")])
    return journal


def show(root: Path) -> AppTest:
    at = AppTest.from_function(page, args=(str(root),), default_timeout=60).run()
    assert not at.exception
    return at


def upload(at: AppTest, name: str, content: str | bytes) -> AppTest:
    at.file_uploader(key="import-file").upload(name, content.encode() if isinstance(content, str) else content).run()
    assert not at.exception
    return at


def labels_now(root: Path) -> dict[str, tuple[str, ...]]:
    dataset = open_dataset(root)
    after = {one.clip: one.after for one in read_reviewed(dataset, Workspace()).corrections}
    return {
        clip: after.get(clip, own) for clip, own in zip(dataset.clips["clip"], dataset.clips["labels"], strict=True)
    }


def test_without_verdicts_there_is_nothing_to_download_or_compare(root: Path) -> None:
    at = show(root)
    assert texts(at.markdown)[0] == "The labels of 0 clips are corrected, by 0 verdicts."
    assert not at.dataframe
    assert [heading.value for heading in at.header] == ["Import corrections"]


def test_the_corrected_table_is_made_at_a_click_and_offered(
    root: Path, reviewed: VerdictJournal, contents: Callable
) -> None:
    before = contents(root)
    at = show(root)
    summary = "The labels of 2 clips are corrected, by 4 verdicts (2 by Ann, 2 by Bob *_x_*)."
    assert texts(at.markdown)[0] == summary
    at.button(key="export-labels").click().run()
    assert not at.exception
    assert "Made and checked: 1 table in the dataset's own format." in " ".join(texts(at.markdown))
    export = at.session_state[exchange.EXPORTED][2]
    rows = list(csv.reader(io.StringIO(export.to_bytes().decode())))
    assert rows == [["fname", "label"], ["a.wav", "Dog,Cat"], ["b.wav", "Cat"], [HOSTILE, "Dog"]]
    reviewed.undo("Ann")
    at.run()
    assert "Made and checked" not in " ".join(texts(at.markdown))  # it is not what the page says any more
    assert contents(root) == before


def test_a_plain_table_says_why(tmp_path: Path) -> None:
    for name in ("Dog/a.wav", "Cat/b.wav"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        (tmp_path / "set" / name).touch()
    at = show(tmp_path / "set")
    at.button(key="export-labels").click().run()
    assert "Made and checked: a plain table of all clips." in " ".join(texts(at.markdown))
    assert "because the labels of this dataset are not in a table with one row per clip" in " ".join(texts(at.caption))


def test_import_shows_what_will_change_and_can_be_undone(root: Path, journal: VerdictJournal) -> None:
    was = labels_now(root)
    at = upload(show(root), "bob's.csv", "fname,label\na.wav,Cat\nb.wav,Cat\nz.wav,Dog\n")
    assert "1 clip gets other labels, in the name of bob's." in " ".join(texts(at.markdown))
    assert texts(at.caption) == ["1 clip is not in t, and left out: z.wav.", "1 clip has the same labels already."]
    assert at.dataframe[0].value.to_dict("records") == [
        {"subset": "curated", "clip": "a.wav", "from": "Dog", "to": "Cat", "reviewer": "bob's"}
    ]
    assert journal.verdicts() == []
    at.text_input(key="import-reviewer").input("Bob").run()
    at.toggle(key="import-confirm").set_value(True).run()
    assert "1 clip gets other labels, 1 verdict changes no label, in the name of Bob." in " ".join(texts(at.markdown))
    at.button(key="import").click().run()
    assert not at.exception
    assert labels_now(root) == was | {"a.wav": ("Cat",)}
    assert "Imported: 1 clip gets other labels" in texts(at.success)[0]
    assert "Nothing would change." in " ".join(texts(at.markdown))
    at.button(key="undo-import").click().run()
    assert labels_now(root) == was
    assert journal.verdicts() == []
    assert not at.success


def test_json_of_another_reviewer_is_imported_in_their_name(root: Path, reviewed: VerdictJournal) -> None:
    dataset: Dataset = open_dataset(root)
    content = exchange.corrections_json(dataset, [], reviewed.verdicts())
    reviewed.path.unlink()
    at = upload(show(root), "all.json", content)
    assert "in the name of Ann and Bob *_x_*." in " ".join(texts(at.markdown))
    at.button(key="import").click().run()
    assert len(reviewed.verdicts()) == 4
    at.button(key="undo-import").click().run()
    assert reviewed.verdicts() == []


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "x.csv",
            "fname,label\nz.wav,Dog\n",
            "x.csv names no clip of t, like z.wav; is it the table of another dataset?",
        ),
        ("../../e<i>.json", "{", "e_i_.json cannot be read as JSON"),
        ("t.xlsx", b"PK\x03\x04 no workbook", "t.xlsx"),
        ("t.parquet", b"PAR1", "t.parquet"),
    ],
)
def test_damaged_and_foreign_files_are_sentences(root: Path, name: str, content: Any, problem: str) -> None:
    at = upload(show(root), name, content)
    assert problem in " ".join(texts(at.error))
    assert not [button for button in at.button if button.key == "import"]


def test_agreement_and_disagreements_are_listed_and_open_their_clip(root: Path, reviewed: VerdictJournal) -> None:
    at = show(root)
    found = " ".join(texts(at.markdown))
    assert "Ann and Bob *_x_* agree on 2 of 3 labels (67 %); Cohen’s κ is 0.40, of too few labels to rely on." in found
    (table,) = [frame.value for frame in at.dataframe]
    assert table[["clip", "label", "who says what"]].values.tolist() == [
        ["a.wav", "Dog", "Bob *_x_* hears Dog, Ann does not"]
    ]
    assert table["notes"].tolist() == ["Ann: a [n](x) / Bob *_x_*: a [n](x)"]
    assert "Select a row to open its clip." in texts(at.caption)[-1]


def test_selecting_a_row_opens_the_clip(root: Path, reviewed: VerdictJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    selected: list[Callable[[], None]] = []
    real = exchange.st.dataframe

    def with_selection(table: Any, **arguments: Any) -> Any:
        selected.append(arguments.get("on_select"))
        return real(table, **arguments)

    monkeypatch.setattr(exchange.st, "dataframe", with_selection)
    opened: list[Any] = []
    state = {exchange.DISAGREEMENTS: type("Event", (), {"selection": type("Rows", (), {"rows": [0]})})}
    show(root)
    monkeypatch.setattr(exchange.st, "session_state", state)
    exchange._show_agreement(read_reviewed(open_dataset(root), Workspace()), opened.append)
    selected[-1]()
    assert [(one.clip, one.label) for one in opened] == [("a.wav", "Dog")]


def test_a_damaged_journal_costs_its_lines_alone(root: Path, reviewed: VerdictJournal) -> None:
    content = reviewed.path.read_bytes().split(b"\n")
    reviewed.path.write_bytes(b"\n".join([b"{damaged", *content]))
    at = show(root)
    assert "by 4 verdicts" in texts(at.markdown)[0]


def test_downloads_are_those_of_the_reviewed_dataset(root: Path, reviewed: VerdictJournal) -> None:
    state = read_reviewed(open_dataset(root), Workspace())
    values = json.loads(exchange.corrections_json(open_dataset(root), state.corrections, state.verdicts))
    assert len(values["verdicts"]) == 4
    assert len(exchange.differences_csv(state.corrections, state.verdicts, True).splitlines()) == 3
