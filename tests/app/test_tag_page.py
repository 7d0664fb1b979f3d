"""The Tag page: tags are those of the library, and a failure gives a message without hiding the rest."""

import hashlib
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.audio.reading import read_sound
from audiotag.features.settings import PRESETS
from audiotag.tagging.ablation import GEOMETRIC, MEAN, ONE, Ablation, AblationRow, write_ablation
from audiotag.tagging.out_of_fold import FILE, OutOfFold
from audiotag.tagging.result import Tag, Tags
from audiotag.tagging.tagger import Tagger
from audiotag.tagging.thresholds import read_saved_thresholds, save_thresholds
from audiotag.ui import cache
from audiotag.ui.player import PlayerOptions
from audiotag.ui.player.player import pack_block
from audiotag.ui.tag import dropped_sounds
from audiotag.ui.tag.clip_view import label_verdicts, timeline_rows
from audiotag.workspace import Workspace

from .conftest import beep, open_page, texts, wav

LABELS = ("Bark", "Bell", "Hiss")


def uploaded(at: AppTest, *files: tuple[str, bytes]) -> AppTest:
    at.file_uploader[0].set_value([(name, content, "audio/wav") for name, content in files])
    return at.run()


def noise(seconds: float = 1.0, seed: int = 0) -> bytes:
    return wav(0.1 * np.random.default_rng(seed).standard_normal(round(44_100 * seconds)).clip(-4, 4))


def badges(at: AppTest, icon: str = "check") -> list[str]:
    """Labels in the badges that have this icon."""
    return [label for text in texts(at.markdown) for label in re.findall(rf"material/{icon}: ([\w-]+)", text)]


def words(at: AppTest) -> str:
    return "\n".join(texts(at.markdown))


def row(at: AppTest, place: int) -> dict[str, Any]:
    """A row of the table of sounds."""
    (table,) = [frame.value for frame in at.dataframe if "remarks" in frame.value]
    return dict(table.iloc[place])


def selected(at: AppTest, place: int) -> AppTest:
    at.session_state[dropped_sounds.TABLE] = {"selection": {"rows": [place], "columns": [], "cells": []}}
    return at.run()


def pressed(at: AppTest, label: str) -> AppTest:
    return next(button for button in at.button if button.label == label).click().run()


def given_path(at: AppTest, path: object) -> AppTest:
    at.text_input(key="tag-path").set_value(str(path))
    return pressed(at, "Tag")


def command(at: AppTest) -> str:
    return next(code.value for code in at.code if code.value.startswith("audiotag tag") and "FOLDER" not in code.value)


@pytest.fixture
def other(home: Workspace, tiny_ensemble: Path) -> Path:
    """A second ensemble in the workspace: the same folds under another name, with other thresholds."""
    folder = home.ensembles / "other"
    shutil.copytree(tiny_ensemble, folder)
    changed(folder, name="other", thresholds=[1.0, 1.0, 0.0])
    return folder


@pytest.fixture
def held_out(home: Workspace) -> OutOfFold:
    """Out-of-fold scores for the tiny ensemble: good for Bark, poor for Bell; no clip has Hiss."""
    draw = np.random.default_rng(0)
    targets = np.zeros((40, 3), np.float32)
    targets[:10, 0] = targets[5:25, 1] = 1
    scores = (0.2 * draw.random((40, 3)) + 0.7 * targets * [[1, 0.2, 0]]).astype(np.float16).astype(np.float32)
    found = OutOfFold(scores, targets, np.arange(40) % 2 + 1)
    folder = home.ensembles / "tiny"
    (folder / FILE).write_bytes(found.to_bytes())
    changed(folder, out_of_fold=hashlib.sha256(found.to_bytes()).hexdigest())
    return found


def changed(folder: Path, **fields: Any) -> None:
    """Write other values into an ensemble's card."""
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | fields))


# One sound


def test_a_dropped_sound_gets_the_tags_that_the_library_gives(home: Workspace) -> None:
    at = uploaded(open_page("pages/tag.py"), ("beep.wav", wav(beep(0.5))))
    assert not at.exception
    assert not at.error
    assert texts(at.subheader) == ["beep.wav"]
    tags = Tagger(home.ensembles / "tiny").tag(wav(beep(0.5)), "beep.wav")
    assert badges(at) == [tag.label for tag in tags.tags]
    for tag in tags.tags:
        assert f"{tag.label} {tag.score:.2f}" in words(at)
        assert f"{tag.folds_agreeing} of 2 folds · threshold {tag.threshold:.2f}" in words(at)


def test_silence_gets_no_tag_and_a_note(home: Workspace) -> None:
    at = uploaded(open_page("pages/tag.py"), ("quiet.wav", wav(np.zeros(44_100))))
    assert not at.exception
    assert badges(at) == []
    assert "no tag" in words(at)
    assert [text for text in texts(at.caption) if "quiet.wav is silent" in text] == [
        ":material/info: quiet.wav is silent: no sample is above -90 dBFS."
    ]


def test_names_are_shown_as_they_are(home: Workspace) -> None:
    name = "a_b *c* [d](e) $1$ #.wav"
    at = uploaded(open_page("pages/tag.py"), (name, wav(beep(1))))
    assert not at.exception
    assert texts(at.subheader) == [name]
    assert at.subheader[0].value != name  # its stars and dollars are kept from Markdown


def test_one_file_that_is_not_a_sound_gives_a_message(home: Workspace) -> None:
    at = uploaded(open_page("pages/tag.py"), ("text.wav", b"Dear diary"))
    assert not at.exception
    assert [error for error in texts(at.error) if error.startswith("text.wav cannot be read as a sound")]
    assert at.button(key="remove-1")


def test_a_long_sound_is_played_in_parts_and_its_timeline_is_whole(
    home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MAX_PLAYED_S", 2.0)
    short = uploaded(open_page("pages/tag.py"), ("short.wav", noise(2.0, seed=1)))
    long = uploaded(open_page("pages/tag.py"), ("long.wav", noise(5.0, seed=2)))
    assert not long.exception
    assert len(long.get("plotly_chart")) == len(short.get("plotly_chart")) + 1
    assert not [slider for slider in short.slider if slider.label == "Played from (s)"]
    (slider,) = [slider for slider in long.slider if slider.label == "Played from (s)"]
    assert slider.max == 3
    assert not slider.set_value(slider.max).run().exception


def test_a_part_of_a_long_sound_is_that_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_PLAYED_S", 2.0)
    content = noise(5.0, seed=3)
    part = cache.load_part(content, "long.wav", cache.content_key(content), 44_100, 1.5)
    whole = read_sound(content, 44_100)
    np.testing.assert_array_equal(part.waveform, whole.waveform[round(1.5 * 44_100) : round(3.5 * 44_100)])


def test_the_player_of_a_part_gets_the_start_of_the_part() -> None:
    settings = PRESETS["capstone"]
    block = pack_block(np.zeros(44_100, np.float32), np.zeros((128, 64)), settings, PlayerOptions("a", from_s=301.25))
    header = json.loads(block[4 : 4 + int.from_bytes(block[:4], "little")])
    assert (header["from_s"], header["duration_s"]) == (301.25, 1.0)


# Several sounds


def test_files_that_cannot_be_read_are_named_and_the_others_get_their_tags(home: Workspace) -> None:
    files = (("text.wav", b"Dear diary"), ("empty.wav", b""), ("beep.wav", wav(beep(1))), ("headless.wav", b"RIFF"))
    at = uploaded(open_page("pages/tag.py"), *files)
    assert not at.exception
    assert [row(at, place)["sound"] for place in range(4)] == [name for name, _ in files]
    for place in (0, 1, 3):
        assert row(at, place)["remarks"].startswith(f"Error: {files[place][0]}")
        assert any(files[place][0] in error for error in texts(at.error))
    assert sorted(row(at, 2)["tags"]) == ["Bark", "Bell"]
    assert row(at, 2)["folds"] == "2 of 2"
    assert row(at, 2)["length"] == 1.0
    assert sorted(badges(selected(at, 2))) == ["Bark", "Bell"]
    assert texts(at.subheader) == ["beep.wav"]


@pytest.mark.usefixtures("decoder_patience")
@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("abort", "its decoder crashed on it"),
        ("hang", "its decoder gave no sample for 2 s"),
        ("allocate", "its decoder needs more than 512 MB of memory"),
    ],
)
def test_a_sound_that_its_decoder_dies_of_is_named_and_the_others_get_their_tags(
    home: Workspace, fake_decoder: ModuleType, m4a: Callable[..., bytes], way: str, reason: str
) -> None:
    good = m4a(beep(1))
    at = uploaded(
        open_page("pages/tag.py"),
        ("first.m4a", good),
        ("film.m4a", fake_decoder.deadly(good, way)),
        ("last.m4a", m4a(beep(0.5))),
    )
    assert not at.exception
    sentence = f"film.m4a cannot be read: {reason}; export it again as WAV."
    assert row(at, 1)["remarks"] == f"Error: {sentence}"
    assert sentence in texts(at.error)
    for place in (0, 2):
        assert sorted(row(at, place)["tags"]) == ["Bark", "Bell"]
    assert not at.run().exception  # the page works on


def test_a_row_that_is_selected_is_the_sound_that_is_shown(home: Workspace) -> None:
    at = uploaded(
        open_page("pages/tag.py"), ("a.wav", noise(seed=4)), ("b.wav", noise(seed=5)), ("c.wav", noise(seed=6))
    )
    assert texts(at.subheader) == ["a.wav"]
    assert texts(selected(at, 2).subheader) == ["c.wav"]
    assert texts(at.button(key="tag-next").click().run().subheader) == ["a.wav"]
    assert texts(at.button(key="tag-previous").click().run().subheader) == ["c.wav"]


def test_sounds_that_are_added_later_join_the_others_and_are_shown(home: Workspace) -> None:
    at = uploaded(open_page("pages/tag.py"), ("beep.wav", wav(beep(1))))
    at = uploaded(at, ("beep.wav", wav(beep(2))))
    assert not at.exception
    assert [row(at, place)["length"] for place in (0, 1)] == [1.0, 2.0]
    at = uploaded(at, ("beep.wav", wav(beep(1))))  # the same sound of the same name is chosen, and not there twice
    assert [sound.name for sound in at.session_state[dropped_sounds.SOUNDS]] == ["beep.wav"] * 2
    assert at.session_state[dropped_sounds.TABLE]["selection"]["rows"] == [0]


def test_sounds_that_are_removed_can_be_restored(home: Workspace) -> None:
    at = uploaded(
        open_page("pages/tag.py"), ("a.wav", noise(seed=4)), ("b.wav", noise(seed=5)), ("c.wav", noise(seed=6))
    )
    at = pressed(selected(at, 1), "Remove")
    assert [sound.name for sound in at.session_state[dropped_sounds.SOUNDS]] == ["a.wav", "c.wav"]
    at = pressed(at, "Undo")
    assert [sound.name for sound in at.session_state[dropped_sounds.SOUNDS]] == ["a.wav", "b.wav", "c.wav"]
    assert texts(at.subheader) == ["b.wav"]
    at = pressed(at, "Clear all")
    assert not at.exception
    assert not at.subheader
    assert len(pressed(at, "Undo").session_state[dropped_sounds.SOUNDS]) == 3


def test_sounds_stay_when_the_page_is_left_and_opened_again(home: Workspace) -> None:
    at = uploaded(open_page("pages/tag.py"), ("a.wav", noise(seed=4)), ("b.wav", noise(seed=5)))
    at = at.switch_page("pages/train.py").run().switch_page("pages/tag.py").run()
    assert not at.exception
    assert [row(at, place)["sound"] for place in (0, 1)] == ["a.wav", "b.wav"]


# Paths and the dataset


def test_a_file_is_tagged_by_its_path(home: Workspace, tmp_path: Path) -> None:
    (tmp_path / "night.wav").write_bytes(noise(seed=7))
    at = given_path(open_page("pages/tag.py"), tmp_path / "night.wav")
    assert not at.exception
    assert texts(at.subheader) == ["night.wav"]
    assert command(at) == f"audiotag tag {tmp_path}/night.wav --ensemble tiny --out tags.csv"
    (tmp_path / "night.wav").write_bytes(wav(np.zeros(44_100)))
    assert any("night.wav is silent" in text for text in texts(at.run().caption))  # it is read anew when it changes
    (tmp_path / "night.wav").unlink()
    assert any("night.wav does not exist" in error for error in texts(at.run().error))


def test_of_a_folder_the_first_sounds_are_shown_with_the_command_for_all(
    home: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audiotag.ui.tag.sound_sources.MAX_SOUNDS_OF_FOLDER", 3)
    for number in range(4):
        (tmp_path / "sounds" / str(number)).mkdir(parents=True)
        (tmp_path / "sounds" / str(number) / "a.wav").write_bytes(noise(seed=number))
    (tmp_path / "sounds" / "notes.txt").write_text("no sound")
    at = given_path(open_page("pages/tag.py"), tmp_path / "sounds")
    assert not at.exception
    assert [row(at, place)["sound"] for place in range(3)] == ["0/a.wav", "1/a.wav", "2/a.wav"]
    assert f"{tmp_path}/sounds contains more than 3 sounds. The page shows the first of them." in texts(at.info)
    assert f"audiotag tag {tmp_path}/sounds --ensemble tiny --out tags.csv" in [code.value for code in at.code]


def test_a_path_that_leads_nowhere_gives_a_message(home: Workspace, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, sentence in (
        (tmp_path / "gone.wav", f"{tmp_path}/gone.wav does not exist"),
        (tmp_path / "empty", f"{tmp_path}/empty contains no sounds"),
        ("", "Give the path of a sound"),
        ("~nobody-of-that-name/a.wav", "~nobody-of-that-name/a.wav names a user that does not exist"),
    ):
        at = given_path(open_page("pages/tag.py"), path)
        assert not at.exception
        assert [error for error in texts(at.error) if error.startswith(sentence)]


def test_a_clip_of_the_dataset_is_shown_beside_its_own_labels(home: Workspace) -> None:
    at = open_page("pages/tag.py")
    at.session_state["of-dataset"] = True
    at = pressed(at.run(), "Tag this clip")
    assert not at.exception
    (sound,) = at.session_state[dropped_sounds.SOUNDS]
    assert sound.truth
    assert f"Labels in the dataset: {', '.join(sound.truth)}." in texts(at.caption)
    assert sorted(badges(at, "add")) == ["Bark", "Bell"]
    assert words(at).count("extra") == 2
    assert "missed: tiny does not have this label" in words(at)  # it knows none of the starter sounds


def test_without_a_dataset_sounds_can_still_be_tagged(home: Workspace) -> None:
    (home.root / "datasets.json").unlink()
    at = open_page("pages/tag.py")
    at.session_state["of-dataset"] = True
    at = uploaded(at.run(), ("beep.wav", wav(beep(1))))
    assert not at.exception
    assert "There is no dataset yet. Open one in the sidebar." in texts(at.caption)
    assert texts(at.subheader) == ["beep.wav"]


def test_the_try_button_adds_a_clip_of_the_dataset(home: Workspace) -> None:
    at = pressed(open_page("pages/tag.py"), "Try it with a clip of starter-sounds")
    assert not at.exception
    assert len(at.subheader) == 1


def tags_of(*scores: float, threshold: float = 0.5, timeline: np.ndarray | None = None) -> Tags:
    """Tags of a sound of 3 s in windows of 1 s that overlap by half."""
    ranking = sorted(zip(LABELS, scores, strict=True), key=lambda pair: -pair[1])
    starts_s = np.arange(0, 2.5, 0.5)
    rows = np.tile(scores, (len(starts_s), 1)) if timeline is None else timeline
    return Tags(
        "a", 3.0, tuple(Tag(name, score, threshold, 2) for name, score in ranking), 2, np.array(scores), rows, starts_s,
        1.0, (),
    )  # fmt: skip


def test_labels_are_right_extra_or_missed() -> None:
    tags = tags_of(0.9, 0.8, 0.1)
    assert label_verdicts(tags, ("Bark", "Hiss")) == [("Bark", "right"), ("Bell", "extra"), ("Hiss", "missed")]
    assert label_verdicts(tags, ()) == [("Bark", "extra"), ("Bell", "extra")]


def test_labels_of_another_spelling_or_with_an_alias_are_right() -> None:
    tags = tags_of(0.9, 0.8, 0.1)
    assert label_verdicts(tags, ("bark", "BELL")) == [("Bark", "right"), ("Bell", "right")]
    assert label_verdicts(tags, ("Woof", "hiss"), {"woof": "Bark"}) == [
        ("Bark", "right"), ("Bell", "extra"), ("Hiss", "missed"),
    ]  # fmt: skip
    assert label_verdicts(tags, ("Woof",)) == [("Bark", "extra"), ("Bell", "extra"), ("Woof", "missed")]


def test_the_timeline_lies_at_the_middles_of_the_windows_and_begins_with_the_tags() -> None:
    timeline = np.linspace(0, 1, 15).reshape(5, 3)
    tags = tags_of(0.2, 0.6, 0.3, timeline=timeline)
    first, *_ = rows = timeline_rows(tags, LABELS, 0.0, 3.0)
    assert [line.label for line in rows] == ["Bell 0.60", "Hiss 0.30", "Bark 0.20"]
    np.testing.assert_allclose(first.times_s, [0.5, 1.0, 1.5, 2.0, 2.5])
    np.testing.assert_allclose(first.values, timeline[:, 1])
    part, *_ = timeline_rows(tags, LABELS, 2.0, 1.0)
    np.testing.assert_allclose(part.times_s, [0.0, 0.5])  # of windows that reach into the part, by its own time
    np.testing.assert_allclose(part.values, timeline[3:, 1])


# How tags are made


def test_combining_does_not_run_the_networks_again_but_augmentation_does(
    home: Workspace, held_out: OutOfFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = Tagger.score
    monkeypatch.setattr(Tagger, "score", lambda self, pictures: calls.append(pictures.name) or real(self, pictures))
    content = noise(3.0, seed=8)
    at = uploaded(open_page("pages/tag.py"), ("a.wav", content))
    assert calls.count("a.wav") == 1
    tagger = Tagger(home.ensembles / "tiny")
    evidence = tagger.evidence(content, "a.wav")
    calls.clear()
    for way in ("geometric", "weighted", "mean"):
        at = at.radio(key="combine").set_value(way).run()
        settings = type(tagger.settings)(combine=way)  # type: ignore[arg-type]
        wanted = {f"{tag.label} {tag.score:.2f}" for tag in tagger.tags_of(evidence, settings).tags}
        assert all(text in words(at) for text in wanted)
    at = at.selectbox(key="windows").set_value("max").run()
    assert "The sound's score is the highest of them" in "\n".join(texts(at.caption))
    assert calls == []
    at = at.toggle(key="tta").set_value(True).run()
    assert not at.exception
    assert calls.count("a.wav") == 1


def test_weighted_mean_needs_out_of_fold_scores(home: Workspace) -> None:
    assert len(open_page("pages/tag.py").radio(key="combine").options) == 2


def test_the_command_follows_what_is_chosen(home: Workspace, held_out: OutOfFold) -> None:
    at = uploaded(open_page("pages/tag.py", combine="geometric mean", tta="true"), ("my sound.wav", wav(beep(1))))
    assert command(at) == "audiotag tag 'my sound.wav' --ensemble tiny --combine geometric --tta --out tags.csv"
    at.session_state["thresholds"] = True
    at = at.run()
    at = at.slider(key="threshold-tiny-0").set_value(0.25).run()
    at = at.selectbox(key="windows").set_value("max").run()
    assert command(at).endswith("--windows max --tta --threshold Bark=0.25 --out tags.csv")


@pytest.mark.parametrize("aim", ["", "precision"])
def test_the_command_that_is_shown_gives_the_tags_that_are_shown(
    home: Workspace, held_out: OutOfFold, tmp_path: Path, capsys: pytest.CaptureFixture[str], aim: str
) -> None:
    """With a threshold that is moved alone, or after all were set for a target."""
    from audiotag.cli.main import main

    (tmp_path / "my sound.wav").write_bytes(noise(3.0, seed=9))
    at = given_path(open_page("pages/tag.py", combine="geometric mean", thresholds="true"), tmp_path / "my sound.wav")
    for value in ("weighted", "geometric"):  # thresholds by an aim are of the way that folds are combined now
        at = at.radio(key="combine").set_value(value).run()
    if aim:
        at = at.selectbox(key="threshold-aim").set_value(aim).run().button(key="threshold-set-all").click().run()
    at = at.slider(key="threshold-tiny-0").set_value(0.01).run()
    shown = [(tag.split()[0], tag.split()[1]) for tag in re.findall(r"material/check: ([^]]+)", words(at))]
    assert "Bark" in dict(shown)
    with pytest.raises(SystemExit) as ended:
        main([*shlex.split(command(at).removesuffix(" --out tags.csv"))[1:], "--json"])
    assert ended.value.code == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert [(tag["label"], f"{tag['score']:.2f}") for tag in entry["tags"]] == shown


def test_gains_are_shown_where_they_were_measured(home: Workspace) -> None:
    at = open_page("pages/tag.py")
    assert "audiotag ablation tiny DATASET --save" in [code.value for code in at.code]
    folder = home.ensembles / "tiny"
    checksums = tuple(fold.sha256 for fold in cache.load_card(folder).folds)
    rows = (
        AblationRow(ONE, 0.8, 0.7, "", None, 5.0),
        AblationRow(MEAN, 0.85, 0.75, ONE, 0.05, 24.0),
        AblationRow(GEOMETRIC, 0.86, 0.76, MEAN, 0.01, 24.0),
    )
    write_ablation(folder, Ablation(rows, "mine", "test", 120, 3, "2026-11-22", checksums, "torch"))
    at = open_page("pages/tag.py")
    assert list(at.radio(key="combine").proto.captions) == [
        "+0.050 lwlrap over one fold, 24 ms per clip.",
        "+0.010 lwlrap over all folds, arithmetic mean, 24 ms per clip.",
    ]
    assert any("Measured on 120 test clips of mine" in text for text in texts(at.caption))
    (folder / "gains.json").write_text("{")
    assert any("tiny/gains.json is damaged" in text for text in texts(open_page("pages/tag.py").caption))


# Thresholds


def with_thresholds_open() -> AppTest:
    at = uploaded(open_page("pages/tag.py", thresholds="true"), ("beep.wav", wav(beep(1))))
    assert not at.exception
    return at


def test_the_slider_shows_precision_and_recall_as_it_moves(home: Workspace, held_out: OutOfFold) -> None:
    at = with_thresholds_open()
    for threshold in (0.0, 0.1, 0.5, 1.0):
        at = at.slider(key="threshold-tiny-0").set_value(threshold).run()
        precision, recall = held_out.precision_recall(0, threshold)
        wanted = "unknown" if np.isnan(precision) else f"{precision:.2f}"
        assert f"Precision {wanted}" in words(at)
        assert f"Recall {recall:.2f}" in words(at)
    assert "Recall unknown" in words(at.selectbox(key="threshold-label").set_value("Hiss").run())


def test_a_changed_threshold_applies_at_once_and_is_saved_by_the_button(home: Workspace, held_out: OutOfFold) -> None:
    at = with_thresholds_open()
    card = cache.load_card(home.ensembles / "tiny")
    assert "Bark" in badges(at)
    at = at.slider(key="threshold-tiny-0").set_value(1.0).run()
    assert "Bark" not in badges(at)
    assert read_saved_thresholds(home, card) is None
    at = at.button(key="threshold-save").click().run()
    assert not at.exception
    assert read_saved_thresholds(home, card) == (1.0, 0.0, 1.0)
    later = with_thresholds_open()
    assert "Bark" not in badges(later)
    assert "--threshold" not in command(later)  # the command reads what is saved
    later = later.button(key="threshold-reset").click().run()
    assert "Bark" in badges(later)
    assert read_saved_thresholds(home, card) is None


def test_all_thresholds_are_set_by_an_aim(home: Workspace, held_out: OutOfFold) -> None:
    at = with_thresholds_open()
    for aim, least in (("f1", 0.9), ("precision", 0.9), ("recall", 0.6)):
        at = at.selectbox(key="threshold-aim").set_value(aim).run()
        if aim != "f1":
            at = at.slider(key="threshold-least").set_value(least).run()
        at = at.button(key="threshold-set-all").click().run()
        (table,) = [frame.value for frame in at.dataframe if "positives" in frame.value]
        np.testing.assert_allclose(table["threshold"], held_out.thresholds(aim, least), atol=1e-4)
        assert list(table["positives"]) == [10, 20, 0]
        assert f" --threshold {'f1' if aim == 'f1' else f'{aim}={least:g}'} --out" in command(at)


def test_an_ensemble_without_out_of_fold_scores_has_sliders_too(home: Workspace) -> None:
    at = with_thresholds_open()
    assert any("contains no out-of-fold scores" in text for text in texts(at.caption))
    at = at.slider(key="threshold-tiny-0").set_value(1.0).run()
    assert badges(at) == ["Bell"]


def test_damaged_thresholds_in_the_workspace_give_a_message(home: Workspace) -> None:
    card = cache.load_card(home.ensembles / "tiny")
    save_thresholds(home, card, card.thresholds)
    (home.root / "thresholds" / "tiny.json").write_text("{")
    at = uploaded(open_page("pages/tag.py"), ("beep.wav", wav(beep(1))))
    assert not at.exception
    assert len([error for error in texts(at.error) if "does not hold thresholds" in error]) == 1
    assert sorted(badges(at)) == ["Bark", "Bell"]


# Ensembles


def test_the_card_is_shown_with_its_figures(home: Workspace, held_out: OutOfFold) -> None:
    at = open_page("pages/tag.py")
    at.session_state["about"] = True
    at = at.run()
    assert not at.exception
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures == {"lwlrap": "0.500", "Accuracy": "0.400", "Folds": "2", "Labels": "3"}
    assert any("CC0-1.0" in text for text in texts(at.caption))
    assert "**Engine:** torch" in texts(at.markdown)
    (labels,) = [frame.value for frame in at.dataframe if "label" in frame.value and "lwlrap" in frame.value]
    assert labels.set_index("label")["clips"].to_dict() == {"Bark": 10, "Bell": 20, "Hiss": 0}
    assert labels["lwlrap"].iloc[0] == labels["lwlrap"].min()  # the weakest first


def test_the_card_shows_each_kind_of_sound(home: Workspace) -> None:
    kinds = [
        {"name": "rendered", "clips": 300, "licence": "GPL-2", "lwlrap": 0.93, "accuracy": 0.9},
        {"name": "field recordings", "clips": 400, "licence": "CC BY 3.0", "lwlrap": 0.97, "accuracy": 0.95},
    ]
    changed(home.ensembles / "tiny", parts=kinds)
    at = open_page("pages/tag.py")
    at.session_state["about"] = True
    at = at.run()
    assert not at.exception
    (table,) = [frame.value for frame in at.dataframe if "sounds" in frame.value]
    assert table.to_dict("records") == [
        {"sounds": kind["name"]} | {name: kind[name] for name in ("lwlrap", "accuracy", "clips")} for kind in kinds
    ]
    assert any("field recordings: CC BY 3.0" in text for text in texts(at.caption))


def test_an_ensemble_with_damaged_weights_gives_a_message(home: Workspace) -> None:
    weights = home.ensembles / "tiny" / "fold-1.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    at = uploaded(open_page("pages/tag.py"), ("beep.wav", wav(beep(1))))
    assert not at.exception
    assert any("tiny/fold-1.safetensors is damaged" in text for text in texts(at.error))


def test_two_ensembles_are_shown_side_by_side_over_one_player(home: Workspace, other: Path) -> None:
    at = uploaded(open_page("pages/tag.py", ensemble="tiny"), ("beep.wav", wav(beep(1))))
    players, charts = len(at.get("bidi_component")), len(at.get("plotly_chart"))
    assert players == 1
    at = at.selectbox(key="beside-ensemble").set_value("other").run()
    assert not at.exception
    assert {"**tiny**", "**other**"} <= set(texts(at.markdown))
    assert badges(at)[-1] == "Hiss"  # of the other: its thresholds let nothing else pass
    assert (len(at.get("bidi_component")), len(at.get("plotly_chart"))) == (players, charts + 1)


def test_the_other_ensemble_may_be_damaged(home: Workspace, other: Path) -> None:
    (other / "fold-1.safetensors").write_bytes(b"")
    at = uploaded(open_page("pages/tag.py", ensemble="tiny"), ("beep.wav", wav(beep(1))))
    at = at.selectbox(key="beside-ensemble").set_value("other").run()
    assert not at.exception
    assert any("other/fold-1.safetensors is damaged" in text for text in texts(at.error))
    assert sorted(badges(at)) == ["Bark", "Bell"]


def test_the_address_names_the_ensemble(home: Workspace, other: Path) -> None:
    for name in ("tiny", "other"):
        at = open_page("pages/tag.py", ensemble=name)
        assert at.selectbox(key="ensemble").value == name
        assert f"About {name}" in [expander.label for expander in at.expander]
    at = at.selectbox(key="ensemble").set_value("tiny").run()
    assert at.query_params["ensemble"] == "tiny"
    assert at.run().selectbox(key="ensemble").value == "tiny"
    at = open_page("pages/tag.py", ensemble="gone")
    assert not at.exception
    assert at.selectbox(key="ensemble").value is None  # a link to another workspace's ensemble opens none of this one
