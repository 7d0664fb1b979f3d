"""Compute with batches that are NumPy arrays or torch tensors, for augmentations.

torch is imported only if a batch is a torch tensor. Parameters that were sampled on the host go to the device of the
batch once, and nothing is copied back, so that no step waits for the device.
"""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral
from typing import Any, Literal

import numpy as np

from audiotag.checks import require
from audiotag.errors import AudiotagError

Array = Any  # numpy.ndarray or torch.Tensor
Domain = Literal["waveform", "log-mel", "network-input"]
Axis = Literal["time", "mel"]

AXES: dict[Domain, tuple[str, ...]] = {
    "waveform": ("batch", "samples"),
    "log-mel": ("batch", "1", "n_mels", "frames"),
    "network-input": ("batch", "channels", "height", "width"),
}
MAX_SIDE = 10_000  # of a resized batch
MAX_RUNS = 8  # of lines that are copied as slices
AXIS_NUMBERS: dict[Axis, int] = {"mel": 2, "time": 3}  # of a batch of spectrograms
# The axes of a batch of spectrograms that each flip mirrors: none, time, frequency, both. The order is that of the
# outputs of trained networks.
FLIPS: tuple[tuple[int, ...], ...] = ((), (3,), (2,), (2, 3))


def require_fit(values: np.ndarray, batch: Array) -> None:
    """Raise unless there is one sampled value per item of the batch."""
    rule = f"have as many items as the batch ({len(batch)})"
    require(len(values) == len(batch), "the params", rule, len(values), "sample with the batch's own shape")


def items_of(shape: tuple[int, ...], domain: Domain) -> int:
    """Number of items in a batch of this shape; raises unless the domain has batches of such a shape."""
    axes = AXES[domain]
    rule = f"be ({', '.join(axes)})"
    require(len(shape) == len(axes), f"the shape of a {domain} batch", rule, tuple(shape), "add the missing axes")
    return shape[0]


def namespace(batch: Array) -> Any:
    """The module of the batch's array type, NumPy or torch; raises unless the batch holds floating-point numbers."""
    if isinstance(batch, np.ndarray):
        require(batch.dtype.kind == "f", "a batch", "hold floating-point numbers", batch.dtype, "convert it to float32")
        return np
    import torch

    if not isinstance(batch, torch.Tensor):
        raise AudiotagError(f"a batch must be a NumPy array or a torch tensor, got {type(batch).__name__}; stack it.")
    require(batch.is_floating_point(), "a batch", "hold floating-point numbers", batch.dtype, "convert it to float32")
    return torch


def on_device(values: np.ndarray, batch: Array, dtype: Any = None) -> Array:
    """Copy values to the batch's array type and device, in the batch's dtype unless another one is given."""
    xp = namespace(batch)
    if xp is np:
        return values.astype(dtype or batch.dtype)
    tensor = xp.tensor(values, dtype=dtype or batch.dtype)
    # A blocking copy would wait for all pending work of the GPU; CUDA copies the values before this returns.
    return tensor.to(batch.device, non_blocking=batch.device.type == "cuda")


def beside(values: np.ndarray, batch: Array) -> Array:
    """Copy sampled values, shape ``(batch,)``, to the device and add axes so that they broadcast with the batch."""
    namespace(batch)  # raises if it is not an array
    require_fit(values, batch)
    return on_device(values.reshape((len(values),) + (1,) * (batch.ndim - 1)), batch)


def working_dtype(batch: Array) -> Any:
    """The batch's dtype, but float32 for one of 16 bits, which is too coarse for positions and squares."""
    return batch.dtype if batch.dtype.itemsize >= 4 else namespace(batch).float32


def cast(batch: Array, dtype: Any) -> Array:
    """Convert the batch to a dtype; it is returned unchanged if it has that dtype already."""
    return batch.astype(dtype, copy=False) if isinstance(batch, np.ndarray) else batch.to(dtype)


def stretches(batch: Array, start: np.ndarray, width: np.ndarray, axis: Axis) -> Array:
    """Mark the lines (frames or mel bands) inside the given stretches of each spectrogram.

    Parameters
    ----------
    batch : numpy.ndarray or torch.Tensor, shape=(batch, channels, n_mels, frames)
    start, width : numpy.ndarray of int, shape=(batch, count)
        First line and number of lines of each stretch.
    axis : str

    Returns
    -------
    numpy.ndarray or torch.Tensor of bool
        With axes that broadcast with the batch.
    """
    require_fit(start, batch)
    xp, size = namespace(batch), batch.shape[AXIS_NUMBERS[axis]]
    first, after = (on_device(lines[..., None], batch, xp.int64) for lines in (start, start + width))
    places = xp.arange(size, device=batch.device)
    return ((places >= first) & (places < after)).any(1).reshape(_line_shape(axis, len(start), size))


def fill_stretches(batch: Array, start: np.ndarray, width: np.ndarray, axis: Axis, value: Array) -> Array:
    """Replace all lines inside the given stretches of each spectrogram by its value.

    Parameters
    ----------
    batch : numpy.ndarray or torch.Tensor, shape=(batch, channels, n_mels, frames)
    start, width : numpy.ndarray of int, shape=(batch, count)
        First line and number of lines of each stretch; the part of it beyond the spectrogram does not count.
    axis : str
    value : numpy.ndarray or torch.Tensor, shape=(batch, channels, 1, 1)
    """
    if not isinstance(batch, np.ndarray):
        return namespace(batch).where(stretches(batch, start, width, axis), value, batch)
    require_fit(start, batch)
    filled = batch.copy()  # slices of the few lines take a third of the time of comparing each value
    for spectrogram, of_item, first, after in zip(filled, value, start.clip(0), (start + width).clip(0), strict=True):
        lines = spectrogram.swapaxes(1, AXIS_NUMBERS[axis] - 1)
        for begin, end in zip(first.tolist(), after.tolist(), strict=True):
            lines[:, begin:end] = of_item
    return filled


def stretch(batch: Array, axis: Axis, start: np.ndarray, length: np.ndarray, size: int) -> Array:
    """Stretch ``length`` lines of each spectrogram from line ``start`` on to ``size`` lines, by linear interpolation.

    Lines beyond the first and the last one are repeated.
    """
    require_fit(start, batch)
    xp, shape = namespace(batch), _line_shape(axis, len(start), size)
    first, lines = (on_device(values[:, None], batch, xp.int64) for values in (start, length))
    middles = xp.arange(size, device=batch.device, dtype=working_dtype(batch)) + 0.5
    places = (middles * (cast(lines, working_dtype(batch)) / size) - 0.5).clip(0)
    below = cast(places, xp.int64)
    above = xp.minimum(below + 1, lines - 1)
    low, high = (lines_at(batch, axis, first + near) for near in (below, above))
    return _between(low, high, cast((places - below).reshape(shape), batch.dtype))


def lines_at(batch: Array, axis: Axis, places: Array) -> Array:
    """Take lines of each spectrogram by index: ``places`` has shape ``(batch, lines)`` and is on the batch's device."""
    number = AXIS_NUMBERS[axis]
    if not isinstance(batch, np.ndarray):
        return namespace(batch).take_along_dim(batch, places.reshape(_line_shape(axis, *places.shape)), number)
    # One spectrogram at a time, because take_along_axis looks each value up by four indices, which takes four times as
    # long. Runs of lines are copied, which takes a quarter of that again: a crop is one run, a shift two.
    shape = [*batch.shape]
    shape[number] = places.shape[1]
    taken = np.empty(shape, dtype=batch.dtype)
    begins = np.diff(places, axis=1, prepend=places[:, :1] - 2) != 1
    for spectrogram, lines, is_begin, out in zip(batch, places, begins, taken, strict=True):
        runs = np.flatnonzero(is_begin)
        if len(runs) > MAX_RUNS:  # all indices are valid, so "clip" changes no value; NumPy writes into `out` directly
            np.take(spectrogram, lines, axis=number - 1, out=out, mode="clip")
            continue
        source, target = spectrogram.swapaxes(0, number - 1), out.swapaxes(0, number - 1)
        for run, after in pairwise([*runs.tolist(), len(lines)]):
            first = int(lines[run])
            target[run:after] = source[first : first + after - run]
    return taken


def lines_between(batch: Array, axis: Axis, places: Array) -> Array:
    """Take lines of each spectrogram at places between whole lines, by linear interpolation.

    Parameters
    ----------
    batch : numpy.ndarray or torch.Tensor, shape=(batch, channels, n_mels, frames)
    axis : str
    places : numpy.ndarray or torch.Tensor, shape=(batch, lines)
        Floats in lines, on the batch's device. Beyond the first and the last line these are repeated.

    >>> lines_between(np.array([[[[0.0, 4.0, 8.0]]]]), "time", np.array([[0.5, 1.75, 2.0]]))
    array([[[[2., 7., 8.]]]])
    """
    xp, size = namespace(batch), batch.shape[AXIS_NUMBERS[axis]]
    places = places.clip(0, size - 1)
    below = cast(places, xp.int64)
    low, high = lines_at(batch, axis, below), lines_at(batch, axis, (below + 1).clip(max=size - 1))
    return _between(low, high, cast((places - below).reshape(_line_shape(axis, *places.shape)), batch.dtype))


def _between(low: Array, high: Array, share: Array) -> Array:
    """Linear interpolation, written over ``high``: other arrays of this size would take as long as the sums."""
    high -= low
    high *= share
    high += low
    return high


def _line_shape(axis: Axis, items: int, size: int) -> tuple[int, int, int, int]:
    return (items, 1, 1, size) if axis == "time" else (items, 1, size, 1)


def resize(batch: Array, height: int, width: int) -> Array:
    """Resize spectrograms bilinearly, as torch's ``interpolate(mode="bilinear", align_corners=False)``.

    Parameters
    ----------
    batch : numpy.ndarray or torch.Tensor, shape=(batch, channels, n_mels, frames)
    height, width : int

    Returns
    -------
    numpy.ndarray or torch.Tensor, shape=(batch, channels, height, width)

    >>> resize(np.array([[[[0.0, 4.0]]]]), 1, 4)
    array([[[[0., 1., 3., 4.]]]])
    """
    for name, size in (("height", height), ("width", width)):
        holds = isinstance(size, Integral) and 1 <= size <= MAX_SIDE
        require(holds, name, f"be a whole number from 1 to {MAX_SIDE}", size, "the unit is bands or frames")
    start = np.zeros(items_of(batch.shape, "network-input"), dtype=np.int64)
    taller = stretch(batch, "mel", start, start + batch.shape[2], height)
    return stretch(taller, "time", start, start + batch.shape[3], width)
