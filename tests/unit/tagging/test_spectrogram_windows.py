"""Windows in the spectrogram are those of the published systems, and have the floor and scale of the whole clip."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audiotag.audio.reading import wav_bytes
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import log_mel, network_inputs
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.features.whole_clip import WholeClip
from audiotag.tagging import clip_inputs
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.clip_inputs import InputMaker
from audiotag.tagging.settings import TagSettings, WindowRule, Windows
from audiotag.tagging.spectrogram_windows import window_frames
from audiotag.tagging.tagger import Tagger
from audiotag.training.batches import Batches
from audiotag.training.clips import LabelledClips, prepare_clips
from audiotag.training.recipe import Recipe
from audiotag.training.stage import Stage

from .conftest import RATE, noise, sound, with_card

CHANGES: dict[str, Any] = {
    "crop": "spectrogram",
    "padding": "minimum-or-repeat",
    "normalise": "range",
    "min_s": 0.5,
    "trim_db": 0.0,
}
RULES: list[WindowRule] = ["tiles", "spread", "steps", "steps-padded"]


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    path = Path(__file__).parents[2] / "fixtures/systems/reference_numbers.json"
    return dict(json.loads(path.read_text()))


def maker_of(tiny_ensemble: Path, settings: TagSettings, **changes: object) -> InputMaker:
    """What makes the inputs of the tiny ensemble, as if it had been trained on crops of spectrograms."""
    card = read_card(tiny_ensemble)
    return InputMaker(replace(card, spectrogram=card.spectrogram.with_changes(**CHANGES | changes)), settings)


@pytest.fixture(scope="module")
def whole(tiny_ensemble: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny ensemble as if it had been trained on crops of spectrograms."""
    card = json.loads((tiny_ensemble / "card.json").read_text())
    folder = tmp_path_factory.mktemp("whole") / "tiny"
    return with_card(tiny_ensemble, folder, spectrogram=card["spectrogram"] | CHANGES)


def test_tiles_are_those_of_argus(reference: dict[str, Any]) -> None:
    for frames, by_step in reference["tiles"].items():
        for name, tiles in by_step.items():
            starts = window_frames(int(frames), 256, int(name.removeprefix("step_")), "tiles")
            assert len(starts) == tiles["tiles"]
            assert starts[0] == -tiles["left"]
            assert starts[-1] + 256 == int(frames) + tiles["right"]
            assert starts[: len(tiles["starts"])] == tiles["starts"]


@pytest.mark.parametrize(
    ("name", "step", "rule"), [("warmup_windows", 48, "spread"), ("mnpinto_windows", 128, "steps")]
)
def test_windows_are_the_published_ones(name: str, step: int, rule: WindowRule, reference: dict[str, Any]) -> None:
    for frames, starts in reference[name].items():
        assert window_frames(int(frames), 128, step, rule) == starts


def test_published_steps_are_overlaps() -> None:
    assert [TagSettings(overlap=overlap).hop(256) for overlap in (0.5, 0.75)] == [128, 64]
    assert [TagSettings(overlap=overlap).hop(128) for overlap in (0.625, 0.0)] == [48, 128]


@pytest.mark.parametrize("padding", ["minimum-or-repeat", "repeat", "zeros", "zeros-after"])
@pytest.mark.parametrize(("seconds", "trim_db"), [(0.02, 0.0), (0.3, 0.0), (1.0, 0.0), (0.02, 60.0), (0.9, 60.0)])
def test_training_and_tagging_agree_where_a_window_covers_the_clip(
    tiny_ensemble: Path, tmp_path: Path, seconds: float, padding: str, trim_db: float
) -> None:
    """The network inputs by which a fold is measured are those that the published ensemble gets."""
    maker = maker_of(tiny_ensemble, TagSettings(), padding=padding, trim_db=trim_db, trim_rule="librosa")
    path = tmp_path / "clip.wav"
    silence = np.zeros(RATE if trim_db else 0, np.float32)
    path.write_bytes(wav_bytes(np.concatenate([silence, noise(seconds), silence]), RATE))
    (inputs,) = maker.blocks(path)
    settings = maker.card.spectrogram
    stage = Stage("curated", 1, 1e-3)
    recipe = Recipe("r", "R", "", (stage,), spectrogram=settings)
    (clip,), _ = prepare_clips(pd.DataFrame({"path": [path], "clip": ["clip.wav"]}), settings)
    assert clip is not None
    assert (clip.start > RATE // 2) == bool(trim_db)
    targets = np.zeros((1, 2), np.float32)
    batch = Batches(LabelledClips([clip], targets), recipe, stage, 0, training=False).input_batch(0, 0)
    assert inputs.plain.shape == batch.values.shape
    np.testing.assert_array_equal(inputs.plain, batch.values)
    assert inputs.starts.tolist() == [clip.start]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seconds", [0.3, 1.2, 3.7])
def test_windows_are_cut_from_the_log_mel_of_the_whole_clip(
    tiny_ensemble: Path, rule: WindowRule, seconds: float
) -> None:
    maker = maker_of(tiny_ensemble, TagSettings(window_rule=rule))
    settings = maker.card.spectrogram
    inputs = maker.of_sound(sound(noise(seconds)))
    clip = WholeClip.of(noise(seconds), settings)
    frames = clip.log_mel.shape[1]
    starts = window_frames(frames, settings.frames, 32, rule)
    if frames <= settings.frames and rule != "steps-padded":
        starts = [-((settings.frames - frames) // 2)]
    wide = np.pad(clip.log_mel, ((0, 0), (100, 100)), constant_values=clip.log_mel.min())
    cuts = np.stack([wide[:, 100 + start :][:, : settings.frames] for start in starts])
    wanted = network_inputs(cuts, settings, [clip.scale] * len(cuts))
    np.testing.assert_array_equal(inputs.plain, wanted)
    np.testing.assert_array_equal(inputs.starts, np.maximum(np.array(starts), 0) * settings.hop_length)


@pytest.mark.parametrize("normalise", ["none", "range", "clip"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("tta", [False, True])
def test_a_long_clip_in_blocks_has_the_windows_of_the_clip_as_a_whole(
    tiny_ensemble: Path, normalise: str, rule: WindowRule, tta: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = maker_of(tiny_ensemble, TagSettings(window_rule=rule, tta=tta), normalise=normalise)
    waveform = noise(23.4)
    waveform[: 8 * RATE] = 0  # windows of silence, and the loudest moment comes late
    content = wav_bytes(waveform, RATE)
    (at_once,) = maker.blocks(content)
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", 6.0)
    blocks = list(maker.blocks(content))
    assert len(blocks) > 3
    assert blocks[-1].end == at_once.end == len(waveform)
    assert blocks[-1].content == at_once.content
    np.testing.assert_array_equal(np.concatenate([block.starts for block in blocks]), at_once.starts)
    np.testing.assert_array_equal(np.concatenate([block.audible for block in blocks]), at_once.audible)
    assert 0 < at_once.audible.mean() < 1
    begin = 0
    for block in blocks:  # one without a sound has no inputs
        windows = slice(begin, begin + len(block.starts))
        begin = windows.stop
        if len(block.plain):
            np.testing.assert_allclose(block.plain, at_once.plain[windows], atol=1e-4)
        assert (block.augmented is not None) == tta
        if tta and len(block.plain):
            assert block.augmented.shape == (4, *block.plain.shape)
            assert np.isfinite(block.augmented).all()
    assert sum(len(block.plain) for block in blocks) < len(at_once.starts)


def test_a_loud_moment_anywhere_sets_the_floor_of_all_windows(tiny_ensemble: Path) -> None:
    maker = maker_of(tiny_ensemble, TagSettings())
    quiet = 1e-3 * noise(3)
    loud = np.concatenate([quiet, noise(1)])
    inputs = [maker.of_sound(sound(waveform)).plain for waveform in (quiet, loud)]
    assert np.ptp(inputs[1][0]) < 0.5 * np.ptp(inputs[0][0])


def test_masks_and_shifts_of_test_time_augmentation(tiny_ensemble: Path) -> None:
    masks = [{"kind": "mask", "axis": "time", "width": 8, "exact": True}]
    card = read_card(tiny_ensemble)
    card = replace(card, spectrogram=card.spectrogram.with_changes(**CHANGES), recipe={"augment": masks})
    maker = InputMaker(card, TagSettings(tta=True))
    one, again = (maker.of_sound(sound(noise(0.7))) for _ in range(2))
    assert one.augmented is not None
    np.testing.assert_array_equal(one.augmented, again.augmented)
    for augmented in one.augmented[:, 0, 0]:  # one window, which cannot be shifted
        assert (augmented != one.plain[0, 0]).all(axis=0).sum() <= 8
    longer = maker.of_sound(sound(noise(3.3)))
    assert longer.augmented is not None
    assert len({one.tobytes() for one in longer.augmented}) == 4


def test_silence_and_the_shortest_sounds_are_tagged(whole: Path) -> None:
    tagger = Tagger(whole)
    assert (tagger.tag_sound(sound(np.zeros(3 * RATE, np.float32))).scores == 0).all()
    assert np.isfinite(tagger.tag_sound(sound(noise(1 / RATE))).scores).all()


def test_a_window_rule_for_waveform_crops_is_refused(tiny_ensemble: Path) -> None:
    with pytest.raises(AudiotagError, match=r"window_rule must be left out for .* crops are cut from waveforms"):
        Tagger(tiny_ensemble, TagSettings(window_rule="spread"))


def test_tagging_options_of_earlier_versions_keep_their_fingerprint() -> None:
    assert list(TagSettings().to_dict()) == ["combine", "tta", "overlap", "windows", "folds", "calibrated", "hold_back"]
    assert TagSettings(window_rule="spread").to_dict()["window_rule"] == "spread"


def test_published_inputs_of_argus_have_deltas_per_tile() -> None:
    settings: SpectrogramSettings = PRESETS["argus"]
    decibels = log_mel(noise(6), settings)
    starts = window_frames(decibels.shape[1], 256, 128)
    wide = np.pad(decibels, ((0, 0), (256, 256)), constant_values=decibels.min())
    tile = network_inputs(np.stack([wide[:, 256 + start :][:, :256] for start in starts]), settings)
    assert (tile[0, 1, :, :5] == tile[0, 1, :, :1]).all()  # the first frames have the fit of the tile's first nine


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("windows", ["mean", "max"])
@pytest.mark.parametrize("overlap", [0.5, 0.75])
def test_all_windows_of_a_rule_count(
    tiny_ensemble: Path, tmp_path: Path, rule: WindowRule, windows: Windows, overlap: float
) -> None:
    """With the frames of the recipe `baseline`, where a step of 50 frames is less than half a window."""
    frames = {"clip_s": 1.015, "n_fft": 2048, "win_length": 1102, "hop_length": 441, "centred": False}
    changes = CHANGES | frames
    card = json.loads((tiny_ensemble / "card.json").read_text())
    folder = with_card(tiny_ensemble, tmp_path / "tiny", spectrogram=card["spectrogram"] | changes)
    tagger = Tagger(folder, TagSettings(windows=windows, window_rule=rule, overlap=overlap))
    evidence = tagger.evidence_of(sound(noise(31.0)))
    assert len(evidence.starts_s) >= 60
    assert np.diff(evidence.starts_s).max() < 0.499 * evidence.window_s
    scores = np.random.default_rng(0).uniform(0, 1, evidence.scores.shape)  # so that each window changes the mean
    scores[:, 34] = 1
    evidence = replace(evidence, scores=scores)
    wanted = evidence.scores.max(axis=1) if windows == "max" else evidence.scores.mean(axis=1)
    assert tagger.tags_of(evidence).scores == pytest.approx(wanted.mean(axis=0), abs=1e-9)


def test_moments_begin_at_three_quarters_though_the_step_is_rounded_up(whole: Path) -> None:
    tagger = Tagger(whole, TagSettings(overlap=0.75))
    evidence = tagger.evidence_of(sound(noise(3.0)))
    hop_s = float(np.diff(evidence.starts_s).max())
    assert 0.25 * evidence.window_s < hop_s
    assert tagger.tags_of(evidence).window_s == pytest.approx(hop_s)
