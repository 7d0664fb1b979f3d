"""Settings survive being written as one line, and a line from anywhere is read or refused with a sentence."""

import pytest

from audiotag.errors import AudiotagError
from audiotag.features.presets import load_preset
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.features.settings_text import MAX_LENGTH, parse_settings, settings_text
from audiotag.workspace import Workspace


def load(name: str) -> SpectrogramSettings:
    return load_preset(name, Workspace())


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n_mels": 64, "f_max": 16_000.5, "mel_scale": "slaney"},
        {"trim_pad_s": 0.1 + 0.2, "clip_s": 1 / 3, "power": 1.0, "mean_db": -12.25, "padding": "zeros-after"},
    ],
)
def test_a_line_gives_exactly_the_settings_that_it_was_written_from(preset: str, changes: dict) -> None:
    settings = PRESETS[preset].with_changes(**changes)
    line = settings_text(settings, preset, PRESETS[preset])
    assert parse_settings(line, load) == (preset, settings)


def test_settings_of_a_preset_are_its_name_alone() -> None:
    assert settings_text(PRESETS["argus"], "argus", PRESETS["argus"]) == "argus"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", "not a preset|name"),
        ("capstonee", "capstonee"),
        ("../capstone", "name"),
        ("capstone,n_mell=64", "n_mell"),
        ("capstone,n_mels", "n_mels"),
        ("capstone,n_mels=6.5", "n_mels"),
        ("capstone,f_max=nan", "f_max"),
        ("capstone,f_max=1e400", "f_max"),
        ("capstone,f_max=30000", "f_max"),
        ("capstone,window=__class__", "window"),
        ("capstone" + ",n_mels=64" * MAX_LENGTH, "characters"),
        ("capstone,n_mels=" + "9" * 900, "n_mels"),
    ],
)
def test_a_wrong_line_is_refused_by_name(line: str, named: str) -> None:
    with pytest.raises(AudiotagError, match=named):
        parse_settings(line, load)
