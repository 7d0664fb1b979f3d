"""Plans of clips are balanced and as often wrong as they should be; waveforms depend on the plan alone."""

import numpy as np
import pytest

from audiotag.starter import clips
from audiotag.starter.voices import LABELS


def test_default_set_is_balanced_and_its_labels_are_wrong_as_often_as_stated() -> None:
    curated = [clips.sample_clip(2019, 0, i) for i in range(300)]
    noisy = [clips.sample_clip(2019, 1, i) for i in range(600)]
    test = [clips.sample_clip(2019, 2, i) for i in range(150)]
    for label in LABELS:
        assert sum(label in clip.true_labels for clip in curated) >= 10
        assert sum(label in clip.true_labels for clip in test) >= 5
    assert np.mean([clip.true_labels != clip.table_labels for clip in noisy]) == pytest.approx(0.4, abs=0.01)
    assert all(clip.true_labels == clip.table_labels for clip in curated + test)
    assert np.mean([clip.is_public for clip in test]) == pytest.approx(0.25, abs=0.03)
    assert 1.1 < np.mean([len(clip.true_labels) for clip in curated]) < 1.3
    assert max(len(clip.voices) for clip in curated + noisy + test) == 3


def test_clip_does_not_depend_on_what_was_rendered_before_it() -> None:
    in_order = [clips.render_clip(3, 1, i) for i in range(4)]
    for i in reversed(range(4)):
        clips._player.cache_clear()
        np.testing.assert_array_equal(clips.render_clip(3, 1, i), in_order[i])


def test_pauses_do_not_lower_the_active_level() -> None:
    stroke = np.sin(2 * np.pi * 1000 * np.arange(8820) / 44100)
    with_pause = np.concatenate([stroke, np.zeros(44100)])
    assert clips._active_rms(stroke) == pytest.approx(np.sqrt(0.5))
    assert clips._active_rms(with_pause) == pytest.approx(np.sqrt(0.5))


def test_noise_and_hum_have_unit_level_and_the_hum_is_at_the_mains_harmonics() -> None:
    rng = np.random.default_rng(0)
    assert np.sqrt(np.mean(clips._noise(rng, 44100) ** 2)) == pytest.approx(1.0)
    hum = clips._hum(rng, 44100)
    assert np.sqrt(np.mean(hum**2)) == pytest.approx(1.0)
    power = np.abs(np.fft.rfft(hum)) ** 2
    on_mains = max(power[50:401:50].sum(), power[60:481:60].sum())
    assert on_mains == pytest.approx(power.sum())
