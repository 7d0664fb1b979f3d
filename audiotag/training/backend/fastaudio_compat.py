"""fastaudio 1.0.2 (2021) under the libraries of today: stand-ins for what has moved since.

Most are needed only while fastaudio is being imported and are taken back afterwards; what stays, stays inside
fastaudio. Nothing happens before :func:`import_fastaudio` is called.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import soundfile
import torch


def import_fastaudio() -> types.ModuleType:
    """Import fastaudio, bridging what it misses; a later call returns the same module.

    Returns
    -------
    module
        ``fastaudio.all``: AudioTensor, AudioBlock, SpectrogramTransformer, the transforms. Once this has run,
        ``from fastaudio.all import …`` works too.
    """
    loaded = sys.modules.get("fastaudio.all")
    if loaded is not None:
        return loaded
    with _libraries_of_2021():
        fastaudio_all = importlib.import_module("fastaudio.all")
        signal = importlib.import_module("fastaudio.core.signal")
    # torchaudio.load now wants torchcodec and FFmpeg; only AudioTensor.create is to read by soundfile instead.
    torchaudio = importlib.import_module("torchaudio")
    vars(signal)["torchaudio"] = types.SimpleNamespace(load=_load, save=torchaudio.save)
    return fastaudio_all


@contextmanager
def _libraries_of_2021() -> Iterator[None]:
    import fasttransform
    import librosa.display
    import torchaudio
    from fastai.torch_core import TensorBase
    from plum import Dispatcher

    def waveplot(y: Any, sr: float = 22050, **options: Any) -> Any:
        return librosa.display.waveshow(y, sr=sr, **options)

    modules = {
        # Gone from setuptools, where it had come to warn; fastaudio asks it for its own version.
        "pkg_resources": _module(
            "pkg_resources",
            DistributionNotFound=importlib.metadata.PackageNotFoundError,
            get_distribution=importlib.metadata.distribution,
        ),
        # Became a package of its own.
        "fastcore.transform": fasttransform,
        # Became plum. A dispatcher apart from fastai's: it serves only show_batch, which is for notebooks.
        "fastcore.dispatch": _module("fastcore.dispatch", typedispatch=Dispatcher()),
    }
    pickling = TensorBase.__reduce_ex__
    try:
        with (
            _lent(sys.modules, modules),
            # Removed: torchaudio no longer has a global backend to set.
            _lent(vars(torchaudio), {"set_audio_backend": lambda backend: None}),
            # Became waveshow, whose sample rate goes by name only.
            _lent(vars(librosa.display), {"waveplot": waveplot}),
        ):
            yield
    finally:
        # fastaudio replaces fastai's pickling by a fix that fastai has had since, and that warns today.
        TensorBase.__reduce_ex__ = pickling


@contextmanager
def _lent(namespace: dict[str, Any], items: Mapping[str, Any]) -> Iterator[None]:
    before = {name: namespace[name] for name in items if name in namespace}
    namespace.update(items)
    try:
        yield
    finally:
        for name in items:
            del namespace[name]
        namespace.update(before)


def _module(name: str, **members: object) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(members)
    return module


def _load(path: str | os.PathLike[str], frame_offset: int = 0, num_frames: int = -1) -> tuple[torch.Tensor, int]:
    """``torchaudio.load`` by soundfile: (channels, samples) float32 in [-1, 1], and the sample rate in Hz."""
    samples, sample_rate = soundfile.read(path, frames=num_frames, start=frame_offset, dtype="float32", always_2d=True)
    return torch.from_numpy(samples.T.copy()), sample_rate
