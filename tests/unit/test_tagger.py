"""Tagging: windows cover the whole sound, scores are means over windows and folds, silence gets no tag."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from audiotag.errors import AudiotagError
from audiotag.sound.audio import Header, Sound, read_sound, wav_bytes
from audiotag.sound.settings import SpectrogramSettings
from audiotag.sound.spectrogram import log_mel
from audiotag.tagging import tagger as tagger_module
from audiotag.tagging.ensemble import load_networks
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger, window_starts

RATE = 44_100
WINDOW = RATE  # the tiny ensemble looks at 1 s


@pytest.fixture(scope="module")
def tagger(tiny_ensemble: Path) -> Tagger:
    return Tagger(tiny_ensemble)


def noise(duration_s: float, seed: int = 0) -> np.ndarray:
    """Noise whose colour changes, so that no two windows look alike; float32."""
    white = np.random.default_rng(seed).normal(size=round(duration_s * RATE))
    slow = np.sin(2 * np.pi * 300 * (1 + np.arange(len(white)) / len(white)) * np.arange(len(white)) / RATE)
    return (0.05 * white * (np.arange(len(white)) / len(white)) + 0.3 * slow).astype(np.float32)


def sound(waveform: np.ndarray, notes: tuple[str, ...] = ()) -> Sound:
    return Sound("made.wav", waveform, RATE, Header(len(waveform), RATE, 1, "WAV", "PCM_16"), notes)


def with_card(tiny_ensemble: Path, to: Path, **changes: object) -> Path:
    folder = shutil.copytree(tiny_ensemble, to)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))
    return folder


def by_hand(folder: Path, tagger: Tagger, windows: list[np.ndarray]) -> np.ndarray:
    """Scores one window and one network at a time, shape (folds, windows, labels)."""
    networks = load_networks(folder, tagger.card)
    scores = np.zeros((len(networks), len(windows), len(tagger.card.labels)))
    with torch.no_grad():
        for fold, network in enumerate(networks):
            for number, window in enumerate(windows):
                picture = torch.from_numpy(log_mel(window, tagger.card.spectrogram))
                scores[fold, number] = torch.sigmoid(network(picture[None, None]))[0].numpy()
    return scores


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


def test_clip_shorter_than_a_window_is_padded_to_one(tiny_ensemble: Path, tagger: Tagger) -> None:
    waveform = noise(0.4)
    tags = tagger.tag_sound(sound(waveform))
    spare = WINDOW - len(waveform)
    padded = np.pad(waveform, (round(spare / 2), spare - round(spare / 2)))
    assert tags.starts_s.tolist() == [0]
    np.testing.assert_allclose(tags.scores, by_hand(tiny_ensemble, tagger, [padded]).mean(axis=(0, 1)), atol=1e-5)


def test_scores_of_a_long_clip_are_the_mean_over_windows_and_folds(tiny_ensemble: Path, tagger: Tagger) -> None:
    waveform = noise(3.3)
    starts = [0, WINDOW // 2, WINDOW, 3 * WINDOW // 2, 2 * WINDOW, len(waveform) - WINDOW]
    expected = by_hand(tiny_ensemble, tagger, [waveform[start : start + WINDOW] for start in starts])
    tags = tagger.tag_sound(sound(waveform))
    np.testing.assert_allclose(tags.scores, expected.mean(axis=(0, 1)), atol=1e-5)
    np.testing.assert_allclose(tags.timeline, expected.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(tags.starts_s, np.array(starts) / RATE)
    assert tags.timeline.shape == (6, 3)
    assert np.ptp(tags.timeline, axis=0).min() > 1e-4  # windows that look alike would prove nothing


def test_a_card_may_ask_for_the_best_window_instead(tagger: Tagger, tiny_ensemble: Path, tmp_path: Path) -> None:
    waveform = noise(3.3)
    best = Tagger(with_card(tiny_ensemble, tmp_path / "max", windows="max")).tag_sound(sound(waveform))
    mean = tagger.tag_sound(sound(waveform))
    starts = window_starts(len(waveform), WINDOW, WINDOW // 2)
    expected = (
        by_hand(tiny_ensemble, tagger, [waveform[start : start + WINDOW] for start in starts]).max(axis=1).mean(axis=0)
    )
    np.testing.assert_allclose(best.scores, expected, atol=1e-5)
    assert (best.scores > mean.scores).all()


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_smaller_batches_give_the_same_scores(tagger: Tagger, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    waveform = noise(4.2)
    whole = tagger.tag_sound(sound(waveform))
    sizes = []
    engine = tagger.engine
    monkeypatch.setattr(tagger_module, "WINDOWS_AT_ONCE", at_once)
    monkeypatch.setattr(tagger, "engine", lambda pictures: sizes.append(len(pictures)) or engine(pictures))
    parts = tagger.tag_sound(sound(waveform))
    assert max(sizes) == at_once
    assert sum(sizes) == len(whole.starts_s)
    np.testing.assert_allclose(parts.timeline, whole.timeline, atol=1e-5)
    np.testing.assert_allclose(parts.scores, whole.scores, atol=1e-5)


def test_silence_gets_no_tags_but_a_note(tagger: Tagger) -> None:
    assert min(tagger.card.thresholds) == 0  # even so
    tags = tagger.tag(wav_bytes(np.zeros(3 * RATE, dtype=np.float32), RATE), "quiet.wav")
    assert tags.tags == ()
    assert (tags.scores == 0).all()
    assert {tag.folds_agreeing for tag in tags.ranking} == {0}
    assert any(note.startswith("quiet.wav is silent") for note in tags.notes)


def test_notes_of_the_sound_come_with_its_tags(tagger: Tagger) -> None:
    assert tagger.tag_sound(sound(noise(1), ("made.wav is odd.",))).notes == ("made.wav is odd.",)


def test_every_label_is_ranked_and_those_at_their_threshold_are_tags(tagger: Tagger) -> None:
    tags = tagger.tag_sound(sound(noise(2)))
    scores = [tag.score for tag in tags.ranking]
    assert scores == sorted(scores, reverse=True)
    assert {tag.label for tag in tags.ranking} == set(tagger.card.labels)
    for tag in tags.ranking:
        index = tagger.card.labels.index(tag.label)
        assert tag.score == pytest.approx(tags.scores[index])
        assert tag.threshold == tagger.card.thresholds[index]
    assert {tag.label for tag in tags.tags} == {"Bark", "Bell"}  # Hiss has the threshold 1


def test_agreement_counts_the_folds_that_pass_the_threshold(
    tagger: Tagger, tiny_ensemble: Path, tmp_path: Path
) -> None:
    waveform = noise(1)
    folds = by_hand(tiny_ensemble, tagger, [waveform])[:, 0]
    between = float(folds[:, 0].mean())  # above one fold's score of Bark, below the other's
    below, above = float(folds[:, 1].min()) - 0.001, float(folds[:, 2].max()) + 0.001
    folder = with_card(tiny_ensemble, tmp_path / "mine", thresholds=[between, below, above])
    tags = Tagger(folder).tag_sound(sound(waveform))
    agreeing = {tag.label: tag.folds_agreeing for tag in tags.ranking}
    assert agreeing == {"Bark": 1, "Bell": 2, "Hiss": 0}
    assert tags.folds == 2


def test_chosen_folds_alone_vote(tagger: Tagger, tiny_ensemble: Path) -> None:
    waveform = noise(1)
    expected = by_hand(tiny_ensemble, tagger, [waveform])[:, 0]
    for fold in (1, 2):
        tags = Tagger(tiny_ensemble, TagSettings(folds=(fold,))).tag_sound(sound(waveform))
        assert tags.folds == 1
        np.testing.assert_allclose(tags.scores, expected[fold - 1], atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


def test_fold_that_the_ensemble_lacks_is_an_error_that_names_those_it_has(tiny_ensemble: Path) -> None:
    with pytest.raises(AudiotagError, match="folds must be among 1, 2 in tiny, got 9"):
        Tagger(tiny_ensemble, TagSettings(folds=(1, 9)))


def test_silence_around_a_sound_is_trimmed_and_times_still_count_from_its_start(
    tiny_ensemble: Path, tmp_path: Path
) -> None:
    card = json.loads((tiny_ensemble / "card.json").read_text())
    folder = with_card(tiny_ensemble, tmp_path / "mine", spectrogram=card["spectrogram"] | {"trim_db": 40.0})
    waveform = np.concatenate([np.zeros(2 * RATE, np.float32), noise(3), np.zeros(2 * RATE, np.float32)])
    tags = Tagger(folder).tag_sound(sound(waveform))
    assert tags.starts_s[0] == pytest.approx(2, abs=0.1)
    assert tags.starts_s[-1] + 1 == pytest.approx(5, abs=0.1)


def test_file_and_its_bytes_get_the_same_tags(tagger: Tagger, tmp_path: Path) -> None:
    content = wav_bytes(noise(1.5), RATE)
    (tmp_path / "a.wav").write_bytes(content)
    from_file, from_bytes = tagger.tag(tmp_path / "a.wav"), tagger.tag(content, "a.wav")
    assert from_file.name == from_bytes.name == "a.wav"
    assert from_file.ranking == from_bytes.ranking


def test_sound_at_another_rate_is_brought_to_the_ensembles(tagger: Tagger) -> None:
    content = wav_bytes(noise(2)[::2], RATE // 2)
    tags = tagger.tag(content, "half.wav")
    assert len(read_sound(content, RATE).waveform) == 2 * RATE
    assert len(tags.starts_s) == 3


def test_file_that_is_no_sound_is_an_error_that_names_it(tagger: Tagger) -> None:
    with pytest.raises(AudiotagError, match=r"notes\.wav"):
        tagger.tag(b"only text", "notes.wav")
