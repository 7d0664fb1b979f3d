"""The exported graph scores sounds as the tagger does, whatever the spectrogram settings and the sound's length."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save

from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.xresnet.model import build_network
from audiotag.networks.xresnet.settings import XResNetSettings
from audiotag.tagging.card import Card, FoldCard
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.standalone.files import export_tagger
from audiotag.tagging.tagger import Tagger

RATE = 8000
PARITY = 1e-4  # of scores
LABELS = ("Bark", "Bell", "Hiss")
SMALL = {
    "sample_rate": RATE, "clip_s": 1.0, "n_fft": 320, "win_length": 256, "hop_length": 100, "n_mels": 32,
    "f_max": 4000.0, "trim_db": 0.0,
}  # fmt: skip
WAVEFORMS: dict[str, dict[str, Any]] = {
    "as the starter": {"normalise": "clip"},
    "trimmed, zeros after": {"trim_db": 20.0, "padding": "zeros-after", "min_s": 0.3},
    "trimmed as librosa, repeated, deltas": {
        "trim_db": 30.0, "trim_rule": "librosa", "padding": "repeat", "deltas": 2, "normalise": "batch",
    },
    "three channels, range, nearest": {
        "equal_channels": 3, "normalise": "range", "range_mean": 0.4, "range_std": 0.3, "resize": 40,
        "resize_filter": "nearest",
    },
    "amplitude, Slaney, resized": {
        "power": 1.0, "log_offset": 0.001, "mel_scale": "slaney", "mel_norm": "slaney", "resize": 48,
        "normalise": "global", "mean_db": -30.0, "std_db": 20.0, "window": "hamming",
    },
}  # fmt: skip
SPECTROGRAMS: dict[str, dict[str, Any]] = {
    "as argus": {
        "trim_db": 60.0, "trim_rule": "librosa", "padding": "minimum-or-repeat", "min_s": 0.2, "normalise": "global",
        "std_db": 100.0, "deltas": 2, "delta_filter": "savitzky-golay",
    },
    "as the warm-up": {"trim_db": 30.0, "trim_rule": "librosa", "normalise": "range", "equal_channels": 3},
    "repeated": {"padding": "repeat", "normalise": "clip"},
    "0 dB after, frames from the beginning": {"padding": "zero-db-after", "centred": False, "normalise": "clip"},
}  # fmt: skip


def ensemble(folder: Path, windows: str = "mean", **settings: Any) -> Path:
    """Two untrained folds whose scores are far apart."""
    spectrogram = SpectrogramSettings.from_dict(SMALL | settings)
    network, folds = XResNetSettings(depth=18, width=1 / 16, stem=4), []
    folder.mkdir()
    for fold in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(fold)
            weights = build_network(network, len(LABELS), spectrogram.channels).state_dict()
        weights[list(weights)[-2]] *= 4
        content = save(
            {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
        )
        (folder / f"fold-{fold}.safetensors").write_bytes(content)
        checksum = hashlib.sha256(content).hexdigest()
        folds.append(FoldCard(fold, f"fold-{fold}.safetensors", checksum, clips=10, lwlrap=0.5, accuracy=0.4))
    card = Card(
        "tiny", "Untrained </script> & <b>small</b>.", LABELS, (0.2, 0.4, 0.6), spectrogram, network, windows,
        tuple(folds), 0.5, 0.4, {"name": "none", "clips": 20, "fingerprint": ""}, {"title": "Untrained"}, "CC0-1.0",
        "2026-01-01",
    )  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card.to_dict()), encoding="utf-8")
    return folder


def sounds() -> dict[str, np.ndarray]:
    """Sounds that begin and end with silence, with lengths around those at which the tagger does something else."""
    rng = np.random.default_rng(3)

    def made(samples: int, quiet: int = 0) -> np.ndarray:
        time_s = np.arange(samples) / RATE
        pitch = rng.uniform(200, 2000) * (1 + 0.3 * np.sin(2 * np.pi * time_s))
        tone = 0.4 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE) + rng.uniform(0, 0.1) * rng.normal(size=samples)
        tone[:quiet] *= 1e-4
        tone[samples - 2 * quiet :] *= 1e-4
        return tone.astype(np.float32)

    silent = np.zeros(3 * RATE, np.float32)
    silent[int(2.5 * RATE) :] = made(RATE // 2)
    return {
        "one sample": made(1),
        "shorter than a frame": made(90),
        "shorter than a window": made(3001),
        "shorter, with silence around": made(7001, 800),
        "one window": made(RATE),
        "one window and a bit": made(RATE + 60),
        "two windows": made(RATE + 200),
        "long": made(6 * RATE + 17, 3000),
        "silence": np.zeros(1234, np.float32),
        "silent windows": silent,
    }


def scores_of(session: onnxruntime.InferenceSession, waveform: np.ndarray) -> np.ndarray:
    return session.run(["scores"], {"waveform": np.atleast_2d(waveform)})[0]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., onnxruntime.InferenceSession]:
    """``check(settings, folder)``: export the ensemble, and compare the scores of all sounds with the tagger's."""
    monkeypatch.setenv("AUDIOTAG_ENGINE", "torch")

    def compare(settings: TagSettings, folder: Path) -> onnxruntime.InferenceSession:
        session = onnxruntime.InferenceSession(export_tagger(folder, tmp_path / "out" / "tagger.onnx", settings).model)
        tagger, seen = Tagger(folder, settings), []
        for name, waveform in sounds().items():
            wanted = tagger.tag(waveform, sample_rate=RATE).scores
            np.testing.assert_allclose(scores_of(session, waveform)[0], wanted, atol=PARITY, err_msg=name)
            seen.append(wanted)
        assert np.std(seen, axis=0).max() > 0.05, "the sounds must have different scores"
        return session

    return compare


@pytest.mark.parametrize("settings", WAVEFORMS.values(), ids=WAVEFORMS)
def test_scores_are_the_taggers_where_crops_are_cut_from_waveforms(settings, check, tmp_path: Path) -> None:
    check(TagSettings(), ensemble(tmp_path / "tiny", **settings))


@pytest.mark.parametrize("settings", SPECTROGRAMS.values(), ids=SPECTROGRAMS)
def test_scores_are_the_taggers_where_crops_are_cut_from_spectrograms(settings, check, tmp_path: Path) -> None:
    check(TagSettings(), ensemble(tmp_path / "tiny", "max", crop="spectrogram", **settings))


def test_settings_of_tagging_are_part_of_the_graph(check, tmp_path: Path) -> None:
    session = check(TagSettings("geometric", overlap=0.3, windows="max"), ensemble(tmp_path / "tiny"))
    one = check(TagSettings(folds=(2,)), tmp_path / "tiny")
    waveform = sounds()["long"]
    assert np.abs(scores_of(session, waveform) - scores_of(one, waveform)).max() > 0.01
