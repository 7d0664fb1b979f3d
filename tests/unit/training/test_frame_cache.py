"""Cached frames give the same log-mels as computing each crop, whatever the memory."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag.features.log_mel import log_mel
from audiotag.features.settings import PRESETS, Padding, SpectrogramSettings
from audiotag.features.trimming import crop_start, fit_length
from audiotag.training import frame_cache
from audiotag.training.clips import Clip
from audiotag.training.frame_cache import FrameCache, random_start

ClipOf = Callable[..., Clip]

RATE = 8000
EDGES = {  # how many frames of a crop see its mirrored ends
    "several": SpectrogramSettings(
        sample_rate=RATE, clip_s=0.5, n_fft=512, win_length=400, hop_length=100, n_mels=24, f_max=4000.0
    )
}
EDGES |= {
    "two": EDGES["several"].with_changes(hop_length=250),
    "one": EDGES["several"].with_changes(hop_length=270),
    "odd n_fft and window": EDGES["several"].with_changes(n_fft=801, win_length=399, hop_length=77),
    "no zeros around the window": EDGES["several"].with_changes(n_fft=256, win_length=256, hop_length=128),
    "hop of a whole window": EDGES["several"].with_changes(hop_length=400),
    "amplitude": EDGES["several"].with_changes(power=1.0, hop_length=150, top_db=200.0),
}
PADDINGS: list[Padding] = ["zeros", "zeros-after", "repeat"]
EXACT = 4000  # samples of a crop
LENGTHS = (1, 700, EXACT - 1, EXACT, EXACT + 1, EXACT + 100, 9123)
PLACES = (0.0, 0.2, 0.5, 0.77, np.nextafter(1, 0), 1.0)
PLENTY = 2**30


def noise(samples: int, seed: int = 0) -> np.ndarray:
    """Rising from 80 dB down, so that crops have floors of their own; float32."""
    return (np.random.default_rng(seed).normal(0, 0.2, samples) * np.geomspace(1e-4, 1, samples)).astype(np.float32)


def cut(sound: np.ndarray, settings: SpectrogramSettings, start: int) -> np.ndarray:
    """The crop by indexing alone."""
    places = start + np.arange(settings.clip_samples)
    if settings.padding == "repeat" and len(sound) < settings.clip_samples:
        return sound[places % len(sound)]
    return np.where((places >= 0) & (places < len(sound)), sound[places.clip(0, len(sound) - 1)], np.float32(0))


@pytest.fixture
def clips(clip_of: ClipOf) -> list[Clip]:
    return [clip_of(f"{samples}.wav", noise(samples, samples), RATE) for samples in LENGTHS]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("budget", [PLENTY, 0])
def test_crop_is_the_log_mel_of_its_waveform(name: str, padding: Padding, budget: int, clips: list[Clip]) -> None:
    settings = EDGES[name].with_changes(padding=padding)
    cache = FrameCache(clips, settings, whole_frames=True, budget_bytes=budget)
    for item, clip in enumerate(clips):
        sound = noise(clip.samples, clip.samples)
        for at in PLACES:
            wanted = log_mel(cut(sound, settings, random_start(clip, settings, at, True)), settings)
            crop = cache.random(item, at)
            assert (crop.shape, crop.dtype) == ((settings.n_mels, settings.frames), np.float32)
            np.testing.assert_allclose(crop, wanted, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("name", "edges"), [("several", 4), ("two", 2), ("one", 1)])
def test_settings_above_have_as_many_edge_frames_as_their_names_say(name: str, edges: int) -> None:
    settings = EDGES[name]
    first = np.arange(settings.frames) * settings.hop_length - settings.win_length // 2
    assert np.count_nonzero((first < 0) | (first + settings.win_length > settings.clip_samples)) == edges


@pytest.mark.parametrize("name", EDGES)
def test_crops_do_not_depend_on_memory(name: str, clips: list[Clip]) -> None:
    """To the last bit: a run that is resumed with less free memory ends with the same figures."""
    caches = [FrameCache(clips, EDGES[name], True, budget) for budget in (PLENTY, 200_000, 0)]
    for item in np.random.default_rng(0).integers(len(clips), size=30):
        at = float(np.random.default_rng(item).random())
        first, *others = [cache.random(int(item), at) for cache in caches]
        for other in others:
            np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize("preset", PRESETS)
def test_crops_of_published_presets_are_exact(preset: str, clip_of: ClipOf) -> None:
    settings = PRESETS[preset]
    clips = [clip_of(f"{s}.wav", noise(s, s), settings.sample_rate) for s in (30_000, 300_000)]
    cached, anew = (FrameCache(clips, settings, True, budget) for budget in (PLENTY, 0))
    for item in (0, 1):
        for at in (0.0, 0.4, 1.0):
            np.testing.assert_allclose(cached.random(item, at), anew.random(item, at), rtol=0, atol=1e-3)


def test_trimmed_samples_are_never_used(clip_of: ClipOf) -> None:
    settings = EDGES["several"]
    for samples in (EXACT // 2, 2 * EXACT):
        sound = noise(samples, 3)
        loud = np.concatenate([np.ones(500, np.float32), sound])
        trimmed, whole = clip_of("t.wav", loud, RATE, start=500), clip_of("w.wav", sound, RATE)
        assert trimmed.samples == whole.samples == samples
        for at in PLACES:
            crops = [FrameCache([clip], settings, True, PLENTY).random(0, at) for clip in (trimmed, whole)]
            np.testing.assert_array_equal(*crops)


def test_clip_of_another_sample_rate_is_cached_at_the_wanted_one(clip_of: ClipOf) -> None:
    settings = EDGES["several"]
    clip = clip_of("16k.wav", noise(18_000), 16_000, wanted_rate=RATE)
    cached, anew = (FrameCache([clip], settings, True, budget) for budget in (PLENTY, 0))
    for at in PLACES:
        wanted = log_mel(clip.crop(settings, random_start(clip, settings, at, True)), settings)
        np.testing.assert_allclose(cached.random(0, at), wanted, rtol=0, atol=1e-3)
        np.testing.assert_array_equal(cached.random(0, at), anew.random(0, at))


def test_file_that_became_shorter_has_zeros_at_its_end_cached_or_not(clip_of: ClipOf) -> None:
    settings, clip = EDGES["several"], clip_of("a.wav", noise(9123), RATE)
    soundfile.write(clip.path, noise(9123)[: EXACT + 300], RATE, subtype="FLOAT")
    cached, anew = (FrameCache([clip], settings, True, budget) for budget in (PLENTY, 0))
    for at in (0.0, 0.1, 0.6):
        np.testing.assert_array_equal(cached.random(0, at), anew.random(0, at))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("name", EDGES)
def test_middle_is_what_the_tagger_sees(name: str, padding: Padding, clips: list[Clip]) -> None:
    settings = EDGES[name].with_changes(padding=padding)
    for whole_frames in (True, False):
        cache = FrameCache(clips, settings, whole_frames)
        for item, clip in enumerate(clips):
            wanted = log_mel(fit_length(noise(clip.samples, clip.samples), settings), settings)
            for _ in range(2):
                np.testing.assert_array_equal(cache.middle(item), wanted)


@pytest.mark.parametrize("padding", PADDINGS)
def test_crops_start_on_every_whole_frame_and_nowhere_else(padding: Padding) -> None:
    settings = EDGES["several"].with_changes(padding=padding)
    evenly = (np.arange(20_000) + 0.5) / 20_000
    for samples in (EXACT + 99, EXACT + 100, 9123, EXACT - 99, EXACT - 350, 1):
        clip = Clip("a", Path("a"), 0, samples, True)
        starts = Counter(random_start(clip, settings, at, True) for at in evenly)
        spare = samples - EXACT
        if spare >= 0:
            wanted = set(range(0, spare + 1, settings.hop_length))
        else:
            wanted = set(range(0, spare - 1, -settings.hop_length)) if padding == "zeros" else {0}
        assert set(starts) == wanted
        assert max(starts.values()) - min(starts.values()) <= 1  # all alike in chance
    assert random_start(Clip("a", Path("a"), 0, 9123, True), settings, 1.0, True) == 5100


@pytest.mark.parametrize("padding", PADDINGS)
def test_crops_at_any_sample_start_where_the_front_end_says(padding: Padding, clips: list[Clip]) -> None:
    settings = EDGES["several"].with_changes(padding=padding)
    cache = FrameCache(clips, settings, whole_frames=False, budget_bytes=PLENTY)
    starts = set()
    for item, clip in enumerate(clips):
        for at in PLACES:
            starts.add(start := random_start(clip, settings, at, False))
            assert start == crop_start(clip.samples, settings, at)
            wanted = log_mel(fit_length(noise(clip.samples, clip.samples), settings, at), settings)
            np.testing.assert_array_equal(cache.random(item, at), wanted)
    assert any(start % settings.hop_length for start in starts)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each clip has been read."""
    counts: Counter[str] = Counter()
    read = Clip.read

    def counted(clip: Clip, *arguments: Any) -> np.ndarray:
        counts[clip.name] += 1
        return read(clip, *arguments)

    monkeypatch.setattr(Clip, "read", counted)
    return counts


def cached_bytes(cache: FrameCache) -> int:
    return sum(entry.nbytes for entry in [*cache._frames.values(), *cache._middle_crops.values()])


def test_clips_that_are_too_long_are_not_cached_and_leave_the_cache_to_the_others(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_cache, "MAX_CACHED_S", EXACT / RATE)
    cache, anew = (FrameCache(clips, EDGES["several"], True, budget) for budget in (PLENTY, 0))
    for item in reversed(range(len(clips))):
        np.testing.assert_allclose(cache.random(item, 0.3), anew.random(item, 0.3), atol=1e-4)
    assert {clips[item].samples for item in cache._frames} == {samples for samples in LENGTHS if samples <= EXACT}


def test_cached_clips_are_read_once(clips: list[Clip], reads: Counter[str]) -> None:
    cache = FrameCache(clips, EDGES["several"], True, PLENTY)
    for _ in range(3):
        for item in range(len(clips)):
            cache.random(item, 0.3)
    assert set(reads.values()) == {1}
    for _ in range(3):
        for item in range(len(clips)):
            cache.middle(item)
    assert set(reads.values()) == {2}


def test_nothing_beyond_the_budget_is_cached_and_what_is_cached_stays(clip_of: ClipOf, reads: Counter[str]) -> None:
    settings = EDGES["several"]
    clips = [clip_of(f"{number}.wav", noise(9123, number), RATE) for number in range(5)]
    alone = FrameCache(clips, settings, True, PLENTY)
    alone.random(0, 0.5)
    budget = int(2.5 * cached_bytes(alone))
    cache = FrameCache(clips, settings, True, budget)
    reads.clear()
    for _ in range(4):
        for item in range(len(clips)):
            cache.random(item, 0.5)
            cache.middle(item)
            assert cached_bytes(cache) <= budget
    assert reads["0.wav"] < 4  # its frames, and perhaps its middle
    assert reads["4.wav"] >= 8


@pytest.mark.parametrize("whole_frames", [True, False])
def test_without_memory_nothing_is_cached_and_no_clip_is_computed_whole(
    whole_frames: bool, clip_of: ClipOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = clip_of("a.wav", noise(90_000), RATE)
    asked: list[int] = []
    read = Clip.read

    def noted(clip: Clip, first: int, last: int, settings: SpectrogramSettings) -> np.ndarray:
        asked.append(last - first)
        return read(clip, first, last, settings)

    monkeypatch.setattr(Clip, "read", noted)
    cache = FrameCache([clip], EDGES["several"], whole_frames, budget_bytes=0)
    for at in PLACES:
        cache.random(0, at)
        cache.middle(0)
    assert asked == [EXACT] * 2 * len(PLACES)
    assert cached_bytes(cache) == 0


def test_crop_that_a_caller_changes_does_not_change_the_cache(clips: list[Clip]) -> None:
    cache = FrameCache(clips, EDGES["several"], True, PLENTY)
    before = cache.random(6, 0.4).copy()
    cache.random(6, 0.4)[:] = 0
    np.testing.assert_array_equal(cache.random(6, 0.4), before)


def test_threads_that_ask_at_once_get_the_same_crops(clips: list[Clip]) -> None:
    settings = EDGES["several"]
    asked = [(int(item), float(at)) for item, at in np.random.default_rng(1).random((200, 2)) * (len(clips), 1)]
    alone = FrameCache(clips, settings, True, PLENTY)
    wanted = [alone.random(*each) for each in asked]
    for budget in (PLENTY, 100_000):
        shared = FrameCache(clips, settings, True, budget)
        with ThreadPoolExecutor(8) as pool:
            for crop, same in zip(pool.map(shared.random, *zip(*asked, strict=True)), wanted, strict=True):
                np.testing.assert_array_equal(crop, same)


def test_settings_of_another_stage_do_not_reach_the_cache(clips: list[Clip]) -> None:
    """Normalising and resizing come later: the cache holds dB."""
    settings = EDGES["several"]
    finished = settings.with_changes(normalise="clip", resize=64, deltas=1)
    plain, other = (FrameCache(clips, each, True, PLENTY) for each in (settings, finished))
    np.testing.assert_array_equal(plain.random(6, 0.3), other.random(6, 0.3))


def test_a_sample_of_the_clips_gets_its_share_of_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    free_bytes = 200 << 30
    monkeypatch.setattr(frame_cache.psutil, "virtual_memory", lambda: SimpleNamespace(available=free_bytes))
    assert frame_cache.cache_budget() == frame_cache.MAX_CACHE_BYTES
    with frame_cache.caches_of_sample(0.25):
        assert frame_cache.cache_budget() == frame_cache.MAX_CACHE_BYTES // 4
    free_bytes = 1 << 30
    assert frame_cache.cache_budget() == int(frame_cache.MEMORY_SHARE * free_bytes)
