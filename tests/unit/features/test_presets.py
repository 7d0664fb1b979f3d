"""A preset is read as it was saved, published ones cannot be changed, and a damaged file is named."""

from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.features.presets import delete_preset, load_preset, own_presets, preset_names, save_preset
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.workspace import Workspace

OTHER = SpectrogramSettings(n_mels=64, window="blackman", normalise="global", mean_db=-20.5, std_db=12.0, deltas=1)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.mark.parametrize("settings", [*PRESETS.values(), OTHER])
def test_a_preset_is_read_as_it_was_saved(workspace: Workspace, settings: SpectrogramSettings) -> None:
    save_preset("mine", settings, workspace)
    assert load_preset("mine", workspace) == settings
    assert preset_names(workspace) == [*PRESETS, "mine"]


def test_a_preset_is_a_file_that_can_be_edited(workspace: Workspace) -> None:
    save_preset("mine", OTHER, workspace)
    path = workspace.presets / "mine.toml"
    assert 'window = "blackman"\n' in path.read_text()
    path.write_text(path.read_text().replace("n_mels = 64", "n_mels = 80"))
    assert load_preset("mine", workspace) == OTHER.with_changes(n_mels=80)


def test_a_preset_of_an_earlier_version_means_what_it_meant(workspace: Workspace) -> None:
    save_preset("mine", OTHER, workspace)
    text = (workspace.presets / "mine.toml").read_text()
    assert "crop" not in text
    assert load_preset("mine", workspace) == OTHER


@pytest.mark.parametrize("settings", [OTHER, PRESETS["argus"]])
def test_a_preset_that_lost_its_end_is_refused(workspace: Workspace, settings: SpectrogramSettings) -> None:
    save_preset("mine", settings, workspace)
    path = workspace.presets / "mine.toml"
    lines = path.read_text().splitlines()
    for count in range(len(lines)):
        path.write_text("\n".join(lines[:count]))
        with pytest.raises(AudiotagError, match=r"mine\.toml"):
            load_preset("mine", workspace)


def test_saving_again_replaces_the_preset(workspace: Workspace) -> None:
    save_preset("mine", OTHER, workspace)
    save_preset("mine", OTHER.with_changes(n_mels=80), workspace)
    assert own_presets(workspace) == {"mine": OTHER.with_changes(n_mels=80)}


@pytest.mark.parametrize("name", PRESETS)
def test_published_presets_cannot_be_changed_or_deleted(workspace: Workspace, name: str) -> None:
    with pytest.raises(AudiotagError, match=f"{name} is a published preset"):
        save_preset(name, OTHER, workspace)
    with pytest.raises(AudiotagError, match=f"{name} is a published preset"):
        delete_preset(name, workspace)
    assert load_preset(name, workspace) == PRESETS[name]


@pytest.mark.parametrize("name", ["", "a b", "../up", "a/b", "x" * 61, "a.toml"])
def test_a_name_that_is_not_a_plain_word_is_refused(workspace: Workspace, name: str) -> None:
    for ask in (lambda: save_preset(name, OTHER, workspace), lambda: load_preset(name, workspace)):
        with pytest.raises(AudiotagError, match="a preset's name must be 1 to 60 letters"):
            ask()
    assert not workspace.presets.exists()


def test_a_deleted_preset_can_be_saved_again(workspace: Workspace) -> None:
    save_preset("mine", OTHER, workspace)
    deleted = delete_preset("mine", workspace)
    assert own_presets(workspace) == {}
    with pytest.raises(AudiotagError, match="mine is not a preset; choose one of capstone, argus, warm-up"):
        load_preset("mine", workspace)
    save_preset("mine", deleted, workspace)
    assert own_presets(workspace) == {"mine": OTHER}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("n_mels = ", "cannot be read as TOML"),
        ("n_mels = 1", "n_mels must be a whole number from 8 to 512 bands, got 1"),
        ("n_mel = 64", "n_mel is not a known field"),
        ('f_max = "high"', "f_max must be a number above 0 and at most 96000 Hz, got 'high'"),
    ],
)
def test_a_damaged_file_is_named_and_the_others_can_be_read(workspace: Workspace, text: str, reason: str) -> None:
    save_preset("mine", OTHER, workspace)
    (workspace.presets / "odd.toml").write_text(text)
    assert own_presets(workspace) == {"mine": OTHER}
    with pytest.raises(AudiotagError, match=reason) as error:
        load_preset("odd", workspace)
    assert "odd.toml" in str(error.value)
