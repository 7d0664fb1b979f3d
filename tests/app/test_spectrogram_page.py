"""The Spectrogram page: widgets, settings, presets and code agree, and every tab opens."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from audiotag.augmentation.base import AUGMENTATIONS
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.presets import own_presets, save_preset
from audiotag.features.setting_names import differences
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.features.trimming import fit_length, trimmed_bounds
from audiotag.features.whole_clip import added_zeros
from audiotag.ui.player import PlayerOptions
from audiotag.workspace import Workspace

from .conftest import beep, open_page, table_dataset, texts, wav

TABS = ("Network input", "Other clips", "Augmentation", "Leader board", "Code")


class Player(NamedTuple):
    """The arguments of `show_player`."""

    waveform: np.ndarray
    spectrogram: np.ndarray
    settings: SpectrogramSettings
    options: PlayerOptions


@pytest.fixture
def players(monkeypatch: pytest.MonkeyPatch) -> list[Player]:
    """What the player of the page is given, run by run."""
    given: list[Player] = []

    def show(waveform: np.ndarray, spectrogram: np.ndarray, settings: Any, options: PlayerOptions, key: str) -> None:
        given.append(Player(waveform, spectrogram, settings, options))

    monkeypatch.setattr("audiotag.ui.spectrogram.clip_player.show_player", show)
    return given


def input_size(at: AppTest) -> str:
    """Height × width of the network input, among the read-outs."""
    return next(metric.value for metric in at.metric if " × " in metric.value)


def test_settings_change_the_size_of_the_network_input(home: Workspace) -> None:
    at = open_page("pages/spectrogram.py")
    assert input_size(at) == "128 × 128"
    at = at.slider(key="set-n_mels").set_value(64).run()
    assert not at.exception
    assert input_size(at) == "64 × 128"
    at = at.slider(key="set-clip_s").set_value(4.0).run()
    assert input_size(at) == "64 × 256"
    at = at.selectbox(key="preset").set_value("argus").run()
    assert not at.exception
    assert at.slider(key="set-clip_s").value == 4.0
    assert input_size(at) == "3 × 128 × 256"
    at = at.button(key="square").click().run()
    assert not at.error
    assert input_size(at) == "3 × 128 × 128"
    at = at.selectbox(key="preset").set_value("capstone").run()
    at = at.slider(key="set-clip_s").set_value(1.0).run()
    assert input_size(at) == "128 × 64"
    at = at.button(key="square").click().run()
    assert input_size(at) == "128 × 128"
    at = at.text_input(key="set-resize").set_value("96").run()
    at = at.selectbox(key="set-normalise").set_value("clip").run()
    assert not at.exception
    assert input_size(at) == "96 × 96"


def test_settings_that_contradict_each_other_give_the_message_of_the_library(home: Workspace) -> None:
    at = open_page("pages/spectrogram.py")
    for kind, field, value, named in (
        ("slider", "win_length", 4096, "n_fft"),
        ("slider", "hop_length", 2048, "hop_length"),
        ("slider", "band", (20, 30_000), "f_max"),
        ("selectbox", "sample_rate", 8000, "f_max"),
        ("text_input", "resize", "8", "resize"),
        ("text_input", "std_db", "0", "std_db"),
    ):
        before = getattr(at, kind)(key=f"set-{field}").value
        at = getattr(at, kind)(key=f"set-{field}").set_value(value).run()
        assert not at.exception
        (error,) = texts(at.error)
        number = float(value) if kind == "text_input" else value
        fields = {"f_min": value[0], "f_max": value[1]} if field == "band" else {field: number}
        fields = {name: int(number) if name == "resize" else number for name, number in fields.items()}
        fields = {name: float(number) if name[:2] == "f_" else number for name, number in fields.items()}
        with pytest.raises(AudiotagError) as refused:
            SpectrogramSettings(**fields)
        assert error == str(refused.value)
        assert error.startswith(f"{named} must be")
        assert getattr(at, kind)(key=f"set-{field}").value == value  # the widget stays, so the value can be set back
        getattr(at, kind)(key=f"set-{field}").set_value(before)


def test_every_preset_sets_all_widgets(home: Workspace) -> None:
    at = open_page("pages/spectrogram.py", view="Code")
    for name, preset in PRESETS.items():
        at = at.selectbox(key="preset").set_value(name).run()
        assert not at.exception
        code = next(element.value for element in at.code if "SpectrogramSettings(" in element.value)
        changes = re.search(r"SpectrogramSettings\((.*)\)", code)[1]
        assert eval(f"dict({changes})") == {
            field: value for field, value in vars(preset).items() if value != getattr(PRESETS["capstone"], field)
        }


def test_preset_beyond_the_sliders_is_shown_as_it_is(home: Workspace) -> None:
    wide = SpectrogramSettings(
        sample_rate=11_025,
        clip_s=12.3,
        n_fft=16_384,
        win_length=10_000,
        hop_length=3001,
        n_mels=300,
        f_min=20.5,
        f_max=5000.0,
        top_db=150.5,
        trim_db=12.5,
        trim_pad_s=0.7,
    )
    save_preset("wide", wide, home)
    at = open_page("pages/spectrogram.py", view="Code")
    at = at.selectbox(key="preset").set_value("wide").run()
    assert not at.exception
    assert not at.error
    assert train_link(at).query_string == "train-preset=wide"  # these are exactly its settings
    at = at.selectbox(key="preset").set_value("capstone").run()
    assert not at.exception
    assert train_link(at).query_string == "train-preset=capstone"


def test_python_lines_compute_the_log_mel_of_the_crop(home: Workspace) -> None:
    at = open_page("pages/spectrogram.py", view="Code")
    at = at.slider(key="set-n_mels").set_value(64).run()
    code = next(element.value for element in at.code if "SpectrogramSettings(" in element.value)
    made: dict[str, Any] = {}
    exec(code, made)
    assert made["spectrogram"].shape == (64, 128)
    assert made["settings"] == SpectrogramSettings(n_mels=64)


@pytest.mark.parametrize("preset", ["argus", "warm-up"])
def test_crops_of_whole_clips_are_shown_as_the_network_gets_them(
    home: Workspace, players: list[Player], preset: str
) -> None:
    at = open_page("pages/spectrogram.py", view="Code", settings=preset)
    assert not at.exception
    code = next(element.value for element in at.code if "SpectrogramSettings(" in element.value)
    made: dict[str, Any] = {}
    exec(code, made)
    settings = PRESETS[preset]
    assert made["settings"] == settings
    wanted = network_input(made["spectrogram"], settings, made["whole"].scale)[0]
    np.testing.assert_allclose(players[-1].spectrogram, wanted, atol=1e-6)
    # The same by the settings alone: the whole trimmed clip, and the middle of it.
    waveform = players[-1].waveform
    start, end = trimmed_bounds(waveform, settings)
    whole = log_mel(np.pad(waveform[start:end], added_zeros(end - start, settings)), settings)
    assert made["spectrogram"].min() >= whole.max() - settings.top_db - 1e-3
    spare = whole.shape[1] - settings.frames
    if spare >= 0:
        np.testing.assert_array_equal(made["spectrogram"], whole[:, spare // 2 :][:, : settings.frames])


def test_settings_of_whole_clips_are_set_back_with_the_crop(home: Workspace) -> None:
    at = open_page("pages/spectrogram.py", settings="argus,centred=False")
    assert not at.error
    assert at.selectbox(key="set-padding").value == "minimum-or-repeat"
    at = at.segmented_control(key="set-crop").set_value("waveform").run()
    assert not at.exception
    assert not at.error
    assert at.selectbox(key="set-padding").value == "zeros"
    assert at.toggle(key="set-centred").value


@pytest.mark.parametrize("name", TABS)
def test_every_tab_opens_where_the_network_takes_waveforms(home: Workspace, name: str) -> None:
    at = open_page("pages/spectrogram.py", view=name, settings="capstone,network_input=waveform")
    assert not at.exception
    assert not at.error
    assert at.segmented_control(key="set-network_input").value == "waveform"
    assert [tab.label for tab in at.tabs if len(tab.children)] == [name]


@pytest.mark.parametrize("name", TABS)
def test_every_tab_opens_under_every_preset_and_only_it_is_drawn(home: Workspace, name: str) -> None:
    at = open_page("pages/spectrogram.py", view=name)
    for preset in ["capstone"] if name == "Other clips" else PRESETS:
        at = at.selectbox(key="preset").set_value(preset).run()
        assert not at.exception
        assert not at.error
        assert [tab.label for tab in at.tabs if len(tab.children)] == [name]


def test_address_of_an_unknown_tab_opens_the_first(home: Workspace) -> None:
    for address in ({"view": "Compare"}, {"bench": "Use it"}):
        at = open_page("pages/spectrogram.py", **address)
        assert not at.exception
        assert [tab.label for tab in at.tabs if len(tab.children)] == [TABS[0]]


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ("capstone", set(AUGMENTATIONS.names()) - {"crop"}),  # a crop needs a number of frames
        ("capstone,network_input=waveform", {"gain", "noise", "additive", "mixup", "sigmoid"}),
    ],
)
def test_every_augmentation_of_the_network_input_is_offered_and_changes_the_crop(
    home: Workspace, settings: str, kinds: set[str]
) -> None:
    at = open_page("pages/spectrogram.py", view="Augmentation", settings=settings)
    (pills,) = [group for group in at.get("button_group") if group.label == "Augmentations"]
    assert {option.partition(" (")[0] for option in pills.options} == kinds
    shown = {}
    for option in (None, *pills.options):
        (pills,) = [group for group in at.get("button_group") if group.label == "Augmentations"]
        at = pills.set_value([option] if option else []).run()
        assert not at.exception
        assert not at.error
        shown[option] = [image.proto.imgs[0].url for image in at.get("image")]
    for option, images in shown.items():
        assert option is None or images != shown[None], option


def train_link(at: AppTest) -> Any:
    """The link of the Code tab to the Train page."""
    return next(link.proto for link in at.main.get("page_link") if link.proto.label == "Train with these settings")


def test_saved_preset_is_found_on_train_and_can_be_deleted_and_restored(home: Workspace) -> None:
    at = open_page("pages/spectrogram.py", view="Code")
    at = at.slider(key="set-n_mels").set_value(64).run()
    assert train_link(at).disabled
    at.text_input(key="preset-name").set_value("mine")
    at = next(button for button in at.button if button.label == "Save").click().run()
    assert not at.exception
    assert own_presets(home) == {"mine": SpectrogramSettings(n_mels=64)}
    assert at.selectbox(key="preset").value == "mine"
    assert not train_link(at).disabled
    assert train_link(at).query_string == "train-preset=mine"
    train = open_page("pages/train.py", **{"train-preset": "mine"})
    assert not train.exception
    assert any("--preset mine" in element.value for element in train.code)
    at = at.button(key="delete-preset").click().run()
    assert not at.exception
    assert own_presets(home) == {}
    at = at.button(key="undo-delete").click().run()
    assert not at.exception
    assert own_presets(home) == {"mine": SpectrogramSettings(n_mels=64)}


def test_preset_with_an_invalid_name_is_not_saved(home: Workspace) -> None:
    at = open_page("pages/spectrogram.py")
    for name in ("capstone", "a b", "../x", ""):
        at.text_input(key="preset-name").set_value(name)
        at = next(button for button in at.button if button.label == "Save").click().run()
        assert not at.exception
        assert len(at.error) == (name != "")
        assert own_presets(home) == {}


def test_examples_stay_until_they_are_drawn_again(home: Workspace) -> None:
    at = open_page("pages/spectrogram.py", view="Augmentation")
    shown = [image.proto.imgs[0].url for image in at.get("image")]
    assert len(shown) == 4
    assert len(set(shown)) == 4
    again = at.run()
    assert [image.proto.imgs[0].url for image in again.get("image")] == shown
    rolled = again.button(key="augmentation-draw-again").click().run()
    assert not rolled.exception
    assert [image.proto.imgs[0].url for image in rolled.get("image")] != shown


def test_upload_is_shown(home: Workspace) -> None:
    at = open_page("pages/spectrogram.py")
    at = at.segmented_control(key="sound-from").set_value("Upload").run()
    assert not at.exception
    assert not at.metric
    at = at.file_uploader(key="spectrogram-upload").set_value(("tone.wav", wav(beep(3)), "audio/wav")).run()
    assert not at.exception
    assert input_size(at) == "128 × 128"
    at = at.file_uploader(key="spectrogram-upload").set_value(("bad.wav", b"no sound", "audio/wav")).run()
    assert not at.exception
    assert any("bad.wav cannot be read as a sound" in text for text in texts(at.error))


def test_label_without_clips_gives_a_hint(home: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    table_dataset(folder / "train_curated", ["a.wav,Beep"])
    (folder / "train_curated" / "clips.csv").rename(folder / "train_curated.csv")
    (folder / "sample_submission.csv").write_text("fname,Beep,Unheard\n")
    home.remember_dataset(folder)
    at = open_page("pages/spectrogram.py")
    assert at.metric
    at = at.selectbox(key="spectrogram-label").set_value("Unheard").run()
    assert not at.exception
    assert any("No clip has the label Unheard" in text for text in texts(at.info))
    assert not at.metric


def test_player_shows_the_crop_exactly_as_a_network_gets_it(home: Workspace, players: list[Player]) -> None:
    at = open_page("pages/spectrogram.py", view="Code")
    code = next(element.value for element in at.code if "SpectrogramSettings(" in element.value)
    made: dict[str, Any] = {}
    exec(code, made)
    np.testing.assert_array_equal(players[-1].spectrogram, made["spectrogram"])
    crop = players[-1].options.crop
    assert crop is not None
    assert players[-1].options.spectrogram_start_s == crop.start_s
    assert crop.end_s - crop.start_s == 2.0
    rate = players[-1].settings.sample_rate
    np.testing.assert_array_equal(players[-1].waveform[round(crop.start_s * rate) :][:1000], made["crop"][:1000])
    at = open_page("pages/spectrogram.py", view="Code", show="Whole clip")
    assert not at.exception
    assert players[-1].options.spectrogram_start_s == 0
    assert players[-1].spectrogram.shape[1] == 1 + len(players[-1].waveform) // 690


def test_player_shows_the_normalised_and_resized_channel_that_is_chosen(home: Workspace, players: list[Player]) -> None:
    address = {"view": "Code", "settings": "capstone,normalise=clip,deltas=2,resize=96", "b": "capstone"}
    for channel, (name, unit) in enumerate(
        [("log-mel", "σ"), ("first delta", "σ/frame"), ("second delta", "σ/frame²")]
    ):
        at = open_page("pages/spectrogram.py", channel=name, **address)
        assert not at.exception
        waveform, spectrogram, settings, options = players[-1]
        crop = fit_length(waveform[slice(*trimmed_bounds(waveform, settings))], settings)
        wanted = network_input(log_mel(crop, settings), settings)[channel]
        np.testing.assert_array_equal(spectrogram, wanted)
        assert options.values is not None
        assert options.values.unit == unit
        assert options.values.low <= wanted.min() <= wanted.max() <= options.values.high
        assert options.beside is not None
        assert options.beside.values is None  # it has neither, so its log-mel is shown, in dB


def test_page_begins_with_a_clip_that_fills_the_crop_and_a_link_opens_the_same_one(
    home: Workspace, players: list[Player]
) -> None:
    at = open_page("pages/spectrogram.py", view="Code")
    untrimmed = players[-1].options.untrimmed
    assert untrimmed is not None
    assert untrimmed.end_s - untrimmed.start_s > 1.6
    first = players[-1].options.name
    assert at.query_params["clip"] == first
    at = at.button(key="spectrogram-clip-next").click().run()
    assert not at.exception
    second = players[-1].options.name
    assert second != first
    linked = at.query_params
    assert linked["clip"] == second
    again = open_page("pages/spectrogram.py", **linked)
    assert players[-1].options.name == second
    assert again.selectbox(key="spectrogram-label").value == linked["label"]
    again = again.button(key="spectrogram-clip-previous").click().run()
    assert players[-1].options.name == first
    open_page("pages/spectrogram.py", clip=second)  # without a label: one that it has
    assert players[-1].options.name == second
    others = open_page("pages/spectrogram.py", view="Other clips", **{"clip": second, "label": linked["label"]})
    button = next(button for button in others.button if button.key.startswith("open-clip-") and button.label != second)
    assert not button.click().run().exception
    assert players[-1].options.name == button.label
    unknown = open_page("pages/spectrogram.py", clip="../gone.wav")
    assert not unknown.exception
    assert any("no clip ../gone.wav" in text for text in texts(unknown.warning))
    assert players[-1].options.name == first


def test_comparison_begins_with_a_difference_and_correct_sizes(home: Workspace, players: list[Player]) -> None:
    at = open_page("pages/spectrogram.py")
    assert players[-1].options.beside is None
    assert not at.get("plotly_chart")
    at = at.toggle(key="compare").set_value(True).run()
    assert not at.exception
    beside = players[-1].options.beside
    assert beside is not None
    assert beside.label == "B · argus"
    assert beside.waveform is None  # at the same sample rate it is the same sound
    (chart,) = at.get("plotly_chart")
    heights = np.asarray(json.loads(chart.proto.spec)["data"][0]["zmax"])
    assert heights > 3
    at = at.selectbox(key="settings-b").set_value("warm-up").run()
    assert not at.exception
    assert next(metric.delta for metric in at.metric if metric.label == "Network input") == "B: 3 × 128 × 128"
    beside = players[-1].options.beside
    assert beside is not None
    assert beside.spectrogram.shape == (128, 128)
    assert beside.values is not None
    assert beside.values.unit == ""
    assert 0 <= beside.values.low < beside.values.high <= 1
    found = differences(PRESETS["capstone"], PRESETS["warm-up"])
    assert next(table.value for table in at.table)["Setting"].tolist() == [each.name for each in found]


def test_settings_kept_as_b_stay_while_a_changes_and_survive_a_reload(home: Workspace, players: list[Player]) -> None:
    at = open_page("pages/spectrogram.py", view="Network input")
    at = at.slider(key="set-n_mels").set_value(64).run()
    at = at.button(key="keep-as-b").click().run()
    assert not at.exception
    assert any("A and B have the same settings" in text for text in texts(at.info))
    at = at.selectbox(key="set-sample_rate").set_value(22_050).run()
    at = at.slider(key="set-band").set_value((20, 10_000)).run()
    assert not at.exception
    assert not at.error
    player = players[-1]
    assert player.options.beside is not None
    assert (player.settings.sample_rate, player.options.beside.settings.sample_rate) == (22_050, 44_100)
    assert player.options.beside.settings.n_mels == 64
    waveform = player.options.beside.waveform
    assert waveform is not None
    assert len(waveform) / 44_100 == pytest.approx(len(player.waveform) / 22_050, abs=1e-3)
    at = at.button(key="swap-a-b").click().run()
    assert not at.exception
    assert players[-1].settings == player.options.beside.settings
    assert players[-1].options.beside is not None
    assert players[-1].options.beside.settings == player.settings
    reloaded = open_page("pages/spectrogram.py", **at.query_params)
    assert not reloaded.exception
    assert not reloaded.warning
    assert players[-1].settings == player.options.beside.settings
    assert players[-1].options.beside is not None
    assert players[-1].options.beside.settings == player.settings


def test_settings_in_an_address_that_cannot_be_used_are_said_and_change_nothing(home: Workspace) -> None:
    at = open_page("pages/spectrogram.py", settings="capstone,n_mels=9999", b="[x](http://y)")
    assert not at.exception
    assert not at.error
    assert len(at.warning) == 2
    assert input_size(at) == "128 × 128"
    assert not at.toggle(key="compare").value


def test_changes_are_marked_undone_and_reset(home: Workspace) -> None:
    at = open_page("pages/spectrogram.py", view="Code")
    assert at.button(key="settings-undo-button").disabled
    at = at.slider(key="set-n_mels").set_value(64).run()
    at = at.slider(key="set-top_db").set_value(80).run()
    assert at.slider(key="set-n_mels").label == "Mel bands · **capstone: 128**"
    assert "Level · 1 changed" in [expander.label for expander in at.expander]
    assert any("**2 settings** differ from capstone" in text for text in texts(at.markdown))
    at = at.button(key="settings-undo-button").click().run()
    assert (at.slider(key="set-n_mels").value, at.slider(key="set-top_db").value) == (64, 60)
    at = at.slider(key="set-hop_length").set_value(2048).run()  # longer than the window
    assert at.error
    at = at.button(key="settings-undo-button").click().run()
    assert not at.error
    assert (at.slider(key="set-n_mels").value, at.slider(key="set-hop_length").value) == (64, 690)
    at = at.button(key="settings-undo-button").click().run()
    assert at.slider(key="set-n_mels").value == 128
    at = at.button(key="settings-redo-button").click().run()
    assert at.slider(key="set-n_mels").value == 64
    at = at.button(key="settings-reset").click().run()
    assert at.slider(key="set-n_mels").value == 128
    assert at.button(key="settings-reset").disabled
    assert "settings" not in at.query_params


def test_spectrograms_are_turned_back_into_sounds_at_the_place_of_their_crops(
    home: Workspace, players: list[Player], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "audiotag.features.inversion.invert_log_mel",
        lambda log_mel, settings: np.ones(settings.clip_samples, np.float32),  # unit tests hold the real one
    )
    at = open_page("pages/spectrogram.py", b="warm-up")
    assert players[-1].options.other_sounds == ()
    at = at.button(key="invert").click().run()
    assert not at.exception
    a, b = players[-1].options.other_sounds
    assert len(a.waveform) == len(b.waveform) == len(players[-1].waveform)
    crop = players[-1].options.crop
    assert crop is not None
    np.testing.assert_allclose(np.flatnonzero(a.waveform)[[0, -1]] / 44_100, (crop.start_s, crop.end_s), atol=1e-3)
    at = at.run()
    assert len(players[-1].options.other_sounds) == 2  # they stay
    at = at.slider(key="set-n_mels").set_value(64).run()
    assert players[-1].options.other_sounds == ()  # with other settings it would be another sound
