"""Read arrays of a safetensors file without loading it, and write such a file without holding it in memory.

safetensors' own functions read and write whole files. A store of embeddings may be larger than memory, and a page needs
few of its rows: here arrays are maps of the file (`numpy.memmap`), of which only what is used is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from audiotag.workspace import open_atomic

HEADER_LENGTH_BYTES = 8
DTYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "I64": np.int64, "U64": np.uint64}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def map_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, which stay on disk.

    Raises
    ------
    ValueError
        If the file is not whole, or has arrays of other types than `DTYPES`.
    """
    content = np.memmap(path, np.uint8, "r")
    begins = HEADER_LENGTH_BYTES + int.from_bytes(content[:HEADER_LENGTH_BYTES].tobytes(), "little")
    if begins > len(content):
        raise ValueError("the header is longer than the file")
    header = json.loads(content[HEADER_LENGTH_BYTES:begins].tobytes())
    arrays = {}
    for name, entry in header.items():
        dtype, shape = np.dtype(DTYPES[entry["dtype"]]), tuple(entry["shape"])
        first, end = (begins + offset for offset in entry["data_offsets"])
        if not begins <= first <= end <= len(content) or end - first != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} does not fit into the file")
        arrays[name] = content[first:end].view(dtype).reshape(shape)
    return arrays


def write_arrays(path: Path, arrays: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Write a safetensors file, atomically.

    Parameters
    ----------
    path : Path
    arrays : mapping of str to sequence of numpy.ndarray
        Each array in parts, which are written one after the other, along the first axis. The types of `DTYPES`; those
        with the largest items first, so that all arrays are aligned.
    """
    header, offset = {}, 0
    for name, parts in arrays.items():
        rows, size = sum(map(len, parts)), sum(part.nbytes for part in parts)
        shape = [rows, *parts[0].shape[1:]]
        header[name] = {"dtype": NAMES[parts[0].dtype], "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % HEADER_LENGTH_BYTES)
    with open_atomic(path) as file:
        file.write(len(text).to_bytes(HEADER_LENGTH_BYTES, "little") + text)
        for parts in arrays.values():
            for part in parts:
                _write(file, part)


def _write(file: BinaryIO, array: np.ndarray) -> None:
    if array.size:
        file.write(np.ascontiguousarray(array).data.cast("B"))
