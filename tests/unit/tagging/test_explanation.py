"""An explanation marks what the networks use, and its scores come from tagging the sounds that are heard."""

from pathlib import Path

import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.features.mel import mel_frequencies
from audiotag.tagging.engines import Outputs
from audiotag.tagging.explanation import best_part, explain_section, explain_sound, hear_parts
from audiotag.tagging.section import Section, read_section, section_start
from audiotag.tagging.section_scores import SectionScorer
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger

from .conftest import RATE, noise, sound

CHIRP_HZ, CHIRP_S = 4000, (0.55, 0.7)
HUM = (0.5 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)).astype(np.float32)


@pytest.fixture
def band_tagger(tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch) -> Tagger:
    """A tagger whose networks read one band: Bark is the power around 4 kHz, Bell is always the same."""
    tagger = Tagger(tiny_ensemble)
    near = np.abs(mel_frequencies(tagger.card.spectrogram) - CHIRP_HZ) < 600

    def engine(inputs: np.ndarray) -> Outputs:
        level_db = 10 * np.log10((10 ** (inputs[:, 0, near] / 10)).mean(axis=(1, 2)))
        bark = 1 / (1 + np.exp(-(level_db - 10) / 2))
        scores = np.stack([bark, np.full(len(inputs), 0.5), 0 * bark], axis=1)
        return Outputs(np.stack([scores, scores]).astype(np.float32), np.zeros((2, len(inputs), 0), np.float32))

    monkeypatch.setattr(tagger.networks, "run", engine)
    return tagger


@pytest.fixture
def mix() -> np.ndarray:
    """A loud hum all the time, and a short chirp at 4 kHz."""
    times = np.arange(RATE) / RATE
    chirp = np.where((times >= CHIRP_S[0]) & (times < CHIRP_S[1]), np.sin(2 * np.pi * (3900 + 100 * times) * times), 0)
    return (HUM + 0.1 * chirp).astype(np.float32)


def test_the_map_lies_on_the_chirp_that_the_networks_use(band_tagger: Tagger, mix: np.ndarray) -> None:
    needed = explain_section(band_tagger, Section("mix", mix, RATE)).map_of("Bark")
    band, frame = np.unravel_index(np.argmax(needed.values), needed.values.shape)
    assert needed.frequencies_hz[band] == pytest.approx(CHIRP_HZ, rel=0.35)
    assert CHIRP_S[0] - 0.08 < needed.times_s[frame] < CHIRP_S[1] + 0.08
    away = (np.abs(needed.times_s - np.mean(CHIRP_S)) > 0.3)[None] | (needed.frequencies_hz < 1500)[:, None]
    assert needed.values[away].max() < 0.02 * needed.values.max()


def test_the_part_keeps_the_chirp_and_its_score_and_the_rest_has_lost_both(
    band_tagger: Tagger, mix: np.ndarray
) -> None:
    explanation = explain_section(band_tagger, Section("mix", mix, RATE))
    part = best_part(hear_parts(band_tagger, explanation, "Bark"))
    assert part.only_score > 0.9 * explanation.score("Bark") > 0.5
    assert part.without_score < 0.1
    spectrum = np.abs(np.fft.rfft(part.only))
    assert np.argmax(spectrum) == pytest.approx(CHIRP_HZ, abs=100)


def test_a_label_that_nothing_changes_has_no_map(band_tagger: Tagger, mix: np.ndarray) -> None:
    assert not explain_section(band_tagger, Section("mix", mix, RATE)).map_of("Bell").values.any()


def test_only_and_without_add_up_to_the_section(tagger: Tagger) -> None:
    waveform = noise(1.0)
    explanation = explain_section(tagger, Section("noise", waveform, RATE))
    for part in hear_parts(tagger, explanation, "Bell"):
        assert np.abs(part.only + part.without - waveform).max() < 1e-6
        assert 0 < part.mask.values.mean() <= 1.2 * part.share


@pytest.mark.parametrize("duration_s", [0.4, 1.0])
@pytest.mark.parametrize("combine", ["mean", "geometric"])
def test_scores_are_those_of_tagging_the_sounds(tiny_ensemble: Path, duration_s: float, combine: str) -> None:
    tagger = Tagger(tiny_ensemble, TagSettings(combine=combine))  # type: ignore[arg-type]
    waveform = noise(duration_s)
    explanation = explain_section(tagger, Section("noise", waveform, RATE))
    assert explanation.scores == pytest.approx(tagger.tag_sound(sound(waveform)).scores, abs=1e-6)
    for part in hear_parts(tagger, explanation, "Bark", shares=(0.1, 0.5)):
        assert part.only_score == pytest.approx(tagger.tag_sound(sound(part.only)).scores[0], abs=1e-6)
        assert part.without_score == pytest.approx(tagger.tag_sound(sound(part.without)).scores[0], abs=1e-6)


def test_a_silent_waveform_scores_nothing(tagger: Tagger) -> None:
    scorer = SectionScorer(tagger, Section("noise", noise(1.0), RATE))
    silent, heard = scorer.waveforms([np.zeros(RATE, np.float32), noise(1.0)])
    assert not silent.any()
    assert heard.any()


def test_the_section_of_a_long_sound_is_the_window_in_which_the_label_scores_highest(
    band_tagger: Tagger, mix: np.ndarray
) -> None:
    waveform = np.concatenate([HUM, HUM, mix, HUM])
    tags = band_tagger.tag(waveform, sample_rate=RATE)
    start_s = section_start(band_tagger, tags, "Bark")
    assert start_s <= 2 + CHIRP_S[0]
    assert start_s + 1 >= 2 + CHIRP_S[1]


def test_a_section_is_cut_at_its_time_and_stays_within_the_sound(tagger: Tagger, tmp_path: Path) -> None:
    import soundfile

    path, waveform = tmp_path / "long.wav", noise(3.0)
    soundfile.write(path, waveform, RATE, subtype="FLOAT")
    section = read_section(tagger, path, 1.25)
    assert np.array_equal(section.waveform, waveform[round(1.25 * RATE) :][:RATE])
    assert read_section(tagger, path, 2.9).start_s == pytest.approx(2.0)


def test_an_unknown_label_is_an_error_that_names_it(tagger: Tagger) -> None:
    explanation = explain_section(tagger, Section("noise", noise(1.0), RATE))
    with pytest.raises(AudiotagError, match="label must be a label of the ensemble, got 'Meow'"):
        explanation.map_of("Meow")


def test_a_sound_is_explained_at_a_time_and_for_a_label(band_tagger: Tagger, mix: np.ndarray) -> None:
    waveform = np.concatenate([mix, HUM, mix])
    found = explain_sound(band_tagger, waveform, "Bark", at_s=2.5, share=0.1, sample_rate=RATE)
    assert (found.label, found.section.start_s, found.part.share) == ("Bark", 2.0, 0.1)
    assert found.score > 0.5 > found.part.without_score
    assert explain_sound(band_tagger, HUM, sample_rate=RATE).label == "Bell"
    with pytest.raises(AudiotagError, match=r"the time to explain must be in the sound, which has 1\.00 s, got 9 s"):
        explain_sound(band_tagger, HUM, at_s=9, sample_rate=RATE)


def test_a_silent_section_scores_what_tagging_gives_it_and_has_no_map(tagger: Tagger) -> None:
    silent = np.zeros(RATE, np.float32)
    explanation = explain_section(tagger, Section("silent", silent, RATE))
    assert explanation.scores.tolist() == tagger.tag_sound(sound(silent)).timeline[0].tolist() == [0, 0, 0]
    assert not explanation.map_of("Bark").values.any()
    part = best_part(hear_parts(tagger, explanation, "Bark"))
    assert (part.only_score, part.without_score) == (0, 0)


def test_silence_is_explained_only_for_a_label_that_is_named(tagger: Tagger) -> None:
    silent = np.zeros(RATE, np.float32)
    with pytest.raises(AudiotagError, match="is silent: no sample is above −90 dBFS"):
        explain_sound(tagger, silent, sample_rate=RATE)
    assert explain_sound(tagger, silent, "Bell", sample_rate=RATE).score == 0
