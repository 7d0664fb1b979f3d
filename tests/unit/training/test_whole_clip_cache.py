"""Crops of whole clips have the clip's floor and scale, whatever the memory, and are padded in the spectrogram."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from audiotag.augmentation.gain import Gain
from audiotag.augmentation.mixup import MixUp
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import clip_scale, log_mel
from audiotag.features.settings import Padding, SpectrogramSettings
from audiotag.features.whole_clip import added_zeros
from audiotag.training import whole_clip_cache
from audiotag.training.batches import Batches
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.recipe import Recipe
from audiotag.training.stage import Stage
from audiotag.training.whole_clip_cache import WholeClipCache

ClipOf = Callable[..., Clip]

RATE = 8000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.5, n_fft=512, win_length=400, hop_length=100, n_mels=24, f_max=4000.0, top_db=40.0,
    trim_db=0.0, crop="spectrogram", padding="minimum-or-repeat", normalise="range", min_s=0.1,
)  # fmt: skip
VARIANTS = {
    "mirrored": SETTINGS,
    "not centred": SETTINGS.with_changes(centred=False, n_fft=400),
    "odd window": SETTINGS.with_changes(n_fft=801, win_length=399, hop_length=77),
    "hop of a whole window": SETTINGS.with_changes(hop_length=400),
    "mean and deviation": SETTINGS.with_changes(normalise="clip"),
    "zeros": SETTINGS.with_changes(padding="zeros"),
}
LENGTHS = (1, 700, 3999, 4000, 4001, 9123, 30_000)
PLACES = (0.0, 0.2, 0.5, 0.77, 1.0)


def noise(samples: int) -> np.ndarray:
    """Rising from 60 dB down, so that the floor of a part is not that of the whole; float32."""
    return (np.random.default_rng(samples).normal(0, 0.2, samples) * np.geomspace(1e-3, 1, samples)).astype(np.float32)


@pytest.fixture
def clips(clip_of: ClipOf) -> list[Clip]:
    return [clip_of(f"{samples}.wav", noise(samples), RATE) for samples in LENGTHS]


def whole_of(clip: Clip, settings: SpectrogramSettings) -> np.ndarray:
    return log_mel(np.pad(noise(clip.samples), added_zeros(clip.samples, settings)), settings)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("budget", [2**30, 0])
@pytest.mark.parametrize("is_long", [False, True])
def test_a_crop_is_a_part_of_the_whole_log_mel(
    name: str, budget: int, is_long: bool, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = VARIANTS[name]
    if is_long:  # each clip that is longer than a crop is then measured block by block
        monkeypatch.setattr(whole_clip_cache, "MAX_CACHED_S", 0.6)
        monkeypatch.setattr(whole_clip_cache, "BLOCK_S", 0.1)
    cache = WholeClipCache(clips, settings, budget)
    for _ in range(2):  # the second time, what is known of the clip is used
        for item, clip in enumerate(clips):
            whole = whole_of(clip, settings)
            starts = whole.shape[1] - settings.frames
            if starts < 0:
                continue
            for at, first in ((0.0, 0), (0.5, starts // 2), (1.0, starts)):
                crop = cache.random(item, at)
                np.testing.assert_allclose(crop, whole[:, first:][:, : settings.frames], rtol=0, atol=2e-3)
            np.testing.assert_allclose(cache.scale(item), clip_scale(whole, settings), rtol=1e-5, atol=2e-3)


@pytest.mark.parametrize(
    ("padding", "before", "filling"),
    [("minimum", 14, "minimum"), ("minimum-or-repeat", 14, "minimum"), ("repeat", 14, ""), ("zero-db-after", 0, "0")],
)
def test_a_short_clip_is_padded_in_the_spectrogram(
    padding: Padding, before: int, filling: str, clip_of: ClipOf
) -> None:
    settings = SETTINGS.with_changes(padding=padding)
    clip = clip_of("short.wav", noise(1200), RATE)
    whole = whole_of(clip, settings)
    assert whole.shape[1] == 13
    assert settings.frames == 41
    crop = WholeClipCache([clip], settings).middle(0)
    np.testing.assert_array_equal(crop[:, before : before + 13], whole)
    outside = np.delete(crop, np.arange(before, before + 13), axis=1)
    if filling:
        assert (outside == (whole.min() if filling == "minimum" else 0)).all()
    else:
        np.testing.assert_array_equal(crop, whole[:, (np.arange(41) - before) % 13])


def test_half_of_the_short_clips_are_repeated_by_chance(clip_of: ClipOf) -> None:
    clip = clip_of("short.wav", noise(1200), RATE)
    cache = WholeClipCache([clip], SETTINGS)
    crops = [cache.random(0, at) for at in np.random.default_rng(0).random(400)]
    filled = sum(bool((crop[:, 0] == crop.min()).all()) for crop in crops)
    assert 160 < filled < 240
    by_hand = {padding: WholeClipCache([clip], SETTINGS.with_changes(padding=padding)).middle(0).tobytes()
               for padding in ("minimum", "repeat")}  # fmt: skip
    assert {crop.tobytes() for crop in crops} == set(by_hand.values())


def test_all_whole_frames_are_equally_likely(clip_of: ClipOf) -> None:
    clip = clip_of("a.wav", noise(4500), RATE)
    whole = whole_of(clip, SETTINGS)
    cache = WholeClipCache([clip], SETTINGS)
    firsts = {whole[:, first:][:, :41].tobytes(): first for first in range(6)}
    counts = np.zeros(6)
    for at in np.random.default_rng(0).random(3000):
        counts[firsts[cache.random(0, at).tobytes()]] += 1
    assert (np.abs(counts - 500) < 100).all()


def test_crops_do_not_depend_on_memory(clips: list[Clip]) -> None:
    """To the last bit: a run that is resumed with less free memory ends with the same figures."""
    caches = [WholeClipCache(clips, SETTINGS, budget) for budget in (2**30, 100_000, 0)]
    for item in np.random.default_rng(0).integers(len(clips), size=40):
        at = float(np.random.default_rng(item).random())
        first, *others = [cache.random(int(item), at) for cache in caches]
        for other in others:
            np.testing.assert_array_equal(first, other)


def test_threads_get_the_same_crops(clips: list[Clip]) -> None:
    places = [(int(item), at) for at in PLACES for item in np.random.default_rng(0).permutation(len(clips))]
    one, many = (WholeClipCache(clips, SETTINGS, 100_000) for _ in range(2))
    wanted = [one.random(*place) for place in places]
    with ThreadPoolExecutor(4) as pool:
        for crop, other in zip(wanted, pool.map(lambda place: many.random(*place), places), strict=True):
            np.testing.assert_array_equal(crop, other)
    assert many._free_bytes >= 0


def test_a_clip_of_another_sample_rate_is_measured_at_the_wanted_one(
    clip_of: ClipOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = clip_of("16k.wav", noise(30_000), 16_000, wanted_rate=RATE)
    whole = WholeClipCache([clip], SETTINGS)
    wanted = [whole.random(0, at) for at in PLACES]
    monkeypatch.setattr(whole_clip_cache, "MAX_CACHED_S", 0.6)
    in_parts = WholeClipCache([clip], SETTINGS)
    for at, crop in zip(PLACES, wanted, strict=True):
        np.testing.assert_allclose(in_parts.random(0, at), crop, rtol=0, atol=2e-3)
    np.testing.assert_allclose(in_parts.scale(0), whole.scale(0), atol=1e-3)


def test_waveforms_are_changed_before_the_log_mel_of_the_whole_clip(clips: list[Clip]) -> None:
    cache = WholeClipCache(clips, SETTINGS)
    items, positions = np.array([5, 6]), np.array([0.3, 0.8])
    plain, scales = cache.batch(items, positions, (), np.random.default_rng(0))
    louder = Gain(min_db=6.0, max_db=6.0, p=1.0)
    changed, other_scales = cache.batch(items, positions, (louder,), np.random.default_rng(0))
    np.testing.assert_allclose(changed, plain + 6, atol=1e-3)
    np.testing.assert_allclose([scale.divisor for scale in other_scales], [s.divisor for s in scales], atol=1e-3)


def test_a_mixer_of_waveforms_is_refused() -> None:
    def recipe_with(mixer: MixUp) -> Recipe:
        return Recipe("r", "R", "", (Stage("curated", 1, 1e-3),), spectrogram=SETTINGS, augment=(mixer,))

    recipe_with(MixUp(alpha=0.4))
    with pytest.raises(AudiotagError, match=r"augment must not mix waveforms .*, got mixup; give it domain"):
        recipe_with(MixUp(alpha=0.4, domain="waveform"))


@pytest.mark.parametrize("training", [True, False])
def test_batches_have_the_scale_of_the_whole_clip(training: bool, clips: list[Clip]) -> None:
    recipe = Recipe("r", "R", "", (Stage("curated", 1, 1e-3),), spectrogram=SETTINGS, batch_size=4)
    labelled = LabelledClips(clips, np.eye(len(clips), dtype=np.float32))
    batch = Batches(labelled, recipe, recipe.stages[0], 3, training).input_batch(0, 0)
    assert batch.values.shape[1:] == (1, 24, 41)
    for inputs, item in zip(batch.values, batch.items, strict=True):
        whole = whole_of(clips[item], SETTINGS)
        low, reach = clip_scale(whole, SETTINGS)
        levels = np.floor((whole - low) / reach * 255 + 1e-3) / 255
        columns = {column.tobytes() for column in np.round(levels.T, 4)} | {np.zeros(24, np.float32).tobytes()}
        assert np.mean([np.round(column, 4).tobytes() in columns for column in inputs[0].T]) > 0.9
