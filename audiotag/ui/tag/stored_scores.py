"""Keep the scores of sounds in the history on disk, so that their tags are there at once after a restart.

``tag-history/scores`` has one small file per sound, ensemble and kind of test-time augmentation. A sound whose scores
take more than `MAX_BYTES` is scored again when it is shown.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from audiotag.disk import optional_write
from audiotag.state import fits, read_state
from audiotag.tagging.evidence import Evidence
from audiotag.tagging.settings import DEFAULT_OVERLAP
from audiotag.ui import caching, ensemble_cache
from audiotag.ui.tag.dropped_sounds import DroppedSound
from audiotag.ui.tag.history import SoundHistory
from audiotag.version import __version__
from audiotag.workspace import Workspace, write_bytes

if TYPE_CHECKING:
    from audiotag.tagging.card import Card

MAX_BYTES = 2 << 20
EDITION = 2  # rises when the files have something else than before; the second has embeddings
FACTS = {"name": str, "duration_s": float, "window_s": float, "notes": [str], "content": str, "differences": [str]}


def load_evidence(
    sound: DroppedSound, folder: Path, card: Card, tta: bool, overlap: float = DEFAULT_OVERLAP
) -> Evidence:
    """Scores of a sound from every network on the card of the ensemble in a folder: from the disk, or computed.

    Raises
    ------
    AudiotagError
        If the sound cannot be read.
    """
    if not sound.entry:
        return ensemble_cache.load_evidence(
            sound.source, sound.name, sound.content, folder, tta, overlap, card.is_single
        )
    key: list[object] = [EDITION, __version__, sound.name, sound.content, tta, card.name, *card.fold_checksums]
    key += [card.familiar, *([] if overlap == DEFAULT_OVERLAP else [overlap])]
    digest = hashlib.blake2b(json.dumps(key).encode(errors="backslashreplace"), digest_size=16).hexdigest()
    path = SoundHistory(Workspace()).scores / f"{sound.entry}-{digest}.safetensors"
    found = _read(path, card.evidence_sizes)
    if found is None:
        found = ensemble_cache.load_evidence(
            sound.source, sound.name, sound.content, folder, tta, overlap, card.is_single
        )
        if found.nbytes <= MAX_BYTES and not path.exists():
            with optional_write("scores are not kept"):
                write_bytes(path, to_bytes(found))
    return found


@caching.cached(max_entries=512, show_spinner=False, hash_funcs={type(Path()): os.fsencode})
def _read(path: Path, sizes: tuple[tuple[int, int], ...]) -> Evidence | None:
    """The scores in a file; None where there is no such file yet, which is looked for once."""
    return read_state(path, lambda content: from_bytes(content, sizes), None, "the sound is scored again")


def to_bytes(evidence: Evidence) -> bytes:
    """The content of a file of scores; of a blend it has the files of its members."""
    if evidence.members:
        files = map(to_bytes, evidence.members)
        return save_arrays({f"member-{number}": np.frombuffer(file, np.uint8) for number, file in enumerate(files, 1)})
    arrays = {"starts_s": evidence.starts_s, "audible": evidence.audible, "scores": evidence.scores}
    for name in ("augmented", "embeddings", "familiarity"):
        if (array := getattr(evidence, name)) is not None:
            arrays[name] = array
    facts = {name: getattr(evidence, name) for name in FACTS}
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    facts_array = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    return save_arrays(contiguous | {"facts": facts_array})


def from_bytes(content: bytes, sizes: tuple[tuple[int, int], ...]) -> Evidence:
    """What `to_bytes` packed, for an ensemble with these `Card.evidence_sizes`; raises if it is anything else."""
    arrays = load_arrays(content)
    if len(sizes) > 1:
        files = [arrays[f"member-{number}"].tobytes() for number in range(1, len(sizes) + 1)]
        members = [from_bytes(file, (size,)) for file, size in zip(files, sizes, strict=True)]
        return Evidence.of_members(members)
    (size,) = sizes
    facts = json.loads(arrays["facts"].tobytes())
    scores, augmented, windows = arrays["scores"], arrays.get("augmented"), len(arrays["starts_s"])
    familiarity, shape = arrays.get("familiarity"), (size[0], windows, size[1])
    if not fits(facts, FACTS) or scores.shape != shape or arrays["audible"].shape != (windows,):
        raise ValueError("the scores are of another sound or ensemble")
    if augmented is not None and augmented.shape[1:] != shape:
        raise ValueError("the augmented scores are of another sound or ensemble")
    if familiarity is not None and (familiarity.shape != shape[:2] or ((familiarity <= 0) | (familiarity > 1)).any()):
        raise ValueError("the familiarity is of another sound or ensemble, or is not 0 to 1")
    if not all(((each >= 0) & (each <= 1)).all() for each in (scores, augmented) if each is not None):
        raise ValueError("a score is not 0 to 1")
    embeddings = arrays.get("embeddings")
    if embeddings is not None and (embeddings.shape[:2] != shape[:2] or not np.isfinite(embeddings).all()):
        raise ValueError("the embeddings are of another sound")
    facts = {name: facts[name] for name in FACTS}
    facts |= {name: tuple(facts[name]) for name in ("notes", "differences")}
    return Evidence(
        starts_s=arrays["starts_s"],
        audible=arrays["audible"],
        scores=scores,
        augmented=augmented,
        embeddings=embeddings,
        familiarity=familiarity,
        **facts,
    )
