"""The Label tab of the Review page: answers, undo, many clips at once, names of labels, and what is missing."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.data.index import with_keys
from audiotag.data.layouts import open_dataset
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.review.queue import item_id
from audiotag.similarity.embedding_store import EmbeddingStore, NewSound, file_keys
from audiotag.tagging.card_reading import read_card
from audiotag.ui.review.label.place import share_without_label, with_label_tab
from audiotag.ui.review.label.position import AT, CLIPS, CLUSTER, END, LABEL, MARKED, VIEW
from audiotag.workspace import Workspace

from .conftest import beep, open_page, table_dataset, texts, wav
from .test_home import links
from .test_hostile_text import HOSTILE, NAME, check

PAGE = "pages/review.py"
COUNT = 12
KINDS = 3  # groups of clips that sound alike


def embed(folder: Path, workspace: Workspace) -> None:
    """Put vectors into the workspace: those of each third clip are nearly the same."""
    card = read_card(workspace.ensembles / "tiny")
    clips = with_keys(open_dataset(folder).clips)
    rng = np.random.default_rng(0)
    vectors = np.eye(8)[np.arange(len(clips)) % KINDS] + 0.01 * rng.normal(size=(len(clips), 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    keys = file_keys(clips).tolist()
    sounds = [NewSound(key, key, 0, np.zeros(1), vector[None]) for key, vector in zip(keys, vectors, strict=True)]
    EmbeddingStore.of(card, workspace).add(sounds)


@pytest.fixture
def bare(empty: Workspace, tiny_ensemble: Path) -> Workspace:
    """A workspace with the tiny ensemble alone."""
    shutil.copytree(tiny_ensemble, empty.ensembles / "tiny")
    return empty


@pytest.fixture
def folder(bare: Workspace, tmp_path: Path) -> Path:
    """Twelve sounds without labels, of three kinds."""
    folder = tmp_path / "found"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number:02}.wav").write_bytes(wav(beep(0.2 + number / 100)))
    bare.remember_dataset(folder)
    embed(folder, bare)
    return folder


def opened(reviewer: str = "ann", **address: Any) -> AppTest:
    at = open_page(PAGE, reviewer=reviewer, **{key.replace("_", "-"): value for key, value in address.items()})
    assert not at.exception, at.exception
    return at


def journal(folder: Path) -> list[Verdict]:
    return VerdictJournal.of(folder, Workspace()).verdicts()


def shown(at: AppTest) -> str:
    """The clip that is asked about."""
    (found,) = [each for each in texts(at.markdown) if re.fullmatch(r"\d\d\.wav · curated", each)]
    return found.split(" ")[0]


def progress(at: AppTest) -> str:
    return str(at.get("progress")[0].proto.text)


def button(at: AppTest, key: str) -> Any:
    """The button that a key presses."""
    (found,) = [each for each in at.button if str(each.key).startswith(f"press-{key}-")]
    return found


def press(at: AppTest, key: str) -> AppTest:
    return button(at, key).click().run()


def type_label(at: AppTest, label: str) -> AppTest:
    """Type a label into the field, which may be a new one."""
    (field,) = [each for each in at.selectbox if str(each.key).startswith("label-field-")]
    if label not in field.options:
        field.options.append(label)
    return field.set_value(label).run()


def label_of(at: AppTest, label: str) -> AppTest:
    return press(type_label(at, label), "enter")


def chosen(at: AppTest) -> list[str]:
    (pills,) = [each for each in at.get("button_group") if str(each.key).startswith("label-marks-")]
    return list(pills.value)


@pytest.mark.parametrize(("labelled", "place"), [(0, 0), (3, 0), (10, -1), (COUNT, None)])
def test_label_tab_is_first_last_or_missing(tmp_path: Path, labelled: int, place: int | None) -> None:
    dataset = open_dataset(table_dataset(tmp_path / "some", [f"{number:02}.wav,Bark" for number in range(COUNT)]))
    labels = [("Bark",) if number < labelled else () for number in range(COUNT)]
    dataset = replace(dataset, clips=dataset.clips.assign(labels=labels))
    tabs = list(with_label_tab(dataset, lambda: None, {"Queue": lambda: None, "Grid": lambda: None}))
    assert share_without_label(dataset) == pytest.approx(1 - labelled / COUNT)
    assert ("Label" in tabs) == (place is not None)
    if place is not None:
        assert tabs[place] == "Label"


def test_a_new_label_is_made_given_and_has_a_key_for_the_next_clip(folder: Path) -> None:
    at = opened()
    first = shown(at)
    assert progress(at) == f"0 of {COUNT} labelled · 0 of 10 clusters heard"
    at = label_of(at, "  Bark ")
    assert [(each.clip, each.after, each.reviewer) for each in journal(folder)] == [(first, ("Bark",), "ann")]
    assert shown(at) != first
    assert progress(at).startswith(f"1 of {COUNT} labelled")
    (pills,) = at.get("button_group")
    assert [option.content for option in pills.proto.options] == ["Bark `1`"]
    pills.set_value(["Bark"]).run()
    press(at, "enter")
    assert [each.after for each in journal(folder)] == [("Bark",), ("Bark",)]


def test_a_clip_can_have_several_labels_or_none(folder: Path) -> None:
    at = press(type_label(type_label(opened(), "Bark"), "all"), "enter")
    press(at, "0")
    assert [(each.answer, each.after) for each in journal(folder)] == [("other", ("Bark", "all")), ("right", ())]


def test_enter_without_a_label_writes_nothing_and_says_what_to_do(folder: Path) -> None:
    at = press(opened(), "enter")
    assert journal(folder) == []
    assert any(each.startswith("Choose a label first") for each in texts(at.info))
    assert not press(type_label(at, "Bark"), "enter").info


def test_skipped_clips_come_last_and_can_be_gone_through(folder: Path) -> None:
    at = opened()
    skipped = shown(at)
    at = press(at, "S")
    unsure = shown(at)
    at = press(at, "X")
    for _ in range(COUNT - 2):
        at = press(at, "0")
    assert at.query_params[AT] == END
    assert any("2 clips were skipped" in each for each in texts(at.success))
    at = at.button(key="label-go-skipped").click().run()
    assert shown(at) == min(skipped, unsure)
    at = press(at, "S")
    assert shown(at) == max(skipped, unsure)
    at = press(at, "0")
    assert at.query_params[AT] == END
    assert [each.answer for each in journal(folder)[:2]] == ["skip", "unsure"]


def test_undo_takes_back_the_last_answer_and_shows_its_clip_with_the_label_no_more(folder: Path) -> None:
    at = opened()
    first = shown(at)
    at = press(label_of(at, "Bark"), "U")
    assert journal(folder) == []
    assert shown(at) == first
    assert chosen_or_none(at) == []
    assert button(at, "U").disabled


def chosen_or_none(at: AppTest) -> list[str]:
    return chosen(at) if at.get("button_group") else []


def test_a_reload_shows_the_same_clip_with_the_labels_that_are_chosen(folder: Path) -> None:
    at = press(opened(), "S")
    at = type_label(type_label(at, "Bark"), "Howl, far")
    address = {key: values for key, values in at.query_params.items()}
    assert address[MARKED] == ["Bark", "Howl, far"]
    again = opened(**address)
    assert shown(again) == shown(at)
    assert chosen(again) == ["Bark", "Howl, far"]
    assert MARKED not in press(again, "enter").query_params


def test_back_shows_what_was_said_and_a_new_answer_replaces_it(folder: Path) -> None:
    at = label_of(opened(), "Bark")
    at = press(at, "left")
    assert chosen(at) == ["Bark"]
    assert "You said: Bark" in " ".join(texts(at.markdown))
    (pills,) = at.get("button_group")
    press(pills.set_value([]).run(), "0")
    assert [each.after for each in journal(folder)] == [("Bark",), ()]


def test_the_clip_on_the_page_stays_when_another_window_answers(folder: Path) -> None:
    at = opened()
    here = shown(at)
    other = press(label_of(opened(), "Bark"), "S")
    assert shown(other) != here
    at = at.run()
    assert shown(at) == here
    at = press(at, "0")
    assert [each.clip for each in journal(folder)].count(here) == 2  # the newest counts
    assert shown(at) not in {each.clip for each in journal(folder)}


def test_a_label_that_is_too_long_is_refused_with_a_sentence(folder: Path) -> None:
    at = type_label(opened(), "x" * 600)
    (error,) = texts(at.error)
    assert error.startswith("Nothing was written: a label must be at most")
    assert chosen_or_none(at) == []


def test_without_a_name_nothing_can_be_answered(folder: Path) -> None:
    VerdictJournal.of(folder, Workspace()).append(
        [Verdict("curated", f"{number:02}.wav", "", "skip", (), (), name) for number, name in enumerate(("ann", "ben"))]
    )
    at = opened(reviewer="")
    assert any(each.startswith("Type your name above") for each in texts(at.warning))
    assert all(button(at, key).disabled for key in ("enter", "0", "X", "S", "M", "C"))


def test_clips_of_a_cluster_are_on_tiles_with_the_chosen_label(folder: Path) -> None:
    at = press(type_label(opened(), "Bark"), "C")
    assert at.query_params[VIEW] == CLUSTER
    (grid,) = [each.proto.bytes for each in at.get("bidi_component") if b'"kind": "cluster"' in each.proto.bytes]
    assert b'"label": "Bark"' in grid
    at = at.button(key="label-back").click().run()
    assert VIEW not in at.query_params
    assert chosen(at) == ["Bark"]


def answering_page() -> None:
    """Give the first six clips the label Bark, though two of them were answered meanwhile, as in another window."""
    import os
    from pathlib import Path

    from audiotag.data.verdicts import VerdictJournal
    from audiotag.ui import dataset_cache
    from audiotag.ui.embeddings import load_embeddings
    from audiotag.ui.review.label import answers
    from audiotag.ui.review.label.loading import load_labelling, load_material
    from audiotag.workspace import Workspace

    workspace = Workspace()
    dataset, ensemble = dataset_cache.load_dataset(Path(os.environ["FOUND"])), workspace.ensembles / "tiny"
    material = load_material(dataset, ensemble, load_embeddings(dataset, ensemble))
    journal = VerdictJournal.of(dataset.root, workspace)
    before = load_labelling(dataset, material, journal, "ann")
    answers.answer_many(before, [4, 5], ["Howl"])
    answers.answer_many(before, range(6), ["Bark"])
    now = answers.renewed(before)
    answers.change_labels(now, [0], lambda labels: (), removed="Bark")
    answers.undo(now)


def test_many_clips_are_one_step_and_what_was_answered_meanwhile_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOUND", str(folder))
    at = AppTest.from_function(answering_page, default_timeout=60).run()
    assert not at.exception, at.exception
    given = journal(folder)
    assert [each.after for each in given] == [("Howl",)] * 2 + [("Bark",)] * 4
    assert len({each.action for each in given[2:]}) == 1


def in_label_view(label: str) -> AppTest:
    return opened(**{VIEW: CLIPS, LABEL: label})


def test_a_label_is_renamed_merged_and_both_are_taken_back(folder: Path) -> None:
    at = opened()
    for label in ("Bark", "bark", "Howl"):
        at = label_of(at, label)
    assert {each.after for each in journal(folder)} == {("Bark",), ("Howl",)}  # case makes no difference
    at = in_label_view("Bark")
    at = at.text_input(key="label-rename-Bark").set_value("Woof").run()
    at = at.button(key="label-rename").click().run()
    assert at.query_params[LABEL] == "Woof"
    assert any(each.startswith("Woof · 2 clips") for each in texts(at.header))
    at = at.text_input(key="label-rename-Woof").set_value("howl").run()
    at = at.button(key="label-rename").click().run()
    assert any(each.startswith("Howl · 3 clips") for each in texts(at.header))
    at = at.button(key="label-undo").click().run()
    at = at.button(key="press-U-").click().run()
    assert [each.after for each in journal(folder)] == [("Bark",), ("Bark",), ("Howl",)]


def test_clips_that_are_embedded_lead_to_training_with_epochs_for_few_clips(folder: Path) -> None:
    at = label_of(opened(), "Bark")
    assert links(at)["Train on these labels"].startswith("train?recipe=quick&epochs=100&corrections=true")


def test_dataset_page_and_home_lead_to_the_label_tab(folder: Path) -> None:
    for page in ("pages/dataset.py", "app.py"):
        assert links(open_page(page))["Label these clips"] == "review?tab=Label" or page == "app.py"
    at = open_page("app.py")
    assert "Label the clips" in " ".join(texts(at.markdown))


def test_labels_and_names_of_strangers_are_text(bare: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / NAME
    folder.mkdir()
    for number in range(4):
        (folder / f"{number} {NAME}.wav").write_bytes(wav(beep(0.2 + number / 100)))
    bare.remember_dataset(folder)
    embed(folder, bare)
    label = HOSTILE.replace(",", " ")
    clip = open_dataset(folder).clips.iloc[1]
    VerdictJournal.of(folder, bare).append([Verdict("curated", clip["clip"], "", "other", (), (label,), "ann")])
    check(opened(), "markdown")
    check(opened(**{AT: item_id("curated", clip["clip"], "")}), "button_group")
    check(in_label_view(label), "header")
    check(opened(**{VIEW: CLUSTER}), "header")


def test_without_an_ensemble_the_tab_says_what_is_missing(folder: Path, empty: Workspace) -> None:
    shutil.rmtree(empty.ensembles / "tiny")
    at = opened()
    assert any("there is none yet" in each for each in texts(at.info))
