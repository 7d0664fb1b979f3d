"""The Review page: verdicts, undo, filters, two reviewers, the end of the queue, and what is missing or damaged."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from audiotag.audio.streaming import LongSound
from audiotag.data.layouts import open_dataset
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.review.doubts import Doubt
from audiotag.review.queue import doubt_id, item_id
from audiotag.review.ranking import find_doubts
from audiotag.review.reviewed import read_reviewed
from audiotag.tagging.known_clips import FILE, KnownClips
from audiotag.training.begun import CORRECTIONS
from audiotag.training.held_out import read_held_out
from audiotag.training.runs import Run, list_runs
from audiotag.ui.review.position import ASKED_FOR, ITEM, SHOWN
from audiotag.workspace import Workspace, write_json

from .conftest import open_page, places_of, players, texts, wav

PAGE = "pages/review.py"
LABELS = ("Bark", "Hum", "Meow")
CLIPS = {f"{number:02}.wav": LABELS[number % 3] for number in range(12)}
ODD_SCORES = {  # of clips whose labels the folds do not agree with
    "00.wav": (0.05, 0.90, 0.10),  # Bark is wrong, Hum is missing
    "04.wav": (0.10, 0.04, 0.95),  # Hum is wrong, Meow is missing
    "08.wav": (0.85, 0.10, 0.90),  # Bark is missing
}


def scores_of(odd: dict[str, tuple[float, ...]]) -> dict[int, dict[str, list[float]]]:
    """Scores of three folds: high for the given label of each clip, or odd ones."""
    usual = {name: [0.9 if label == given else 0.1 for label in LABELS] for name, given in CLIPS.items()}
    scores = usual | {name: list(values) for name, values in odd.items()}
    return {fold: {name: scores[name] for name in list(CLIPS)[4 * fold - 4 : 4 * fold]} for fold in (1, 2, 3)}


@pytest.fixture
def folder(empty: Workspace, tmp_path: Path) -> Path:
    """A dataset of twelve clips, each with a sound of its own."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for number, name in enumerate(CLIPS):
        (folder / name).write_bytes(wav(0.5 * np.sin(np.arange(20_000) / (5 + number))))
    (folder / "clips.csv").write_text("fname,label\n" + "".join(f"{name},{label}\n" for name, label in CLIPS.items()))
    empty.remember_dataset(folder)
    return folder


@pytest.fixture
def run(empty: Workspace, folder: Path, scored_run: Callable[..., Run]) -> Run:
    """A finished run of three folds, which doubt five labels of three clips."""
    return scored_run(empty, folder, LABELS, scores_of(ODD_SCORES))


@pytest.fixture
def doubts(folder: Path, run: Run) -> list[Doubt]:
    """The doubts in the order of the queue."""
    found = find_doubts(open_dataset(folder), read_held_out(run))
    pairs = {(doubt.clip, doubt.label, doubt.kind) for doubt in found}
    assert pairs == {
        ("00.wav", "Bark", "wrong"), ("00.wav", "Hum", "missing"), ("04.wav", "Hum", "wrong"),
        ("04.wav", "Meow", "missing"), ("08.wav", "Bark", "missing"),
    }  # fmt: skip
    return found


@pytest.fixture
def given(empty: Workspace, folder: Path) -> Callable[[], list[Verdict]]:
    """``given()``: the verdicts in the journal."""
    return VerdictJournal.of(folder, empty).verdicts


def review(**address: Any) -> AppTest:
    at = open_page(PAGE, **({"reviewer": "anna"} | address))
    assert not at.exception
    return at


def button(at: AppTest, key: str) -> Button:
    """The button that a key of the keyboard presses."""
    (found,) = [each for each in at.button if (each.key or "").startswith(f"press-{key}-")]
    return found


def press(at: AppTest, *keys: str) -> AppTest:
    for key in keys:
        at = button(at, key).click().run()
        assert not at.exception
    return at


def asked(at: AppTest) -> str:
    (question,) = texts(at.header)
    return question


def question_of(doubt: Doubt) -> str:
    return f"Is {doubt.label} missing?" if doubt.kind == "missing" else f"Is {doubt.label} in the sound?"


def place_of(doubts: list[Doubt], kind: str) -> int:
    return next(number for number, doubt in enumerate(doubts) if doubt.kind == kind)


def at_doubt(doubt: Doubt, **address: Any) -> AppTest:
    return review(item=doubt_id(doubt), **address)


def test_keys_answer_one_doubt_after_the_other(doubts: list[Doubt], given: Any, folder: Path) -> None:
    at = review()
    for number, doubt in enumerate(doubts):
        assert asked(at) == question_of(doubt)
        assert len(given()) == number
        at = press(at, "R")
    verdicts = given()
    assert [(verdict.clip, verdict.label) for verdict in verdicts] == [(each.clip, each.label) for each in doubts]
    assert {verdict.answer for verdict in verdicts} == {"right"}
    assert {verdict.reviewer for verdict in verdicts} == {"anna"}
    assert all(verdict.before == verdict.after == (CLIPS[verdict.clip],) for verdict in verdicts)


def test_a_verdict_has_the_hash_of_the_samples(doubts: list[Doubt], given: Any, folder: Path) -> None:
    from audiotag.ui.review import sounds

    at = review()
    path = folder / doubts[0].clip
    sounds._content(path, sounds.sound_cache.content_key(path)).result(60)  # is being computed
    press(at, "S")
    sound = LongSound(path, hashed=True)
    list(sound.blocks())
    (verdict,) = given()
    assert verdict.content == sound.content != ""


@pytest.mark.parametrize(
    ("kind", "key", "text", "change"),
    [
        ("wrong", "W", "Remove {label}", "-{label}"),
        ("wrong", "A", "Keep {label}, add {other}", "+{other}"),
        ("wrong", "1", "{other} instead", "-{label} +{other}"),
        ("missing", "A", "Add {label}", "+{label}"),
        ("missing", "1", "Add {other} instead", "+{other}"),
        ("missing", "X", "Unsure", ""),
    ],
)
def test_a_button_says_what_its_verdict_does(
    doubts: list[Doubt], given: Any, kind: str, key: str, text: str, change: str
) -> None:
    doubt = doubts[place_of(doubts, kind)]
    other = next(label for label, _ in doubt.suggestions if label != doubt.label)
    at = at_doubt(doubt)
    assert asked(at) == question_of(doubt)
    assert button(at, key).label == f"{text.format(label=doubt.label, other=other)} `{key}`"
    press(at, key)
    (verdict,) = given()
    removed = [f"-{label}" for label in verdict.before if label not in verdict.after]
    added = [f"+{label}" for label in verdict.after if label not in verdict.before]
    assert " ".join([*removed, *added]) == change.format(label=doubt.label, other=other)


def test_a_label_without_a_key_is_given_by_the_picker(doubts: list[Doubt], given: Any, folder: Path) -> None:
    table = (folder / "clips.csv").read_text()
    (folder / "clips.csv").write_text(table + "".join(f"{name},Siren\n" for name in ("20.wav", "21.wav")))
    for name in ("20.wav", "21.wav"):
        (folder / name).write_bytes(wav(0.5 * np.sin(np.arange(20_000) / 50)))
    doubt = doubts[place_of(doubts, "wrong")]
    at = at_doubt(doubt)
    (picker,) = [each for each in at.selectbox if each.label == "Another label"]
    assert "Siren" in picker.options
    assert not picker.set_value("Siren").run().exception
    (verdict,) = given()
    assert (verdict.clip, verdict.answer, verdict.after) == (doubt.clip, "other", ("Siren",))


def test_a_note_is_kept_with_the_verdict_and_shown_again(doubts: list[Doubt], given: Any) -> None:
    at = review()
    (note,) = [each for each in at.text_input if each.label == "Note"]
    press(note.set_value(" a door ").run(), "X")
    (verdict,) = given()
    assert verdict.note == "a door"
    (note,) = [each for each in at_doubt(doubts[0]).text_input if each.label == "Note"]
    assert note.value == "a door"


def test_undo_goes_back_one_answer_at_a_time_also_after_a_reload(doubts: list[Doubt], given: Any) -> None:
    press(review(), "R", "R", "R")
    at = review()
    for number in (2, 1, 0):
        at = press(at, "U")
        assert len(given()) == number
        assert asked(at) == question_of(doubts[number])
    assert button(at, "U").disabled


def test_a_press_that_comes_late_does_not_count_for_another_doubt(doubts: list[Doubt], given: Any) -> None:
    at = review()
    at.session_state[SHOWN] = doubt_id(doubts[1])  # shown by now, while the browser still had the button of the first
    assert asked(press(at, "R")) == question_of(doubts[0])
    assert given() == []


def test_arrows_go_back_and_on_without_an_answer_and_what_was_said_is_shown(doubts: list[Doubt], given: Any) -> None:
    at = review()
    assert button(at, "left").disabled
    at = press(at, "X", "right")
    assert asked(at) == question_of(doubts[2])
    at = press(at, "left", "left")
    assert asked(at) == question_of(doubts[0])
    assert any("You said: unsure" in text for text in texts(at.markdown))
    assert len(given()) == 1
    at = press(at, "R")
    assert asked(at) == question_of(doubts[1])  # the first without an answer
    assert ITEM not in at.query_params  # a reload shows it as well
    at = press(at, *["right"] * (len(doubts) - 1))
    assert any("This is the end of the queue; 4 before it have no answer yet" in text for text in texts(at.info))
    assert asked(press(at, "left")) == question_of(doubts[-1])


def test_a_reload_shows_the_doubt_in_the_address_or_the_first_without_an_answer(doubts: list[Doubt]) -> None:
    press(review(), "R", "R")
    assert asked(review()) == question_of(doubts[2])
    assert asked(at_doubt(doubts[4])) == question_of(doubts[4])
    assert asked(review(item="unknown")) == question_of(doubts[2])


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ({"kind": "missing"}, lambda doubt: doubt.kind == "missing"),
        ({"label": "Bark"}, lambda doubt: doubt.label == "Bark"),
        ({"fold": "2"}, lambda doubt: doubt.fold == 2),
        ({"subset": "curated", "kind": "wrong"}, lambda doubt: doubt.kind == "wrong"),
    ],
)
def test_filter_in_the_address_shortens_the_queue(
    doubts: list[Doubt], given: Any, address: dict[str, str], wanted: Callable[[Doubt], bool]
) -> None:
    expected = [(doubt.clip, doubt.label) for doubt in doubts if wanted(doubt)]
    assert 0 < len(expected) < len(doubts)
    at = press(review(**address), *["S"] * len(expected))
    assert [(verdict.clip, verdict.label) for verdict in given()] == expected
    assert any("reviewed" in text for text in texts(at.success))


def test_two_reviewers_have_queues_of_their_own(doubts: list[Doubt], given: Any) -> None:
    anna, ben = review(), review(reviewer="ben")
    anna = press(anna, "R", "R")
    assert asked(ben.run()) == question_of(doubts[0])
    assert button(ben, "U").disabled
    ben = press(ben, "S")
    assert asked(anna.run()) == question_of(doubts[2])
    assert [verdict.reviewer for verdict in given()] == ["anna", "anna", "ben"]
    press(anna, "U")
    assert [verdict.reviewer for verdict in given()] == ["anna", "ben"]
    ben = press(ben, "left")
    assert any("You said: skipped" in text for text in texts(ben.markdown))


def test_nobody_answers_without_a_name(doubts: list[Doubt], given: Any) -> None:
    press(review(), "R")
    press(review(reviewer="ben"), "R")
    at = open_page(PAGE)  # it may be either of them
    assert at.text_input(key="reviewer").value == ""
    assert button(at, "R").disabled
    assert any(text.startswith("Type your name above") for text in texts(at.warning))
    at = at.text_input(key="reviewer").set_value("  Cleo   C ").run()
    assert at.query_params["reviewer"] == "Cleo C"
    press(at, "R")
    assert given()[-1].reviewer == "Cleo C"


def test_the_name_to_begin_with_is_whoever_reviewed_or_uses_the_system(
    doubts: list[Doubt], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "system-user")
    assert open_page(PAGE).text_input(key="reviewer").value == "system-user"
    press(review(), "R")
    assert open_page(PAGE).text_input(key="reviewer").value == "anna"


def test_progress_counts_answers_and_estimates_the_rest_by_their_pace(
    doubts: list[Doubt], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 1000, 7))
    monkeypatch.setattr("audiotag.data.verdicts.time", SimpleNamespace(time=lambda: float(next(seconds))))
    at = press(review(), "R", "R", "R")
    (bar,) = [each.proto.text for each in at.get("progress")]
    assert bar == "3 of 5"
    at = press(at, "R")
    (bar,) = [each.proto.text for each in at.get("progress")]
    assert bar == "4 of 5, about 7 s left"


def test_evidence_shows_the_scores_their_fold_and_clips_with_the_label(doubts: list[Doubt]) -> None:
    doubt = doubts[place_of(doubts, "wrong")]
    at = at_doubt(doubt)
    shown = texts(at.markdown)
    assert f"**Scores** by fold {doubt.fold}, not trained on it" in shown
    assert f"**{doubt.label} without doubt**" in shown
    (bars,) = [each.proto.body for each in at.get("html") if "in doubt" in each.proto.body]
    assert f"{doubt.label} · in doubt" in bars
    captions = texts(at.caption)
    assert doubt.reason in captions
    others = [name for name, label in CLIPS.items() if label == doubt.label and name != doubt.clip]
    assert sum(any(text.startswith(name) for name in others) for text in captions) == 3
    assert len(players(at)) == 4


def test_the_end_of_the_queue_says_what_was_changed_and_leads_back(doubts: list[Doubt]) -> None:
    keys = ["A" if doubt.kind == "missing" else "X" for doubt in doubts]
    at = press(review(), *keys)
    metrics = {metric.label: metric.value for metric in at.metric}
    assert metrics == {"Reviewed": "5", "Labels changed": "3", "Right as they were": "0", "Unsure or skipped": "2"}
    at = at.button(key="go-undecided").click().run()
    assert asked(at) == question_of(doubts[keys.index("X")])


def test_training_again_changes_only_the_labels(doubts: list[Doubt], run: Run, spawned: list[Run]) -> None:
    at = review(tab="Retrain")
    assert at.button(key="train-again").disabled
    press(review(kind="missing"), "A")
    at = review(tab="Retrain")
    at = at.button(key="train-again").click().run()
    assert not at.exception
    (again,) = spawned
    old, new = run.settings().to_dict(), again.settings().to_dict()
    assert {name for name in old if old[name] != new[name]} == {"corrected"}
    assert new["corrected"]
    assert at.button(key="train-again").disabled  # it is starting


def test_a_run_that_was_trained_again_is_compared_with_the_first(
    empty: Workspace, folder: Path, doubts: list[Doubt], run: Run, scored_run: Callable[..., Run]
) -> None:
    press(review(), *["W" if doubt.kind == "wrong" else "A" for doubt in doubts])
    again = scored_run(empty, folder, LABELS, scores_of({}), corrected=3)
    assert [each.name for each in list_runs(empty)] == [again.name, run.name]
    at = review(tab="Retrain", scores=f"run:{run.name}")
    assert f"**{run.name}** compared with **{again.name}**" in texts(at.markdown)
    assert at.get("plotly_chart")
    conclusions = [*texts(at.success), *texts(at.info), *texts(at.warning)]
    assert any(again.name in text and run.name in text for text in conclusions)


def test_a_run_that_has_the_corrections_is_not_trained_again_on_the_same(
    empty: Workspace, folder: Path, doubts: list[Doubt], run: Run, scored_run: Callable[..., Run]
) -> None:
    press(review(kind="missing"), "A")
    again = scored_run(empty, folder, LABELS, scores_of({}), corrected=1)
    corrections = read_reviewed(open_dataset(folder), empty).corrections
    write_json(again.folder / CORRECTIONS, [each.to_dict() for each in corrections])
    at = review(tab="Retrain", scores=f"run:{again.name}")
    assert f"{again.name} was trained on these corrected labels." in texts(at.info)
    assert "train-again" not in [button.key for button in at.button]
    press(review(scores=f"run:{run.name}", kind="wrong"), "W")
    at = review(tab="Retrain", scores=f"run:{again.name}")
    assert not at.button(key="train-again").disabled


def test_newest_run_is_chosen_and_another_one_has_its_own_doubts(
    empty: Workspace, folder: Path, run: Run, scored_run: Callable[..., Run]
) -> None:
    newer = scored_run(empty, folder, LABELS, scores_of({"00.wav": ODD_SCORES["00.wav"]}))
    at = review()
    assert at.selectbox(key="scores").value == f"run:{newer.name}"
    (bar,) = [each.proto.text for each in at.get("progress")]
    assert bar == "0 of 2"
    at = at.selectbox(key="scores").set_value(f"run:{run.name}").run()
    (bar,) = [each.proto.text for each in at.get("progress")]
    assert bar == "0 of 5"
    assert at.query_params["scores"] == f"run:{run.name}"


def test_sounds_and_tables_are_never_changed(
    doubts: list[Doubt], folder: Path, contents: Callable[[Path], dict[str, Any]]
) -> None:
    before = contents(folder)
    press(review(), "A", "S", "U", "R", "X", "right")
    review(tab="Retrain")
    assert contents(folder) == before


def test_a_reviewed_label_can_be_opened_though_the_scores_do_not_doubt_it(
    empty: Workspace, folder: Path, doubts: list[Doubt], given: Any
) -> None:
    journal = VerdictJournal.of(folder, empty)
    journal.append([Verdict("curated", "01.wav", "Hum", "right", ("Hum",), ("Hum",), "ben")])
    at = review(item=item_id("curated", "01.wav", "Hum"))  # as the list of disagreements opens it
    assert asked(at) == "Is Hum in the sound?"
    assert ASKED_FOR in texts(at.caption)
    at = press(at, "W")
    assert [(each.clip, each.label, each.answer) for each in given()][1:] == [("01.wav", "Hum", "wrong")]
    assert asked(at) == question_of(doubts[0])
    at = press(review(tab="Queue"), "U")
    assert asked(at) == question_of(doubts[0])


def test_every_tab_opens(doubts: list[Doubt]) -> None:
    press(review(), "R")
    for tab in ("Queue", "Grid", "Retrain", "Exchange"):
        at = review(tab=tab)
        assert not at.exception
        assert not at.error
        assert texts(at.title) == ["Review"]


def test_an_ensemble_that_knows_a_label_scores_the_clips(empty: Workspace, folder: Path, tiny_ensemble: Path) -> None:
    for name, label in (("knows", "Hum"), ("knows-none", "Other")):
        ensemble = shutil.copytree(tiny_ensemble, empty.ensembles / name)
        known = KnownClips.of([("0f" * 16, (True, False))], 2).to_bytes()
        (ensemble / FILE).write_bytes(known)
        card = json.loads((ensemble / "card.json").read_text())
        card |= {"labels": [label, "Bell", "Hiss"], "known_clips": hashlib.sha256(known).hexdigest()}
        (ensemble / "card.json").write_text(json.dumps(card))
    at = review()
    assert at.selectbox(key="scores").options == ["ensemble knows"]
    assert at.query_params["scores"] == "ensemble:knows"
    assert [button.label for button in at.button if button.key == "score-clips"] == ["Score the clips"]


# Where something is missing or damaged


def test_without_scores_the_page_says_how_to_get_some(empty: Workspace, folder: Path) -> None:
    at = review()
    assert any("Train at least one fold on this dataset" in text for text in texts(at.info))
    at = review(tab="Retrain")
    assert any("Choose the scores of a run" in text for text in texts(at.info))


def test_a_dataset_without_doubts_says_so(empty: Workspace, folder: Path, scored_run: Callable[..., Run]) -> None:
    scored_run(empty, folder, LABELS, scores_of({}))
    assert any(text.startswith("No label of this dataset is doubtful") for text in texts(review().success))


def test_a_filter_that_no_doubt_passes_can_be_cleared(doubts: list[Doubt]) -> None:
    at = review(kind="wrong", label="Meow")
    assert "No doubt passes the filter." in texts(at.info)
    at = at.button(key="clear-queue-filter").click().run()
    assert asked(at) == question_of(doubts[0])


def test_damaged_lines_of_the_journal_are_named_and_the_others_count(
    empty: Workspace, folder: Path, doubts: list[Doubt]
) -> None:
    press(review(), "R", "R")
    path = VerdictJournal.of(folder, empty).path
    _, second = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([b'{"time": 1', second, b""]))
    at = review()
    assert asked(at) == question_of(doubts[0])
    assert any(f"{path} is damaged: 1 line is left out" in text for text in texts(at.toast))
    press(at, "R")
    assert path.read_bytes().startswith(b'{"time": 1')  # a journal is never rewritten


def test_a_verdict_that_the_disk_refuses_is_said_and_can_be_given_again(
    doubts: list[Doubt], given: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = review()

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device", "reviews")

    with monkeypatch.context() as patch:
        patch.setattr("audiotag.data.verdicts.VerdictJournal._write", full)
        places = places_of(at, "audiotag-player")
        at = press(at, "R")
        assert places
        assert places_of(at, "audiotag-player") == places  # so the sound that is heard goes on
        assert asked(at) == question_of(doubts[0])
        assert any("Nothing was written" in text and "disk is full" in text for text in texts(at.error))
    at = press(at, "R")
    assert not at.error
    assert len(given()) == 1


def test_a_clip_that_is_no_sound_is_named_and_can_be_answered(doubts: list[Doubt], given: Any, folder: Path) -> None:
    (folder / doubts[0].clip).write_text("no sound")
    at = at_doubt(doubts[0])
    assert any(doubts[0].clip in text for text in texts(at.error))
    press(at, "S")
    assert [(verdict.clip, verdict.content) for verdict in given()] == [(doubts[0].clip, "")]


def test_damaged_scores_of_a_run_are_named(doubts: list[Doubt], run: Run) -> None:
    (run.fold_folder(2) / "scores.safetensors").write_bytes(json.dumps({}).encode())
    at = review()
    assert any("fold-2/scores.safetensors is damaged" in text for text in texts(at.error))
