"""Import fastaudio 1.0.2 (2021) with today's libraries, by stand-ins for what these have moved or removed.

Most stand-ins are needed only during the import and are removed after it; one stays, inside fastaudio. Nothing happens
before `import_fastaudio` is called.
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

from audiotag.errors import AudiotagError

HOW_TO_INSTALL = (
    'Training needs fastai and fastaudio; run: pip install "audiotag[train]" and then pip install --no-deps '
    "fastaudio==1.0.2 (pip cannot install them together, because fastaudio requires library versions of 2021)."
)


def import_fastaudio() -> types.ModuleType:
    """Import fastaudio; a later call returns the same module.

    Returns
    -------
    module
        ``fastaudio.all``: AudioTensor, AudioBlock, SpectrogramTransformer, the transforms. After this call
        ``from fastaudio.all import …`` works too.

    Raises
    ------
    AudiotagError
        If fastai, fastaudio or a library that they need is not installed, or torchaudio does not fit torch; says how
        to install them.
    """
    loaded = sys.modules.get("fastaudio.all")
    if loaded is not None:
        return loaded
    try:
        with _libraries_of_2021():
            fastaudio_all = importlib.import_module("fastaudio.all")
            signal = importlib.import_module("fastaudio.core.signal")
    except ModuleNotFoundError as error:
        raise AudiotagError(HOW_TO_INSTALL) from error
    except OSError as error:  # torchaudio's own library was built for another torch
        raise AudiotagError(f"torchaudio does not load beside torch {torch.__version__}. {HOW_TO_INSTALL}") from error
    # torchaudio.load now needs torchcodec and FFmpeg; AudioTensor.create alone reads with soundfile instead.
    torchaudio = importlib.import_module("torchaudio")
    vars(signal)["torchaudio"] = types.SimpleNamespace(load=_load_with_soundfile, save=torchaudio.save)
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
        # Removed from setuptools; fastaudio asks it for its own version.
        "pkg_resources": _module(
            "pkg_resources",
            DistributionNotFound=importlib.metadata.PackageNotFoundError,
            get_distribution=importlib.metadata.distribution,
        ),
        # Now a package of its own.
        "fastcore.transform": fasttransform,
        # Now plum. Not fastai's own dispatcher: this one serves only show_batch, which is for notebooks.
        "fastcore.dispatch": _module("fastcore.dispatch", typedispatch=Dispatcher()),
    }
    reduce_ex = TensorBase.__reduce_ex__
    try:
        with (
            _temporarily_added(sys.modules, modules),
            # Removed: torchaudio no longer has a global backend to set.
            _temporarily_added(vars(torchaudio), {"set_audio_backend": lambda backend: None}),
            # Now waveshow, whose sample rate must be given by name.
            _temporarily_added(vars(librosa.display), {"waveplot": waveplot}),
        ):
            yield
    finally:
        # fastaudio replaces fastai's pickling by a fix that fastai now has itself, and that warns today.
        TensorBase.__reduce_ex__ = reduce_ex


@contextmanager
def _temporarily_added(namespace: dict[str, Any], items: Mapping[str, Any]) -> Iterator[None]:
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


def _load_with_soundfile(
    path: str | os.PathLike[str], frame_offset: int = 0, num_frames: int = -1
) -> tuple[torch.Tensor, int]:
    """Replace ``torchaudio.load`` by soundfile: (channels, samples) float32 in [-1, 1], and the sample rate in Hz."""
    samples, sample_rate = soundfile.read(path, frames=num_frames, start=frame_offset, dtype="float32", always_2d=True)
    return torch.from_numpy(samples.T.copy()), sample_rate
