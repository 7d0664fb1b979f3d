"""Datasets whose file names tell label and speaker."""

from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import LAYOUTS, open_dataset
from audiotag.errors import AudiotagError

from .conftest import RAVDESS, Build, by_clip, files


@pytest.mark.parametrize(
    ("name", "clips"),
    [
        (
            "RAVDESS",
            {
                "Actor_01/03-01-06-01-02-01-01.wav": ("fearful", "01"),
                "Actor_24/03-02-01-01-01-01-24.wav": ("neutral", "24"),
            },
        ),
        ("CREMA-D", {"1001_DFA_ANG_XX.wav": ("anger", "1001"), "1040_ITH_SAD_X.wav": ("sad", "1040")}),
        ("TESS", {"OAF_Fear/OAF_back_fear.wav": ("fear", "OAF"), "YAF_ps/YAF_x_ps.wav": ("pleasant_surprise", "YAF")}),
        ("SAVEE", {"DC_a01.wav": ("anger", "DC"), "KL_sa15.wav": ("sadness", "KL"), "JE_s.wav": None}),
        ("EmoDB", {"wav/03a01Fa.wav": ("happiness", "03"), "wav/16b10Wb.wav": ("anger", "16")}),
        ("AudioMNIST", {"data/01/0_01_0.wav": ("0", "01"), "data/60/9_60_49.wav": ("9", "60")}),
        ("VocalSound", {"a/f0003_0_cough.wav": ("cough", "f0003"), "a/m0100_0_sniff.wav": ("sniff", "m0100")}),
    ],
)  # fmt: skip
def test_labels_and_speakers_are_in_the_names(
    example: Callable[[Build], Path], name: str, clips: dict[str, tuple[str, str] | None]
) -> None:
    dataset = open_dataset(example(files({}, *clips)))
    assert (dataset.layout_key, dataset.name) == ("clip-names", name)
    expected = {clip: ((facts[0],), facts[1]) for clip, facts in clips.items() if facts}
    assert by_clip(dataset, "labels", "group") == expected
    assert [problem.clip for problem in dataset.problems] == [clip for clip, facts in clips.items() if not facts]
    assert dataset.clips["split"].isna().all()


def test_notes_of_instruments_have_the_splits_of_their_folders(example: Callable[[Build], Path]) -> None:
    clips = {
        "nsynth-train/audio/bass_synthetic_068-049-025.wav": (
            "curated",
            "train",
            None,
            ("bass",),
            "bass_synthetic_068",
        ),
        "nsynth-valid/audio/synth_lead_synthetic_011-058-075.wav": (
            *("curated", "validation", 1, ("synth_lead",), "synth_lead_synthetic_011"),
        ),
        "nsynth-test/audio/vocal_acoustic_000-057-100.wav": ("test", "test", None, ("vocal",), "vocal_acoustic_000"),
    }
    dataset = open_dataset(example(files({"nsynth-train/examples.json": "{}"}, *clips)))
    assert dataset.name == "NSynth"
    assert by_clip(dataset, "subset", "split", "fold", "labels", "group") == clips


def test_kinds_of_sounds_without_a_source_have_no_group(example: Callable[[Build], Path]) -> None:
    clips = {
        "noise/free-sound/noise-free-sound-0000.wav": "noise",
        "speech/librivox/speech-librivox-0001.wav": "speech",
    }
    dataset = open_dataset(example(files({"noise/free-sound/ANNOTATIONS": ""}, *clips)))
    assert by_clip(dataset, "labels", "group") == {clip: ((label,), None) for clip, label in clips.items()}


def test_first_recordings_of_spoken_digits_are_for_the_test(example: Callable[[Build], Path]) -> None:
    clips = ("recordings/0_jackson_4.wav", "recordings/0_jackson_5.wav", "recordings/7_theo_40.wav")
    dataset = open_dataset(example(files({"metadata.py": ""}, *clips)))
    assert by_clip(dataset, "subset", "split", "labels", "group") == {
        "recordings/0_jackson_4.wav": ("test", "test", ("0",), "jackson"),
        "recordings/0_jackson_5.wav": ("curated", "train", ("0",), "jackson"),
        "recordings/7_theo_40.wav": ("curated", "train", ("7",), "theo"),
    }


def test_folder_whose_sounds_are_mostly_named_otherwise_is_not_taken(example: Callable[[Build], Path]) -> None:
    root = example(files({}, "Dog/a.wav", "Dog/1_02_3.wav", "Cat/2_01_3.wav", "Cat/1001_DFA_ANG_XX.wav"))
    assert open_dataset(root).labels == ("Cat", "Dog")
    with pytest.raises(AudiotagError, match="has no sounds named as in RAVDESS"):
        open_dataset(root, layout="clip-names")


def test_tables_of_other_things_are_passed_over(example: Callable[[Build], Path]) -> None:
    tables = {
        "VideoDemographics.csv": "ActorID,Age,Sex\n1001,51,Male\n",
        "SentenceFilenames.csv": '"Stimulus_Number","Filename"\n1,"1001_DFA_ANG_XX"\n',
    }
    dataset = open_dataset(example(files(tables, "AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_DFA_SAD_XX.wav")))
    assert (dataset.name, dataset.labels) == ("CREMA-D", ("anger", "sad"))


def test_speakers_are_groups_and_folders_are_not_labels(example: Callable[[Build], Path]) -> None:
    dataset = open_dataset(example(RAVDESS))
    assert dataset.labels == ("angry", "fearful", "neutral")
    assert set(dataset.clips["group"]) == {"01", "02"}
    assert LAYOUTS.get("clip-names").title == "labels in the names of the files"
