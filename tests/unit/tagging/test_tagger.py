"""Tagging: windows cover the whole sound, scores are means over windows and folds, silence gets no tag.

Test-time augmentation shifts and masks them, the same way each time; a long sound taken in blocks is none other.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from audiotag.audio.header import Header, Sound
from audiotag.audio.reading import read_sound, wav_bytes
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import log_mel
from audiotag.features.settings import SpectrogramSettings
from audiotag.tagging import tagger as tagger_module
from audiotag.tagging.ensemble import load_networks
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger, joined_evidence, window_starts

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


def test_clip_that_is_hardly_longer_than_a_window_has_one_in_its_middle(tiny_ensemble: Path, tagger: Tagger) -> None:
    waveform = noise(1.01)
    spare = len(waveform) - WINDOW
    tags = tagger.tag_sound(sound(waveform))
    middle = waveform[spare // 2 : spare // 2 + WINDOW]
    assert tags.starts_s.tolist() == [spare // 2 / RATE]
    np.testing.assert_allclose(tags.scores, by_hand(tiny_ensemble, tagger, [middle]).mean(axis=(0, 1)), atol=1e-5)
    assert tagger.tag_sound(sound(noise(1.02))).starts_s.tolist() == [0, pytest.approx(0.02)]


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


MASKS = [
    {"kind": "mask", "axis": "time", "width": 8, "exact": True},
    {"kind": "mask", "axis": "mel", "width": 4, "exact": True},
    {"kind": "lighting", "max_lighting": 0.2},
]
TTA = TagSettings(tta=True)


@pytest.fixture(scope="module")
def augmenting(tiny_ensemble: Path, tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    """The tiny ensemble, with test-time augmentation by the masks that it is said to be trained with."""
    return Tagger(with_card(tiny_ensemble, tmp_path_factory.mktemp("masked") / "tiny", recipe={"augment": MASKS}), TTA)


def test_augmented_scores_depend_on_the_clip_alone(augmenting: Tagger, tmp_path: Path) -> None:
    content, other = wav_bytes(noise(3.3), RATE), wav_bytes(noise(2.1, seed=1), RATE)
    (tmp_path / "a.wav").write_bytes(content)
    first = augmenting.evidence(content, "a.wav")
    augmenting.evidence(other, "b.wav")
    for again in (augmenting.evidence(content, "another name"), augmenting.evidence(tmp_path / "a.wav")):
        np.testing.assert_array_equal(again.augmented, first.augmented)
        np.testing.assert_array_equal(again.scores, first.scores)


def test_passes_differ_from_each_other_and_from_the_plain_one(augmenting: Tagger) -> None:
    evidence = augmenting.evidence_of(sound(noise(3.3)))
    assert evidence.augmented is not None
    assert evidence.augmented.shape == (4, *evidence.scores.shape)
    passes = [evidence.scores, *evidence.augmented]
    for number, one in enumerate(passes):
        for other in passes[:number]:
            assert np.abs(one - other).max() > 1e-4


def test_augmented_tags_are_a_quarter_plain_and_all_settings_but_tta_need_no_networks(
    augmenting: Tagger, tagger: Tagger
) -> None:
    evidence = augmenting.evidence_of(sound(noise(3.3)))
    assert evidence.augmented is not None
    expected = 0.25 * evidence.scores.mean(axis=1) + 0.75 * evidence.augmented.mean(axis=(0, 2))
    np.testing.assert_allclose(augmenting.tags_of(evidence).scores, expected.mean(axis=0), rtol=1e-5)
    plain = augmenting.tags_of(evidence, TagSettings())
    np.testing.assert_allclose(plain.scores, tagger.tag_sound(sound(noise(3.3))).scores, atol=1e-6)
    best = augmenting.tags_of(evidence, TagSettings(windows="max"))
    np.testing.assert_allclose(best.scores, evidence.scores.max(axis=1).mean(axis=0), rtol=1e-6)


def test_augmentation_cannot_be_asked_of_evidence_without_it(tagger: Tagger) -> None:
    with pytest.raises(AudiotagError, match=r"made\.wav was scored without test-time augmentation"):
        tagger.tags_of(tagger.evidence_of(sound(noise(1))), TTA)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("seconds", [0.3, 1.0, 1.2, 7.7])
def test_shifted_windows_stay_inside_the_sound(
    tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch, overlap: float, seconds: float
) -> None:
    tagger = Tagger(tiny_ensemble, TagSettings(tta=True, overlap=overlap))
    asked: list[tuple[int, float]] = []
    picture = tagger._picture

    def noted(waveform: np.ndarray, start: int, at: float = 0.5, rng: np.random.Generator | None = None) -> np.ndarray:
        asked.append((start, at))
        return picture(waveform, start, at, rng)

    monkeypatch.setattr(tagger, "_picture", noted)
    evidence = tagger.evidence_of(sound(noise(seconds)))
    windows, last = len(evidence.starts_s), max(round(seconds * RATE) - WINDOW, 0)
    starts = np.array([start for start, _ in asked]).reshape(5, windows)
    assert ((starts >= 0) & (starts <= last)).all()
    shifts = np.abs(starts[1:] - starts[0])
    assert shifts.max() <= tagger.settings.hop(WINDOW) / 2
    assert (shifts.max() > 0) == (last > 0)
    assert {at for _, at in asked[:windows]} == {0.5}


def test_short_clip_lies_between_its_zeros_at_random(tiny_ensemble: Path) -> None:
    tagger = Tagger(tiny_ensemble, TTA)  # whose recipe has no masks
    (pictures,) = tagger.pictures(wav_bytes(noise(0.3), RATE), "short.wav")
    assert pictures.augmented is not None
    energies = 10 ** (pictures.augmented[:, 0, 0] / 10)
    centres = (energies.sum(axis=1) @ np.arange(energies.shape[2])) / energies.sum(axis=(1, 2))
    assert len(set(np.round(centres))) == 4
    assert np.ptp(centres) > 3
    levels = energies.max(axis=(1, 2))
    np.testing.assert_allclose(levels, levels.mean(), rtol=0.3)  # all of the clip is there, wherever it lies


def test_masks_of_the_recipe_fill_as_many_frames_and_bands_as_it_says(augmenting: Tagger) -> None:
    (pictures,) = augmenting.pictures(wav_bytes(noise(1), RATE), "a.wav")  # one window, which cannot be shifted
    assert pictures.augmented is not None
    places = set()
    for augmented in pictures.augmented[:, 0, 0]:
        changed = augmented != pictures.plain[0, 0]
        frames, bands = changed.all(axis=0), changed.all(axis=1)
        assert (frames.sum(), bands.sum()) == (8, 4)
        assert (changed == (frames[None] | bands[:, None])).all()
        places.add((int(frames.argmax()), int(bands.argmax())))
    assert len(places) == 4


def test_mask_wider_than_the_picture_or_none_at_all_is_refused_where_it_is_needed(
    tiny_ensemble: Path, tmp_path: Path
) -> None:
    wide = with_card(tiny_ensemble, tmp_path / "wide", recipe={"augment": [{**MASKS[0], "width": 65}]})
    Tagger(wide)
    with pytest.raises(AudiotagError, match="width in frames must be at most the picture's 64, got 65"):
        Tagger(wide, TTA)
    odd = with_card(tiny_ensemble, tmp_path / "odd", recipe={"augment": [{"kind": "mask", "colour": "red"}]})
    with pytest.raises(AudiotagError, match=r"tiny has a mask in its recipe that is none: .*colour"):
        Tagger(odd, TTA)


def test_silent_clip_has_no_augmented_scores_either(augmenting: Tagger) -> None:
    tags = augmenting.tag(wav_bytes(np.zeros(3 * RATE, np.float32), RATE), "quiet.wav")
    assert (tags.scores == 0).all()
    assert tags.tags == ()


def with_gap(seconds: float, start_s: float, end_s: float) -> np.ndarray:
    waveform = noise(seconds)
    waveform[round(start_s * RATE) : round(end_s * RATE)] = 0
    return waveform


def test_silent_windows_score_zero_and_the_others_as_they_did(tagger: Tagger) -> None:
    tags = tagger.tag_sound(sound(with_gap(6, 2, 4)))
    unharmed = tagger.tag_sound(sound(noise(6)))
    silent = (tags.starts_s >= 2) & (tags.starts_s <= 3)
    touched = (tags.starts_s > 1) & (tags.starts_s < 4)
    assert (tags.timeline[silent] == 0).all()
    assert (tags.timeline[~silent] > 0).all()
    np.testing.assert_allclose(tags.timeline[~touched], unharmed.timeline[~touched], atol=1e-6)
    np.testing.assert_allclose(tags.scores, tags.timeline.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("seconds", [4.0001, 5.0, 8.0, 23.7])
def test_long_sound_has_the_windows_and_scores_that_it_has_taken_whole(
    tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seconds: float, overlap: float
) -> None:
    tagger = Tagger(tiny_ensemble, TagSettings(overlap=overlap))
    path = tmp_path / "long.wav"
    path.write_bytes(wav_bytes(with_gap(seconds, 9.2, 15.1), RATE))  # a gap as long as some blocks
    whole = tagger.evidence(path)
    monkeypatch.setattr(tagger_module, "MAX_WHOLE_CLIP_S", 4.0)
    blocks = list(tagger.pictures(path))
    assert len(blocks) > 1 or seconds < 5
    assert max(len(block.plain) for block in blocks) <= 3 / (1 - overlap) + 2
    taken = joined_evidence([tagger.scored(block) for block in blocks])
    np.testing.assert_allclose(taken.starts_s, whole.starts_s)
    np.testing.assert_array_equal(taken.audible, whole.audible)
    assert taken.duration_s == pytest.approx(whole.duration_s)
    np.testing.assert_allclose(tagger.tags_of(taken).timeline, tagger.tags_of(whole).timeline, atol=1e-6)
    np.testing.assert_allclose(tagger.tags_of(taken).scores, tagger.tags_of(whole).scores, atol=1e-6)


def test_long_sound_is_augmented_block_by_block(augmenting: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagger_module, "MAX_WHOLE_CLIP_S", 4.0)
    content = wav_bytes(with_gap(23.7, 9.2, 15.1), RATE)
    evidence = augmenting.evidence(content)
    assert evidence.augmented is not None
    assert evidence.augmented.shape == (4, *evidence.scores.shape)
    np.testing.assert_array_equal(evidence.augmented, augmenting.evidence(content).augmented)


@pytest.mark.parametrize("seconds", [4.5, 23.7])
def test_notes_on_a_long_sound_are_said_once(
    tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    loud = {"bandwidth_hz": [1.0, 2.0, 3.0], "rms_dbfs": [40.0, 50.0, 60.0], "clips": 9}
    tagger = Tagger(with_card(tiny_ensemble, tmp_path / "mine", sounds=loud))
    monkeypatch.setattr(tagger_module, "MAX_WHOLE_CLIP_S", 4.0)
    content = wav_bytes(noise(seconds), RATE)[: -RATE // 2]
    truncated, unlike = tagger.tag(content, "a.wav").notes
    assert truncated.startswith("a.wav is truncated")
    assert unlike.startswith("a.wav is quieter than the training sounds")


def test_weights_that_are_no_numbers_are_an_error_and_no_tags(tiny_ensemble: Path, tmp_path: Path) -> None:
    card = json.loads((tiny_ensemble / "card.json").read_text())
    folder = shutil.copytree(tiny_ensemble, tmp_path / "mine")
    weights = load((folder / "fold-1.safetensors").read_bytes())
    weights["0.0.weight"][0] = float("nan")
    content = save(weights)
    (folder / "fold-1.safetensors").write_bytes(content)
    card["folds"][0]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(AudiotagError, match=r"tiny gives scores that are no numbers \(NaN\)"):
        Tagger(folder).tag_sound(sound(noise(1)))


@pytest.mark.parametrize("folds", [(), (2,), (2, 1), (1, 1)])
def test_silence_and_sound_are_scored_by_as_many_folds(tiny_ensemble: Path, folds: tuple[int, ...]) -> None:
    tagger = Tagger(tiny_ensemble, TagSettings(folds=folds))
    audible = tagger.evidence_of(sound(noise(2)))
    silent = tagger.evidence_of(sound(np.zeros(2 * RATE, np.float32)))
    assert silent.scores.shape == audible.scores.shape
    assert len(audible.scores) == (len(set(folds)) or 2)


@pytest.mark.parametrize("thresholds", [(0.5, 0.5, 1.5), (50.0, 0.5, 0.5), (0.5, float("nan"), 0.5), (-0.1, 0.5, 0.5)])
def test_thresholds_that_are_no_scores_are_refused(tiny_ensemble: Path, thresholds: tuple[float, ...]) -> None:
    with pytest.raises(AudiotagError, match="a threshold must be 0 to 1"):
        Tagger(tiny_ensemble, thresholds=thresholds)


def test_decoded_sound_of_another_rate_is_refused(tagger: Tagger) -> None:
    other = Sound("made.wav", noise(1), 48_000, Header(RATE, 48_000, 1, "WAV", "PCM_16"), ())
    with pytest.raises(AudiotagError, match=r"made\.wav's sample rate must be 44100 Hz, got 48000"):
        tagger.tag_sound(other)


def test_card_with_two_folds_of_one_number_is_refused(tiny_ensemble: Path, tmp_path: Path) -> None:
    folds = json.loads((tiny_ensemble / "card.json").read_text())["folds"]
    with pytest.raises(AudiotagError, match="folds must have different numbers, got 1, 1"):
        Tagger(with_card(tiny_ensemble, tmp_path / "mine", folds=[folds[0], folds[1] | {"fold": 1}]))
