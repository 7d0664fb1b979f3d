"""Windows cover the whole clip, passes of test-time augmentation shift and mask them, and long clips go by blocks."""

import json
from pathlib import Path

import numpy as np
import pytest

from audiotag.audio.reading import wav_bytes
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.tagging import clip_inputs
from audiotag.tagging.clip_inputs import window_starts
from audiotag.tagging.evidence import Evidence
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger

from .conftest import RATE, WINDOW, noise, sound, window_scores, with_card


@pytest.mark.parametrize("clip_s", [1.0, 2.0, 0.30001])
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.99, 1.0, 1.5, 2.0, 2.0001, 3.7, 60.0])
def test_windows_cover_every_sample_and_overlap_by_half(clip_s: float, seconds: float) -> None:
    settings = SpectrogramSettings(clip_s=clip_s)
    samples, window = round(seconds * RATE), settings.clip_samples
    starts = window_starts(samples, window, window // 2)
    assert starts[0] == 0
    assert starts[-1] == max(samples - window, 0)
    steps = np.diff(starts)
    assert (steps > 0).all()
    assert (steps[:-1] == window // 2).all()
    assert (steps <= window // 2).all()


def test_clip_one_percent_longer_than_a_window_has_one_window(tiny_ensemble: Path, tagger: Tagger) -> None:
    waveform = noise(1.01)
    spare = len(waveform) - WINDOW
    tags = tagger.tag_sound(sound(waveform))
    middle = waveform[spare // 2 : spare // 2 + WINDOW]
    assert tags.starts_s.tolist() == [spare // 2 / RATE]
    np.testing.assert_allclose(tags.scores, window_scores(tiny_ensemble, tagger, [middle]).mean(axis=(0, 1)), atol=1e-5)
    assert tagger.tag_sound(sound(noise(1.02))).starts_s.tolist() == [0, pytest.approx(0.02)]


def test_silence_around_a_sound_is_trimmed_and_times_still_count_from_its_start(
    tiny_ensemble: Path, tmp_path: Path
) -> None:
    card = json.loads((tiny_ensemble / "card.json").read_text())
    folder = with_card(tiny_ensemble, tmp_path / "mine", spectrogram=card["spectrogram"] | {"trim_db": 40.0})
    waveform = np.concatenate([np.zeros(2 * RATE, np.float32), noise(3), np.zeros(2 * RATE, np.float32)])
    tags = Tagger(folder).tag_sound(sound(waveform))
    assert tags.starts_s[0] == pytest.approx(2, abs=0.1)
    assert tags.starts_s[-1] + 1 == pytest.approx(5, abs=0.1)


MASKS = [
    {"kind": "mask", "axis": "time", "width": 8, "exact": True},
    {"kind": "mask", "axis": "mel", "width": 4, "exact": True},
    {"kind": "lighting", "max_lighting": 0.2},
]
TTA = TagSettings(tta=True)


@pytest.fixture(scope="module")
def augmenting(tiny_ensemble: Path, tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    """The tiny ensemble with test-time augmentation, and masks in its recipe."""
    return Tagger(with_card(tiny_ensemble, tmp_path_factory.mktemp("masked") / "tiny", recipe={"augment": MASKS}), TTA)


def test_passes_differ_from_each_other_and_from_the_plain_one(augmenting: Tagger) -> None:
    evidence = augmenting.evidence_of(sound(noise(3.3)))
    assert evidence.augmented is not None
    assert evidence.augmented.shape == (4, *evidence.scores.shape)
    passes = [evidence.scores, *evidence.augmented]
    for number, one in enumerate(passes):
        for other in passes[:number]:
            assert np.abs(one - other).max() > 1e-4


def test_augmented_scores_depend_on_the_clip_alone(augmenting: Tagger, tmp_path: Path) -> None:
    content, other = wav_bytes(noise(3.3), RATE), wav_bytes(noise(2.1, seed=1), RATE)
    (tmp_path / "a.wav").write_bytes(content)
    first = augmenting.evidence(content, "a.wav")
    augmenting.evidence(other, "b.wav")
    for again in (augmenting.evidence(content, "another name"), augmenting.evidence(tmp_path / "a.wav")):
        np.testing.assert_array_equal(again.augmented, first.augmented)
        np.testing.assert_array_equal(again.scores, first.scores)


@pytest.mark.parametrize("overlap", [0.0, 0.9])
@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.7])
def test_shifted_windows_stay_inside_the_sound(
    tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch, overlap: float, seconds: float
) -> None:
    tagger = Tagger(tiny_ensemble, TagSettings(tta=True, overlap=overlap))
    asked: list[tuple[int, float]] = []
    window_input = tagger.input_maker.window_input

    def recorded(waveform: np.ndarray, start: int, position: float = 0.5, rng: object = None) -> np.ndarray:
        asked.append((start, position))
        return window_input(waveform, start, position, rng)

    monkeypatch.setattr(tagger.input_maker, "window_input", recorded)
    evidence = tagger.evidence_of(sound(noise(seconds)))
    windows, last = len(evidence.starts_s), max(round(seconds * RATE) - WINDOW, 0)
    starts = np.array([start for start, _ in asked]).reshape(5, windows)
    assert ((starts >= 0) & (starts <= last)).all()
    shifts = np.abs(starts[1:] - starts[0])
    assert shifts.max() <= tagger.settings.hop(WINDOW) / 2
    assert (shifts.max() > 0) == (last > 0)
    assert {position for _, position in asked[:windows]} == {0.5}


def test_short_clip_is_placed_at_random_between_zeros(tiny_ensemble: Path) -> None:
    tagger = Tagger(tiny_ensemble, TTA)  # its recipe has no masks
    (inputs,) = tagger.inputs(wav_bytes(noise(0.3), RATE), "short.wav")
    assert inputs.augmented is not None
    energies = 10 ** (inputs.augmented[:, 0, 0] / 10)
    centres = (energies.sum(axis=1) @ np.arange(energies.shape[2])) / energies.sum(axis=(1, 2))
    assert len(set(np.round(centres))) == 4
    assert np.ptp(centres) > 3
    levels = energies.max(axis=(1, 2))
    np.testing.assert_allclose(levels, levels.mean(), rtol=0.3)  # the whole clip is in the window


def test_masks_of_the_recipe_cover_the_frames_and_bands_that_it_says(augmenting: Tagger) -> None:
    (inputs,) = augmenting.inputs(wav_bytes(noise(1), RATE), "a.wav")  # one window, which cannot be shifted
    assert inputs.augmented is not None
    places = set()
    for augmented in inputs.augmented[:, 0, 0]:
        changed = augmented != inputs.plain[0, 0]
        frames, bands = changed.all(axis=0), changed.all(axis=1)
        assert (frames.sum(), bands.sum()) == (8, 4)
        assert (changed == (frames[None] | bands[:, None])).all()
        places.add((int(frames.argmax()), int(bands.argmax())))
    assert len(places) == 4


def test_mask_that_is_too_wide_or_unknown_is_refused_where_it_is_needed(tiny_ensemble: Path, tmp_path: Path) -> None:
    wide = with_card(tiny_ensemble, tmp_path / "wide", recipe={"augment": [{**MASKS[0], "width": 65}]})
    Tagger(wide)
    with pytest.raises(AudiotagError, match=r"width in frames must be at most the .* 64, got 65"):
        Tagger(wide, TTA)
    odd = with_card(tiny_ensemble, tmp_path / "odd", recipe={"augment": [{"kind": "mask", "colour": "red"}]})
    with pytest.raises(AudiotagError, match=r"tiny has a mask in its recipe that cannot be used: .*colour"):
        Tagger(odd, TTA)


def test_silent_clip_scores_zero_with_augmentation_too(augmenting: Tagger) -> None:
    tags = augmenting.tag(wav_bytes(np.zeros(3 * RATE, np.float32), RATE), "quiet.wav")
    assert (tags.scores == 0).all()
    assert tags.tags == ()


def with_gap(seconds: float, start_s: float, end_s: float) -> np.ndarray:
    waveform = noise(seconds)
    waveform[round(start_s * RATE) : round(end_s * RATE)] = 0
    return waveform


def test_silent_windows_score_zero_and_do_not_change_the_others(tagger: Tagger) -> None:
    tags = tagger.tag_sound(sound(with_gap(6, 2, 4)))
    unharmed = tagger.tag_sound(sound(noise(6)))
    silent = (tags.starts_s >= 2) & (tags.starts_s <= 3)
    touched = (tags.starts_s > 1) & (tags.starts_s < 4)
    assert (tags.timeline[silent] == 0).all()
    assert (tags.timeline[~silent] > 0).all()
    np.testing.assert_allclose(tags.timeline[~touched], unharmed.timeline[~touched], atol=1e-6)
    np.testing.assert_allclose(tags.scores, tags.timeline.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("seconds", [2.0001, 3.2, 9.7])
def test_long_sound_with_silence_scores_by_blocks_as_it_does_whole(
    tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seconds: float, overlap: float
) -> None:
    tagger = Tagger(tiny_ensemble, TagSettings(overlap=overlap))
    path = tmp_path / "long.wav"
    path.write_bytes(wav_bytes(with_gap(seconds, 4.2, 7.3), RATE))  # the silence is longer than a block
    whole = tagger.evidence(path)
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", 2.0)
    blocks = list(tagger.inputs(path))
    assert len(blocks) > 1 or seconds < 3
    assert max(len(block.plain) for block in blocks) <= 2 / (1 - overlap) + 2
    taken = Evidence.of_blocks([tagger.score(block) for block in blocks])
    np.testing.assert_allclose(taken.starts_s, whole.starts_s)
    np.testing.assert_array_equal(taken.audible, whole.audible)
    assert taken.duration_s == pytest.approx(whole.duration_s)
    np.testing.assert_allclose(tagger.tags_of(taken).timeline, tagger.tags_of(whole).timeline, atol=1e-6)
    np.testing.assert_allclose(tagger.tags_of(taken).scores, tagger.tags_of(whole).scores, atol=1e-6)


def test_long_sound_is_augmented_block_by_block(augmenting: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", 2.0)
    content = wav_bytes(with_gap(6.7, 2.2, 5.1), RATE)
    evidence = augmenting.evidence(content)
    assert evidence.augmented is not None
    assert evidence.augmented.shape == (4, *evidence.scores.shape)
    np.testing.assert_array_equal(evidence.augmented, augmenting.evidence(content).augmented)


@pytest.mark.parametrize("seconds", [2.7, 6.7])
def test_notes_on_a_long_sound_appear_once(
    tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    loud = {"bandwidth_hz": [1.0, 2.0, 3.0], "rms_dbfs": [40.0, 50.0, 60.0], "clips": 9}
    tagger = Tagger(with_card(tiny_ensemble, tmp_path / "mine", sounds=loud))
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", 2.0)
    content = wav_bytes(noise(seconds), RATE)[: -RATE // 2]
    truncated, unlike = tagger.tag(content, "a.wav").notes
    assert truncated.startswith("a.wav is truncated")
    assert unlike.startswith("a.wav is quieter than the training sounds")
