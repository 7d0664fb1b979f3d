"""The Tag page takes sounds from anywhere: tags are those of the library, and a failure hides nothing else."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audiotag.tagging.tagger import Tagger
from audiotag.ui import ensemble_cache, sound_cache
from audiotag.ui.tag import dropped_sounds, stored_scores
from audiotag.workspace import Workspace

from .conftest import beep, open_page, texts, wav
from .tag_page import badges, command, given_path, noise, pressed, row, selected, uploaded, words

# One sound


def test_a_dropped_sound_gets_the_tags_that_the_library_gives(home: Workspace) -> None:
    at = uploaded(open_page("pages/tag.py"), ("beep.wav", wav(beep(0.5))))
    assert not at.exception
    assert not at.error
    assert texts(at.header) == ["beep.wav"]
    tags = Tagger(home.ensembles / "tiny").tag(wav(beep(0.5)), "beep.wav")
    assert badges(at) == [tag.label for tag in tags.tags]
    for tag in tags.tags:
        assert f"{tag.label} {tag.score:.2f}" in words(at)
        assert f"{tag.folds_agreeing} of 2 folds · threshold {tag.threshold:.2f}" in words(at)


def test_the_page_says_when_a_recording_began_and_downloads_in_the_chosen_format(home: Workspace) -> None:
    at = uploaded(open_page("pages/tag.py"), ("SITE_20190528_213000.wav", wav(beep(0.5))))
    assert ":material/schedule: recorded 2019-05-28 21:30:00, by its file name" in texts(at.caption)
    assert command(at).endswith("--out tags.csv")
    at = at.selectbox(key="tag-format").set_value("raven-spreadsheet").run()
    at = at.text_input(key="tag-event-gap").set_value("2").run()
    assert not at.exception
    assert command(at).endswith("--out tags-raven.txt --format raven --event-gap 2 --spreadsheet")
    at = at.selectbox(key="tag-format").set_value("webvtt").run()
    assert command(at).endswith("--out tags --format webvtt --event-gap 2")
    at = at.selectbox(key="tag-format").set_value("jsonl").run()
    assert command(at).endswith("--out tags.jsonl")
    at = uploaded(open_page("pages/tag.py"), ("beep.wav", wav(beep(0.5))))
    assert not [text for text in texts(at.caption) if "recorded" in text]


def test_silence_gets_no_tag_and_a_note(home: Workspace) -> None:
    at = uploaded(open_page("pages/tag.py"), ("quiet.wav", wav(np.zeros(44_100))))
    assert not at.exception
    assert badges(at) == []
    assert "no tag" in words(at)
    assert [text for text in texts(at.caption) if "quiet.wav is silent" in text] == [
        ":material/info: quiet.wav is silent: no sample is above −90 dBFS."
    ]


def test_names_are_shown_as_they_are(home: Workspace) -> None:
    name = "a_b *c* [d](e) $1$ #.wav"
    at = uploaded(open_page("pages/tag.py"), (name, wav(beep(1))))
    assert not at.exception
    assert texts(at.header) == [name]
    assert at.header[0].value != name  # its stars and dollars are kept from Markdown


def test_one_file_that_is_not_a_sound_gives_a_message(home: Workspace) -> None:
    at = uploaded(open_page("pages/tag.py"), ("text.wav", b"Dear diary"))
    assert not at.exception
    assert [error for error in texts(at.error) if error.startswith("text.wav cannot be read as a sound")]
    assert at.button(key="remove-1")


def test_a_long_sound_is_played_in_parts_and_its_timeline_is_whole(
    home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_cache, "MAX_PLAYED_S", 2.0)
    short = uploaded(open_page("pages/tag.py"), ("short.wav", noise(2.0, seed=1)))
    long = uploaded(open_page("pages/tag.py"), ("long.wav", noise(5.0, seed=2)))
    assert not long.exception
    assert len(long.get("plotly_chart")) == len(short.get("plotly_chart")) + 1
    assert not [slider for slider in short.slider if slider.label == "Played from (s)"]
    (slider,) = [slider for slider in long.slider if slider.label == "Played from (s)"]
    assert slider.max == 3
    assert not slider.set_value(slider.max).run().exception


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
    assert texts(at.header) == ["beep.wav"]


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
    assert texts(at.header) == ["a.wav"]
    assert texts(selected(at, 2).header) == ["c.wav"]
    assert texts(at.button(key="tag-next").click().run().header) == ["a.wav"]
    assert texts(at.button(key="tag-previous").click().run().header) == ["c.wav"]


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
    assert texts(at.header) == ["b.wav"]
    at = pressed(at, "Clear history")
    assert not at.exception
    assert not at.header
    assert len(pressed(at, "Undo").session_state[dropped_sounds.SOUNDS]) == 3


def test_sounds_stay_when_the_page_is_left_and_opened_again(home: Workspace) -> None:
    at = uploaded(open_page("pages/tag.py"), ("a.wav", noise(seed=4)), ("b.wav", noise(seed=5)))
    at = at.switch_page("pages/train.py").run().switch_page("pages/tag.py").run()
    assert not at.exception
    assert [row(at, place)["sound"] for place in (0, 1)] == ["a.wav", "b.wav"]


def test_the_sounds_of_an_earlier_visit_come_back_with_their_tags_until_the_history_is_cleared(
    home: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "night.wav").write_bytes(noise(seed=7))
    at = uploaded(open_page("pages/tag.py"), ("a.wav", noise(seed=4)), ("b.wav", noise(seed=5)))
    given_path(at, tmp_path / "night.wav")
    for cached in (ensemble_cache._evidence, stored_scores._read):  # as after a restart of the server
        cached.clear()
    scored: list[str] = []
    monkeypatch.setattr(Tagger, "score", lambda self, inputs: scored.append(inputs.name))
    later = open_page("pages/tag.py")
    assert not later.exception
    assert scored == []  # the scores are on disk
    assert [row(later, place)["sound"] for place in range(3)] == ["a.wav", "b.wav", "night.wav"]
    assert [sorted(row(later, place)["tags"]) for place in range(3)] == [["Bark", "Bell"]] * 3
    assert texts(later.header) == ["night.wav"]  # the newest
    later = pressed(later, "Clear history")
    assert not open_page("pages/tag.py").header
    pressed(later, "Undo")
    assert texts(open_page("pages/tag.py").header) == ["night.wav"]


# Paths and the dataset


def test_a_file_is_tagged_by_its_path(home: Workspace, tmp_path: Path) -> None:
    (tmp_path / "night.wav").write_bytes(noise(seed=7))
    at = given_path(open_page("pages/tag.py"), tmp_path / "night.wav")
    assert not at.exception
    assert texts(at.header) == ["night.wav"]
    assert command(at) == f"audiotag tag {tmp_path}/night.wav --ensemble tiny --out tags.csv"
    (tmp_path / "night.wav").write_bytes(wav(np.zeros(44_100)))
    assert any("night.wav is silent" in text for text in texts(at.run().caption))  # it is read anew when it changes
    (tmp_path / "night.wav").unlink()
    assert any("night.wav does not exist" in error for error in texts(at.run().error))


def test_of_a_folder_the_first_sounds_are_shown_and_all_can_be_tagged_in_the_background(
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
    at = at.button(key="to-folders").click().run()
    assert not at.exception
    assert at.text_input(key="folder-sounds").value == f"{tmp_path}/sounds"


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
    assert texts(at.header) == ["beep.wav"]


def test_the_try_button_adds_a_clip_of_the_dataset(home: Workspace) -> None:
    at = pressed(open_page("pages/tag.py"), "Try it with a clip of starter-sounds")
    assert not at.exception
    assert len(at.header) == 1
