"""The band energies that a search for near-duplicates has read so far, so that it can be stopped and continued.

A store is a folder with parts ``part-NUMBER.safetensors``, each with the band energies of some sounds one after the
other, their lengths, and the hashes of their files. It is removed when the search has ended: it is as large as 6 MB per
hour of sound.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiotag.similarity.band_energies import SETTINGS
from audiotag.state import read_state
from audiotag.workspace import write_bytes


@dataclass(frozen=True)
class EnergyStore:
    """The folder of band energies.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    def add(self, energies: dict[int, np.ndarray]) -> None:
        """Write the band energies of some sounds.

        Parameters
        ----------
        energies : dict of int to numpy.ndarray, shape=(bands, frames), int8
            By hashes of files, from `audiotag.similarity.embedding_store.file_keys`.
        """
        from safetensors.numpy import save

        if not energies:
            return
        arrays = {
            "files": np.array(list(energies), np.uint64),
            "frames": np.array([each.shape[1] for each in energies.values()], np.int64),
            "energies": np.concatenate(list(energies.values()), axis=1),
        }
        write_bytes(self.folder / f"part-{secrets.token_hex(8)}.safetensors", save(arrays))

    def read(self) -> dict[int, np.ndarray]:
        """All band energies that are stored, by hashes of files."""
        found: dict[int, np.ndarray] = {}
        nothing: dict[int, np.ndarray] = {}
        for path in sorted(self.folder.glob("part-*.safetensors")):
            found |= read_state(path, _parse, nothing, "its sounds are read again")
        return found


def _parse(content: bytes) -> dict[int, np.ndarray]:
    from safetensors.numpy import load

    arrays = load(content)
    files, frames, energies = arrays["files"], arrays["frames"], arrays["energies"]
    if files.dtype != np.uint64 or frames.dtype != np.int64 or energies.dtype != np.int8:
        raise ValueError("an array has another type")
    if frames.shape != files.shape or energies.shape != (SETTINGS.n_mels, frames.sum()) or (frames < 0).any():
        raise ValueError("the arrays do not fit each other")
    parts = np.split(energies, np.cumsum(frames)[:-1], axis=1)
    return dict(zip(files.tolist(), parts, strict=True))
