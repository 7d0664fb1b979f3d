"""The noise gate counts exactly the windows that an ensemble tags, and puts them into its card."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from audiotag.audio.header import Sound
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.tagging.card import Card
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.noise_gate_job import NoiseGateJob, measure
from audiotag.tagging.noise_gate_measurement import (
    LEVELS_DBFS,
    SEED,
    GateSettings,
    measure_noise_gate,
    save_noise_gate,
    window_tags,
)
from audiotag.trust.noise_sounds import NOISES, Kind, silence
from audiotag.workspace import Workspace

RATE = 8000


@dataclass
class Scores:
    scores: np.ndarray


class LoudnessTagger:
    """Stands for an ensemble: Loud from -30 dBFS RMS on, Quiet above -50 dBFS, and Late in every third window."""

    def __init__(self, card: Card) -> None:
        spectrogram = SpectrogramSettings(sample_rate=RATE, clip_s=1.0, f_max=4000.0)
        labels, thresholds = ("Loud", "Quiet", "Late"), (0.5, 0.4, 0.5)
        self.card = replace(card, labels=labels, thresholds=thresholds, spectrogram=spectrogram)
        self.windows: list[np.ndarray] = []

    def tag_sound(self, sound: Sound) -> Scores:
        assert sound.sample_rate == RATE
        self.windows.append(sound.waveform)
        level = 20 * np.log10(np.sqrt(np.mean(sound.waveform**2)) + 1e-9)
        return Scores(np.array([level > -30, 0.4 * (level > -50), len(self.windows) % 3 == 0], dtype=float))


@pytest.fixture
def tagger(tiny_ensemble: Path) -> LoudnessTagger:
    return LoudnessTagger(read_card(tiny_ensemble))


def steady(rng: np.random.Generator, samples: int, sample_rate: int) -> np.ndarray:
    return rng.standard_normal(samples)


def test_tags_of_a_short_case_counted_by_hand(tagger: LoudnessTagger) -> None:
    seen: list[tuple[int, int]] = []
    kinds = (Kind("silence", silence), Kind("noise", steady, ("late",)))
    gate = measure_noise_gate(tagger, GateSettings(3), lambda *at: seen.append(at), kinds)  # type: ignore[arg-type]
    quiet, *noises = gate.played
    # Three windows of silence; the third window of all is Late.
    assert (quiet.level_dbfs, quiet.windows, quiet.windows_tagged, quiet.tags) == (None, 3, 1, {"Late": 1})
    # Of noise, Late is its own label. At -60 dBFS nothing else, at -40 Quiet, at -20 Loud and Quiet.
    assert [one.level_dbfs for one in noises] == list(LEVELS_DBFS) == [-60, -40, -20]
    assert [one.windows_tagged for one in noises] == [0, 3, 3]
    assert [one.tags for one in noises] == [{}, {"Quiet": 3}, {"Loud": 3, "Quiet": 3}]
    assert [one.not_counted for one in noises] == [("Late",)] * 3
    assert gate.by_sound()["per hour"].tolist() == pytest.approx([1200, 0, 3600, 7200])
    assert gate.by_label()["all"].to_dict() == pytest.approx({"Quiet": 6 / 12 * 3600, "Loud": 900, "Late": 1200})
    assert seen == [(3, 12), (6, 12), (9, 12), (12, 12)]


def test_windows_follow_each_other_and_are_rendered_in_blocks(tagger: LoudnessTagger) -> None:
    measure_noise_gate(tagger, GateSettings(14), kinds=(Kind("silence", steady),))  # type: ignore[arg-type]
    assert [len(window) for window in tagger.windows] == [RATE] * 14
    takes = [np.random.default_rng((SEED, 0, block)).standard_normal(n * RATE) for block, n in enumerate((12, 2))]
    np.testing.assert_array_equal(np.concatenate(tagger.windows), np.concatenate(takes).astype(np.float32))
    waveform = np.arange(2 * RATE) / (2 * RATE)
    assert window_tags(tagger, waveform, "ramp").shape == (2, 3)  # type: ignore[arg-type]


def test_gate_is_added_to_the_card_and_the_rest_stays(
    tiny_ensemble: Path, tagger: LoudnessTagger, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "mine")
    before = json.loads((folder / "card.json").read_text())
    assert read_card(folder).noise_gate is None
    gate = measure_noise_gate(tagger, GateSettings(2), kinds=NOISES[:2])  # type: ignore[arg-type]
    gate = replace(gate, played=tuple(replace(one, tags={}, windows_tagged=0) for one in gate.played))
    save_noise_gate(folder, gate)
    assert read_card(folder).noise_gate == gate
    after = json.loads((folder / "card.json").read_text())
    assert {name: after[name] for name in before} == before
    assert read_card(folder).scoring_fields() == read_card(tiny_ensemble).scoring_fields()
    other = replace(gate, played=(replace(gate.played[0], tags={"Snow": 1}, windows_tagged=1),))
    (folder / "card.json").write_text(json.dumps(before | {"noise_gate": other.to_dict()}))
    with pytest.raises(AudiotagError, match="Snow, which is not a label"):
        read_card(folder)


def test_job_writes_its_result_into_the_card_unless_it_is_stopped(
    tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "mine")
    job = NoiseGateJob.of(folder, read_card(folder), Workspace(tmp_path / "home"))
    assert job.arguments() == [str(job.folder), str(folder)]
    few: Callable = lambda tagger, progress: measure_noise_gate(tagger, GateSettings(2), progress, NOISES[:2])  # noqa: E731
    monkeypatch.setattr("audiotag.tagging.noise_gate_job.measure_noise_gate", few)
    job.folder.mkdir(parents=True)
    job.stop()
    measure(job)
    assert read_card(folder).noise_gate is None
    (job.folder / "stop").unlink()
    measure(job)
    assert job.progress()["done"] == job.progress()["total"] == 8
    gate = read_card(folder).noise_gate
    assert gate is not None
    quiet, *noises = gate.played
    assert not quiet.tags  # silence gets none, although two thresholds are 0
    assert all(one.tags == {"Bark": 2, "Bell": 2} for one in noises)
