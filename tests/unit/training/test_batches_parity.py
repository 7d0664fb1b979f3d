"""Items of the capstone are those of fastaudio 1.0.2 and fastai, which the published method ran on."""

import random
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch

from audiotag.augmentation.mask import Mask
from audiotag.augmentation.mixup import MixUp
from audiotag.features.settings import PRESETS, SpectrogramSettings
from audiotag.features.trimming import trimmed_bounds
from audiotag.training.backend.fastaudio_compat import import_fastaudio
from audiotag.training.batches import Batches
from audiotag.training.clips import Clip, LabelledClips
from audiotag.training.frame_cache import random_start
from audiotag.training.recipe_files import load_recipe

ClipOf = Callable[..., Clip]
CAPSTONE = PRESETS["capstone"]


class _Drawn:
    """The random parameters of a batch: starts of crops, masks in their order, partners and weights of MixUp."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.starts: list[int] = []
        self.masks: list[Any] = []
        self.mixup: Any = None
        crop, mask, mixup = Clip.crop, Mask.sample, MixUp.sample

        def cropped(clip: Clip, settings: SpectrogramSettings, start: int) -> np.ndarray:
            self.starts.append(start)
            return crop(clip, settings, start)

        def masked(item: Mask, *given: Any) -> Any:
            self.masks.append(mask(item, *given))
            return self.masks[-1]

        def mixed(item: MixUp, *given: Any) -> Any:
            self.mixup = mixup(item, *given)
            return self.mixup

        patched.setattr(Clip, "crop", cropped)
        patched.setattr(Mask, "sample", masked)
        patched.setattr(MixUp, "sample", mixed)


def recordings() -> list[np.ndarray]:
    """Two longer and two shorter than 2 s, all with near-silence around them."""
    made = []
    for number, loud_s in enumerate((3.1, 0.4, 1.2, 5.0)):
        rng = np.random.default_rng(number)
        loud = rng.normal(0, 0.1, round(loud_s * 44_100)) * (1 + np.sin(np.arange(round(loud_s * 44_100)) / 2e4))
        parts = [rng.normal(0, 1e-3, 20_000), loud, rng.normal(0, 1e-3, 30_000)]
        made.append(np.concatenate(parts).astype(np.float32))
    return made


@pytest.mark.parametrize("training", [True, False])
def test_items_of_the_capstone_are_those_of_fastaudio_and_fastai(
    training: bool, clip_of: ClipOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trimmed, cropped, log-mel, a time mask, a mel mask; then, in training, MixUp: given the same draws."""
    fastaudio = import_fastaudio()
    from fastai.callback import mixup as fastai_mixup

    clips = []
    for number, waveform in enumerate(recordings()):
        start, end = trimmed_bounds(waveform, CAPSTONE)
        clips.append(replace(clip_of(f"{number}.wav", waveform, 44_100), start=start, end=end))
    recipe = replace(load_recipe("capstone"), batch_size=4)
    drawn = _Drawn(monkeypatch)
    batches = Batches(LabelledClips(clips, np.eye(4, dtype=np.float32)), recipe, recipe.stages[-1], 5, training)
    batch = batches.input_batch(0, 0)
    assert any(start % CAPSTONE.hop_length for start in drawn.starts)  # it crops at any sample
    assert [mask.width.tolist() for mask in drawn.masks] == [[[8]] * 4] * 2

    to_spectrogram = fastaudio.SpectrogramTransformer(mel=True, to_db=True)(
        sample_rate=44_100, n_fft=2560, win_length=1024, hop_length=690, n_mels=128, f_min=20.0, f_max=20_000.0,
        top_db=60,
    )  # fmt: skip
    inputs = []
    for place, item in enumerate(batch.items):
        audio = fastaudio.AudioTensor.create(clips[item].path)
        trimmed = fastaudio.RemoveSilence(fastaudio.RemoveType.Trim, threshold=20, pad_ms=20)(audio)
        assert trimmed.nsamples == clips[item].samples
        monkeypatch.setattr(random, "randint", MagicMock(return_value=abs(drawn.starts[place])))
        spectrogram = to_spectrogram(fastaudio.ResizeSignal(2000)(trimmed))
        for mask, kind in zip(drawn.masks, ("MaskTime", "MaskFreq"), strict=True):
            spectrogram = getattr(fastaudio, kind)(size=8, start=int(mask.start[place, 0]))(spectrogram)
        inputs.append(spectrogram.as_subclass(torch.Tensor))
    theirs, targets = torch.stack(inputs), torch.eye(4)[torch.from_numpy(batch.items)]
    if training:
        mixing = fastai_mixup.MixUp(0.4)
        weight, partner = torch.from_numpy(drawn.mixup.weight).float(), torch.from_numpy(drawn.mixup.partner)
        monkeypatch.setattr(mixing, "distrib", types.SimpleNamespace(sample=lambda shape: weight))
        monkeypatch.setattr(fastai_mixup.torch, "randperm", lambda items: partner)
        mixing.stack_y = False
        mixing.learn = types.SimpleNamespace(x=theirs, y=targets, xb=(theirs,), yb=(targets,))
        mixing.before_batch()
        theirs, targets = mixing.learn.xb[0], mixing.learn.yb[0]
    else:
        assert drawn.mixup is None
    assert batch.values.shape == (4, 1, 128, 128)
    np.testing.assert_allclose(batch.values, theirs, rtol=0, atol=2e-3)
    np.testing.assert_allclose(batch.targets, targets, rtol=0, atol=1e-6)


def test_crops_of_the_capstone_can_start_wherever_fastaudios_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """fastaudio draws a whole number from 0 to the number of spare samples, ends included."""
    import_fastaudio()
    for samples in (CAPSTONE.clip_samples + 5, CAPSTONE.clip_samples - 5):
        clip = Clip("a", None, 0, samples, True)  # type: ignore[arg-type]
        starts = {abs(random_start(clip, CAPSTONE, at, False)) for at in np.linspace(0, 1, 1000, endpoint=False)}
        assert starts == set(range(6))
