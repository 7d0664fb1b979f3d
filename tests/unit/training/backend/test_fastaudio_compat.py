"""fastaudio works with today's libraries, and no stand-in is left in them; if it is missing, a sentence says so."""

import copy
import importlib
import pickle
import random
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import librosa.display
import numpy as np
import pytest
import soundfile
import torch
import torchaudio

from audiotag.errors import AudiotagError
from audiotag.training.backend.fastaudio_compat import _libraries_of_2021, import_fastaudio

SAMPLE_RATE = 44100
TONE_HZ = 1000


@pytest.fixture(scope="module")
def fastaudio() -> types.ModuleType:
    return import_fastaudio()


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    state = random.getstate()
    random.seed(0)
    yield
    random.setstate(state)


def tone(duration_s: float, silence_s: float = 0) -> np.ndarray:
    """A tone between two silences, float32."""
    time = np.arange(int(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    silence = np.zeros(int(silence_s * SAMPLE_RATE))
    return np.concatenate([silence, 0.5 * np.sin(2 * np.pi * TONE_HZ * time), silence]).astype(np.float32)


def spectrogram_of(fastaudio: types.ModuleType, samples: np.ndarray) -> torch.Tensor:
    transform = fastaudio.SpectrogramTransformer(mel=True, to_db=True)(
        sample_rate=SAMPLE_RATE,
        n_fft=2560,
        win_length=1024,
        hop_length=690,
        n_mels=128,
        f_min=20.0,
        f_max=20000.0,
        top_db=60,
    )
    return transform(fastaudio.AudioTensor(torch.from_numpy(samples)[None], sr=SAMPLE_RATE))


def has_stand_ins() -> list[str]:
    """Names of 2021 that today's libraries have at the moment."""
    found = [
        name
        for name in ("pkg_resources", "fastcore.transform", "fastcore.dispatch")
        if name in sys.modules and (sys.modules[name].__spec__ is None or sys.modules[name].__name__ != name)
    ]
    found += ["set_audio_backend"] if hasattr(torchaudio, "set_audio_backend") else []
    found += ["waveplot"] if hasattr(librosa.display, "waveplot") else []
    return found


def test_fastaudio_imports_as_the_published_version(fastaudio: types.ModuleType) -> None:
    assert sys.modules["fastaudio"].__version__ == "1.0.2"
    assert import_fastaudio() is fastaudio


def test_no_stand_in_is_left_behind(fastaudio: types.ModuleType) -> None:
    assert has_stand_ins() == []


def test_stand_ins_are_taken_back_when_the_import_fails() -> None:
    before = {name: sys.modules.get(name) for name in ("pkg_resources", "fastcore.transform", "fastcore.dispatch")}

    def fail_half_way() -> None:
        with _libraries_of_2021():
            assert len(has_stand_ins()) == 5
            raise ImportError("half way")

    with pytest.raises(ImportError, match="half way"):
        fail_half_way()
    assert has_stand_ins() == []
    assert {name: sys.modules.get(name) for name in before} == before


@pytest.mark.parametrize("missing", ["fastaudio.all", "fastai.torch_core", "plum", "fasttransform"])
def test_library_that_is_not_installed_gives_a_sentence_with_the_commands_that_install_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_fastaudio()  # so that all its modules come back afterwards
    package = missing.split(".")[0]
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "fastaudio.all", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_NotInstalled(package), *sys.meta_path])
    with pytest.raises(AudiotagError) as refused:
        import_fastaudio()
    assert str(refused.value).startswith(
        'Training needs fastai and fastaudio; run: pip install "audiotag[train]" and then '
        "pip install --no-deps fastaudio==1.0.2"
    )
    assert has_stand_ins() == []


def test_torchaudio_that_was_built_for_another_torch_gives_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import_fastaudio()
    monkeypatch.delitem(sys.modules, "fastaudio.all")

    def load(name: str) -> None:
        raise OSError("Could not load this library: libtorchaudio.so")

    monkeypatch.setattr(importlib, "import_module", load)
    with pytest.raises(AudiotagError, match=r"torchaudio does not load beside torch .*pip install"):
        import_fastaudio()


class _NotInstalled:
    """Finds no module of a package, as if it were not installed."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_audio_tensor_reads_what_soundfile_wrote(fastaudio: types.ModuleType, tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (1000, 2)).astype(np.float32)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, samples, 22050, subtype="FLOAT")
    audio = fastaudio.AudioTensor.create(path)
    assert type(audio) is fastaudio.AudioTensor
    assert audio.sr == 22050
    assert audio.dtype == torch.float32
    assert np.array_equal(audio.numpy(), samples.T)
    part = fastaudio.AudioTensor.create(path, frame_offset=100, num_frames=50)
    assert np.array_equal(part.numpy(), samples[100:150].T)


def test_whole_numbers_are_read_as_fractions_of_full_scale(fastaudio: types.ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.array([-32768, 16384, 0], dtype=np.int16), SAMPLE_RATE)
    assert fastaudio.AudioTensor.create(path).tolist() == [[-1.0, 0.5, 0.0]]


def test_remove_silence_keeps_the_sound_and_little_else(fastaudio: types.ModuleType) -> None:
    samples = tone(1, silence_s=0.5)
    trimmed = fastaudio.RemoveSilence(threshold=20, pad_ms=20)(
        fastaudio.AudioTensor(torch.from_numpy(samples)[None], sr=SAMPLE_RATE)
    )
    # At most a frame of 2048, a hop and a pad of 20 ms on either side.
    assert 1.0 <= trimmed.nsamples / SAMPLE_RATE <= 1.0 + 2 * (2048 / SAMPLE_RATE + 0.04)
    assert trimmed.pow(2).sum().item() == pytest.approx(float((samples**2).sum()), rel=1e-5)
    assert trimmed.sr == SAMPLE_RATE


def test_resize_signal_cuts_a_piece_out_of_a_long_clip(fastaudio: types.ModuleType) -> None:
    ramp = torch.arange(3.0 * SAMPLE_RATE)[None]
    crop = fastaudio.ResizeSignal(2000)(fastaudio.AudioTensor(ramp, sr=SAMPLE_RATE))
    assert crop.shape == (1, 2 * SAMPLE_RATE)
    assert 0 < crop[0, 0] < SAMPLE_RATE
    assert torch.equal(crop.data.diff(), torch.ones(1, 2 * SAMPLE_RATE - 1))


def test_resize_signal_puts_zeros_around_a_short_clip(fastaudio: types.ModuleType) -> None:
    padded = fastaudio.ResizeSignal(2000)(fastaudio.AudioTensor(torch.ones(1, SAMPLE_RATE), sr=SAMPLE_RATE))
    assert padded.shape == (1, 2 * SAMPLE_RATE)
    inside = padded[0].nonzero().flatten()
    assert len(inside) == SAMPLE_RATE
    assert inside[0] > 0
    assert inside[-1] - inside[0] == SAMPLE_RATE - 1


def test_tone_peaks_in_the_band_that_holds_it(fastaudio: types.ModuleType) -> None:
    spectrogram = spectrogram_of(fastaudio, tone(2))
    assert type(spectrogram) is fastaudio.AudioSpectrogram
    assert spectrogram.shape == (1, 128, 128)
    # HTK's mel scale: each band is a triangle over three of 130 even steps from 20 Hz to 20 kHz.
    mel = np.linspace(*(2595 * np.log10(1 + np.array([20, 20000]) / 700)), 130)
    edges_hz = 700 * (10 ** (mel / 2595) - 1)
    peak = int(spectrogram[0].mean(-1).argmax())
    assert edges_hz[peak] < TONE_HZ < edges_hz[peak + 2]
    # An octave away there is next to nothing of it.
    octave = int(np.searchsorted(edges_hz, 2 * TONE_HZ)) - 1
    assert spectrogram[0, peak].mean() - spectrogram[0, octave].mean() > 50
    assert spectrogram.max() - spectrogram.min() <= 60.001


@pytest.mark.parametrize(("mask", "axis"), [("MaskFreq", 0), ("MaskTime", 1)])
def test_mask_fills_exactly_eight_lines_with_the_mean(fastaudio: types.ModuleType, mask: str, axis: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * SAMPLE_RATE).astype(np.float32)
    spectrogram = spectrogram_of(fastaudio, noise)
    before = spectrogram.data.clone()
    after = getattr(fastaudio, mask)(size=8)(spectrogram).data
    assert after.shape == (1, 128, 128)
    changed = (after != before)[0].any(1 - axis).nonzero().flatten()
    assert changed.tolist() == list(range(int(changed[0]), int(changed[0]) + 8))
    masked = after[0].index_select(axis, changed)
    torch.testing.assert_close(masked, before.mean().expand_as(masked), rtol=1e-5, atol=1e-5)


def test_copies_keep_type_and_sample_rate(fastaudio: types.ModuleType) -> None:
    audio = fastaudio.AudioTensor(torch.from_numpy(tone(0.1))[None], sr=SAMPLE_RATE)
    for twin in (copy.deepcopy(audio), pickle.loads(pickle.dumps(audio))):
        assert type(twin) is fastaudio.AudioTensor
        assert twin.sr == SAMPLE_RATE
        assert torch.equal(twin.data, audio.data)


def test_show_draws_the_waveform(fastaudio: types.ModuleType) -> None:
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")
    audio = fastaudio.AudioTensor(torch.from_numpy(tone(0.1))[None], sr=SAMPLE_RATE)
    figure, axes = pyplot.subplots()
    audio.show(ctx=axes, hear=False)
    (inset,) = axes.child_axes
    assert inset.get_title() == "Channel 0"
    assert inset.has_data()
    pyplot.close(figure)


def test_audio_block_feeds_batches(fastaudio: types.ModuleType, tmp_path: Path) -> None:
    from fastai.data.block import CategoryBlock, DataBlock
    from fastai.data.transforms import RandomSplitter

    paths = [tmp_path / f"{index}.wav" for index in range(6)]
    for path in paths:
        soundfile.write(path, tone(1), SAMPLE_RATE)
    block = DataBlock(
        blocks=(fastaudio.AudioBlock(sample_rate=SAMPLE_RATE), CategoryBlock),
        get_y=lambda path: "odd" if int(path.stem) % 2 else "even",
        splitter=RandomSplitter(valid_pct=0.5, seed=0),
        item_tfms=[fastaudio.ResizeSignal(500)],
    )
    audio, targets = block.dataloaders(paths, bs=3, num_workers=0, shuffle=False).valid.one_batch()
    assert audio.shape == (3, 1, SAMPLE_RATE // 2)
    assert audio.sr == SAMPLE_RATE
    assert audio.abs().max().item() == pytest.approx(0.5, abs=1e-3)
    assert set(targets.tolist()) <= {0, 1}
