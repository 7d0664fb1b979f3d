"""Scores are means over windows and folds, silence gets no tag, and a clip can be a path, bytes or a waveform."""

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.torch import load, save

from audiotag.audio.header import Header, Sound
from audiotag.audio.reading import read_sound, wav_bytes
from audiotag.errors import AudiotagError
from audiotag.tagging import clip_inputs, fold_networks
from audiotag.tagging.clip_inputs import window_starts
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.trust.temperature import Calibration, fit_temperature, scale
from audiotag.workspace import Workspace

from .conftest import RATE, WINDOW, noise, sound, window_scores, with_card


def test_clip_shorter_than_a_window_is_padded_to_one(tiny_ensemble: Path, tagger: Tagger) -> None:
    waveform = noise(0.4)
    tags = tagger.tag_sound(sound(waveform))
    spare = WINDOW - len(waveform)
    padded = np.pad(waveform, (round(spare / 2), spare - round(spare / 2)))
    assert tags.starts_s.tolist() == [0]
    np.testing.assert_allclose(tags.scores, window_scores(tiny_ensemble, tagger, [padded]).mean(axis=(0, 1)), atol=1e-5)


def test_scores_of_a_long_clip_are_the_mean_over_windows_and_folds(tiny_ensemble: Path, tagger: Tagger) -> None:
    waveform = noise(3.3)
    starts = [0, WINDOW // 2, WINDOW, 3 * WINDOW // 2, 2 * WINDOW, len(waveform) - WINDOW]
    expected = window_scores(tiny_ensemble, tagger, [waveform[start : start + WINDOW] for start in starts])
    tags = tagger.tag_sound(sound(waveform))
    np.testing.assert_allclose(tags.scores, expected.mean(axis=(0, 1)), atol=1e-5)
    np.testing.assert_allclose(tags.timeline, expected.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(tags.starts_s, np.array(starts) / RATE)
    assert tags.timeline.shape == (6, 3)
    assert np.ptp(tags.timeline, axis=0).min() > 1e-4  # windows that look alike would prove nothing


def test_card_may_ask_for_the_highest_window(tagger: Tagger, tiny_ensemble: Path, tmp_path: Path) -> None:
    waveform = noise(3.3)
    best = Tagger(with_card(tiny_ensemble, tmp_path / "max", windows="max")).tag_sound(sound(waveform))
    mean = tagger.tag_sound(sound(waveform))
    starts = window_starts(len(waveform), WINDOW, WINDOW // 2)
    expected = (
        window_scores(tiny_ensemble, tagger, [waveform[start : start + WINDOW] for start in starts])
        .max(axis=1)
        .mean(axis=0)
    )
    np.testing.assert_allclose(best.scores, expected, atol=1e-5)
    assert (best.scores > mean.scores).all()


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_smaller_batches_give_the_same_scores(tagger: Tagger, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    waveform = noise(4.2)
    whole = tagger.tag_sound(sound(waveform))
    sizes = []
    run = tagger.networks.run
    monkeypatch.setattr(fold_networks, "WINDOWS_AT_ONCE", at_once)
    monkeypatch.setattr(tagger.networks, "run", lambda inputs: sizes.append(len(inputs)) or run(inputs))
    parts = tagger.tag_sound(sound(waveform))
    assert max(sizes) == at_once
    assert sum(sizes) == len(whole.starts_s)
    np.testing.assert_allclose(parts.timeline, whole.timeline, atol=1e-5)
    np.testing.assert_allclose(parts.scores, whole.scores, atol=1e-5)


def test_silence_gets_a_note_and_no_tags(tagger: Tagger) -> None:
    assert min(tagger.card.thresholds) == 0  # even so
    tags = tagger.tag(wav_bytes(np.zeros(3 * RATE, dtype=np.float32), RATE), "quiet.wav")
    assert tags.tags == ()
    assert (tags.scores == 0).all()
    assert {tag.folds_agreeing for tag in tags.ranking} == {0}
    assert any(note.startswith("quiet.wav is silent") for note in tags.notes)


def test_tags_include_the_notes_of_the_sound(tagger: Tagger) -> None:
    assert tagger.tag_sound(sound(noise(1), ("made.wav is odd.",))).notes == ("made.wav is odd.",)


def test_every_label_is_ranked_and_labels_at_their_threshold_are_tags(tagger: Tagger) -> None:
    tags = tagger.tag_sound(sound(noise(2)))
    scores = [tag.score for tag in tags.ranking]
    assert scores == sorted(scores, reverse=True)
    assert {tag.label for tag in tags.ranking} == set(tagger.card.labels)
    for tag in tags.ranking:
        index = tagger.card.labels.index(tag.label)
        assert tag.score == pytest.approx(tags.scores[index])
        assert tag.threshold == tagger.card.thresholds[index]
    assert {tag.label for tag in tags.tags} == {"Bark", "Bell"}  # Hiss has the threshold 1


def test_agreement_counts_the_folds_that_reach_the_threshold(
    tagger: Tagger, tiny_ensemble: Path, tmp_path: Path
) -> None:
    waveform = noise(1)
    folds = window_scores(tiny_ensemble, tagger, [waveform])[:, 0]
    between = float(folds[:, 0].mean())  # above one fold's score of Bark, below the other's
    below, above = float(folds[:, 1].min()) - 0.001, float(folds[:, 2].max()) + 0.001
    folder = with_card(tiny_ensemble, tmp_path / "mine", thresholds=[between, below, above])
    tags = Tagger(folder).tag_sound(sound(waveform))
    agreeing = {tag.label: tag.folds_agreeing for tag in tags.ranking}
    assert agreeing == {"Bark": 1, "Bell": 2, "Hiss": 0}
    assert tags.folds == 2


def test_only_the_chosen_folds_count(tagger: Tagger, tiny_ensemble: Path) -> None:
    waveform = noise(1)
    expected = window_scores(tiny_ensemble, tagger, [waveform])[:, 0]
    for fold in (1, 2):
        tags = Tagger(tiny_ensemble, TagSettings(folds=(fold,))).tag_sound(sound(waveform))
        assert tags.folds == 1
        np.testing.assert_allclose(tags.scores, expected[fold - 1], atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


def test_unknown_fold_is_an_error_that_names_the_known_ones(tiny_ensemble: Path) -> None:
    with pytest.raises(AudiotagError, match="folds must be among 1, 2 in tiny, got 9"):
        Tagger(tiny_ensemble, TagSettings(folds=(1, 9)))


def test_whatever_a_decoder_raises_names_the_sound(
    tagger: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **named: object) -> None:
        raise IndexError("index 3 is out of bounds")

    monkeypatch.setattr(clip_inputs, "read_short_sound", fails)
    with pytest.raises(AudiotagError, match=r"^odd\.wav cannot be used: it is damaged"):
        tagger.tag(tmp_path / "odd.wav")
    with pytest.raises(AudiotagError, match=r"^deep/odd\.wav cannot be used: it is damaged"):
        tagger.tag(tmp_path / "odd.wav", "deep/odd.wav")


def test_file_and_its_bytes_get_the_same_tags(tagger: Tagger, tmp_path: Path) -> None:
    content = wav_bytes(noise(1.5), RATE)
    (tmp_path / "a.wav").write_bytes(content)
    from_file, from_bytes = tagger.tag(tmp_path / "a.wav"), tagger.tag(content, "a.wav")
    assert from_file.name == from_bytes.name == "a.wav"
    assert from_file.ranking == from_bytes.ranking


def test_sound_at_another_rate_is_resampled_to_the_ensembles(tagger: Tagger) -> None:
    content = wav_bytes(noise(2)[::2], RATE // 2)
    tags = tagger.tag(content, "half.wav")
    assert len(read_sound(content, RATE).waveform) == 2 * RATE
    assert len(tags.starts_s) == 3


def test_file_that_is_not_a_sound_is_an_error_that_names_it(tagger: Tagger) -> None:
    with pytest.raises(AudiotagError, match=r"notes\.wav"):
        tagger.tag(b"only text", "notes.wav")


def test_augmented_scores_count_three_quarters_and_other_settings_need_no_networks(
    tiny_ensemble: Path, tagger: Tagger
) -> None:
    augmenting = Tagger(tiny_ensemble, TagSettings(tta=True))
    evidence = augmenting.evidence_of(sound(noise(3.3)))
    assert evidence.augmented is not None
    expected = 0.25 * evidence.scores.mean(axis=1) + 0.75 * evidence.augmented.mean(axis=(0, 2))
    np.testing.assert_allclose(augmenting.tags_of(evidence).scores, expected.mean(axis=0), rtol=1e-5)
    plain = augmenting.tags_of(evidence, TagSettings())
    np.testing.assert_allclose(plain.scores, tagger.tag_sound(sound(noise(3.3))).scores, atol=1e-6)
    best = augmenting.tags_of(evidence, TagSettings(windows="max"))
    np.testing.assert_allclose(best.scores, evidence.scores.max(axis=1).mean(axis=0), rtol=1e-6)


def test_evidence_without_augmentation_cannot_be_combined_with_it(tagger: Tagger) -> None:
    with pytest.raises(AudiotagError, match=r"made\.wav was scored without test-time augmentation"):
        tagger.tags_of(tagger.evidence_of(sound(noise(1))), TagSettings(tta=True))


def test_weights_that_are_not_numbers_are_an_error(tiny_ensemble: Path, tmp_path: Path) -> None:
    card = json.loads((tiny_ensemble / "card.json").read_text())
    folder = shutil.copytree(tiny_ensemble, tmp_path / "mine")
    weights = load((folder / "fold-1.safetensors").read_bytes())
    weights["0.0.weight"][0] = float("nan")
    content = save(weights)
    (folder / "fold-1.safetensors").write_bytes(content)
    card["folds"][0]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(AudiotagError, match="holds weights that are not finite numbers"):
        Tagger(folder).tag_sound(sound(noise(1)))


@pytest.mark.parametrize("folds", [(), (2,), (2, 1), (1, 1)])
def test_silence_and_sound_are_scored_by_the_same_folds(tiny_ensemble: Path, folds: tuple[int, ...]) -> None:
    tagger = Tagger(tiny_ensemble, TagSettings(folds=folds))
    audible = tagger.evidence_of(sound(noise(2)))
    silent = tagger.evidence_of(sound(np.zeros(2 * RATE, np.float32)))
    assert silent.scores.shape == audible.scores.shape
    assert len(audible.scores) == (len(set(folds)) or 2)


@pytest.mark.parametrize("thresholds", [(0.5, 0.5, 1.5), (50.0, 0.5, 0.5), (0.5, float("nan"), 0.5), (-0.1, 0.5, 0.5)])
def test_thresholds_outside_0_to_1_are_refused(tiny_ensemble: Path, thresholds: tuple[float, ...]) -> None:
    with pytest.raises(AudiotagError, match="a threshold must be 0 to 1"):
        Tagger(tiny_ensemble, thresholds=thresholds)


def test_other_thresholds_and_settings_make_other_tags_of_the_same_evidence(tagger: Tagger) -> None:
    evidence = tagger.evidence_of(sound(noise(1.5)))
    tags = tagger.tags_of(evidence, TagSettings(windows="max"), thresholds=(1.0, 0.0, 0.0))
    assert {tag.label for tag in tags.tags} == {"Bell", "Hiss"}
    np.testing.assert_array_equal(tags.scores, evidence.scores.max(axis=1).mean(axis=0))
    with pytest.raises(AudiotagError, match=r"thresholds must be one per label \(3 in tiny\), got 2"):
        tagger.tags_of(evidence, thresholds=(0.5, 0.5))


# Ensembles by name, and sounds as paths, bytes and waveforms


def test_ensemble_is_found_by_its_name_or_its_folder(tiny_ensemble: Path) -> None:
    shutil.copytree(tiny_ensemble, Workspace().ensembles / "mine")
    by_name, by_folder, by_text = Tagger("mine"), Tagger(tiny_ensemble), Tagger(str(tiny_ensemble))
    assert by_name.card == by_folder.card == by_text.card
    with pytest.raises(AudiotagError, match=r"there is no ensemble named mien; choose one of (\w+, )*mine\."):
        Tagger("mien")


def test_path_may_be_text(tagger: Tagger, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav_bytes(noise(1.5), RATE))
    assert tagger.tag(str(tmp_path / "a.wav")).ranking == tagger.tag(tmp_path / "a.wav").ranking


@pytest.mark.parametrize("rate", [RATE, 16_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_waveform_is_tagged_like_a_file_with_its_samples(
    tagger: Tagger, tmp_path: Path, rate: int, channels: int, dtype: type
) -> None:
    waveform = np.stack([noise(1.7, seed) for seed in range(channels)]).astype(dtype)
    soundfile.write(tmp_path / "a.wav", waveform.T, rate, subtype="FLOAT")
    expected = tagger.tag(tmp_path / "a.wav")
    tags = tagger.tag(waveform if channels > 1 else waveform[0], sample_rate=rate)
    assert (tags.name, expected.name) == ("the waveform", "a.wav")
    np.testing.assert_array_equal(tags.scores, expected.scores)
    np.testing.assert_array_equal(tags.starts_s, expected.starts_s)
    assert tags.duration_s == expected.duration_s
    assert tagger.tag(waveform, "a.wav", rate).notes == expected.notes


def test_long_waveform_goes_by_blocks_like_a_file(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tagger.evidence(noise(5), sample_rate=RATE)
    monkeypatch.setattr(clip_inputs, "MAX_WHOLE_CLIP_S", 2.0)
    assert len(list(tagger.inputs(noise(5), sample_rate=RATE))) > 1
    np.testing.assert_allclose(tagger.evidence(noise(5), sample_rate=RATE).scores, whole.scores, atol=1e-6)


@pytest.mark.parametrize(
    ("waveform", "rate", "reason"),
    [
        (np.zeros(100, np.int16), RATE, r"floating point with full scale at 1, got int16; divide 16-bit samples"),
        (np.zeros(0), RATE, r"have samples, got shape \(0,\)"),
        (np.zeros((2, 0)), RATE, r"have samples, got shape \(2, 0\)"),
        (np.zeros((100, 2)), RATE, r"\(channels, samples\), got shape \(100, 2\); .* pass waveform\.T"),
        (np.zeros((1, 2, 100)), RATE, r"got shape \(1, 2, 100\)"),
        (np.array([0, np.nan, np.inf, 0]), RATE, "finite, got 2 samples that are NaN or infinite"),
        (np.zeros(100), None, "sample_rate must be given with a waveform"),
        (
            np.zeros(100),
            44.1,
            "sample_rate must be a whole number from 100 to 999999 Hz, got 44.1; the unit is Hz, not kHz",
        ),
        (np.zeros(100), 0, "sample_rate must be a whole number"),
    ],
)
def test_waveform_that_cannot_be_used_is_an_error_that_says_why(
    tagger: Tagger, waveform: np.ndarray, rate: float | None, reason: str
) -> None:
    with pytest.raises(AudiotagError, match=reason):
        tagger.tag(waveform, sample_rate=rate)  # type: ignore[arg-type]


def test_sample_rate_of_a_file_is_refused(tagger: Tagger) -> None:
    with pytest.raises(AudiotagError, match="sample_rate must be left out for a file, which states its own, got 44100"):
        tagger.tag(wav_bytes(noise(1), RATE), sample_rate=RATE)


def test_decoded_sound_of_another_rate_is_refused(tagger: Tagger) -> None:
    other = Sound("made.wav", noise(1), 48_000, Header(RATE, 48_000, 1, "WAV", "PCM_16"), ())
    with pytest.raises(AudiotagError, match=r"made\.wav's sample rate must be 44100 Hz, got 48000"):
        tagger.tag_sound(other)


def test_card_with_the_same_fold_twice_is_refused(tiny_ensemble: Path, tmp_path: Path) -> None:
    folds = json.loads((tiny_ensemble / "card.json").read_text())["folds"]
    with pytest.raises(AudiotagError, match="folds must have different numbers from 0 on, got 1, 1"):
        Tagger(with_card(tiny_ensemble, tmp_path / "mine", folds=[folds[0], folds[1] | {"fold": 1}]))


def test_calibrated_scores_keep_tags_ranking_and_agreement(tiny_ensemble: Path, tmp_path: Path) -> None:
    calibration = Calibration(0.5, 20, *[0.1] * 8)
    folder = with_card(tiny_ensemble, tmp_path / "mine", thresholds=(0.3, 0.5, 0.7), calibration=asdict(calibration))
    tagger = Tagger(folder)
    evidence = tagger.evidence_of(sound(noise(3.5)))
    plain, calibrated = (tagger.tags_of(evidence, TagSettings(calibrated=each)) for each in (False, True))
    np.testing.assert_allclose(calibrated.scores, scale(plain.scores, 0.5))
    np.testing.assert_allclose(calibrated.timeline, scale(plain.timeline, 0.5))
    assert not np.allclose(calibrated.scores, plain.scores)
    for before, after in zip(plain.ranking, calibrated.ranking, strict=True):
        assert (after.label, after.passes, after.folds_agreeing) == (before.label, before.passes, before.folds_agreeing)
        assert after.threshold == pytest.approx(float(scale(np.array(before.threshold), 0.5)))


def test_without_a_temperature_scores_cannot_be_calibrated(tiny_ensemble: Path) -> None:
    with pytest.raises(AudiotagError, match="tiny has no temperature"):
        Tagger(tiny_ensemble, TagSettings(calibrated=True))


def test_an_older_card_gets_a_temperature_from_its_out_of_fold_scores_and_weighted_folds_need_none(
    tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((40, 3)).astype(np.float32)
    held_out = OutOfFold(scores, (scores > rng.random((40, 3))).astype(np.float32), np.repeat([1, 2], 20))
    evidence = tagger.evidence_of(sound(noise(1.5)))
    monkeypatch.setattr(tagger, "out_of_fold", held_out)
    monkeypatch.delitem(vars(tagger), "temperature", raising=False)
    monkeypatch.delitem(vars(tagger), "weights", raising=False)
    temperature = fit_temperature(held_out.scores, held_out.targets)
    plain = tagger.tags_of(evidence)
    calibrated = tagger.tags_of(evidence, TagSettings(calibrated=True))
    np.testing.assert_allclose(calibrated.scores, scale(plain.scores, temperature))
    weighted = [tagger.tags_of(evidence, TagSettings("weighted", calibrated=each)).scores for each in (False, True)]
    np.testing.assert_array_equal(*weighted)
