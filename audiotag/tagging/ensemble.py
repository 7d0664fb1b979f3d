"""Find an ensemble by its name or folder."""

from __future__ import annotations

from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card
from audiotag.tagging.card_reading import read_card
from audiotag.workspace import Workspace


def embedding_source(folder: Path, card: Card) -> tuple[Path, Card]:
    """The ensemble whose networks give the embeddings: the one in the folder itself, or the first member of a blend."""
    if card.blend is None:
        return folder, card
    first = card.network_folders(folder)[0]
    return first, read_card(first)


def ensemble_reference(folder: Path) -> str:
    """Text by which `find_ensemble` finds the ensemble in a folder from everywhere.

    That is its name if it is shipped or in the workspace, else the absolute path of the folder.
    """
    folder = folder.resolve()
    known = Workspace().ensemble_folders().get(folder.name)
    return folder.name if known is not None and known.resolve() == folder else str(folder)


def find_ensemble(ensemble: str | Path) -> Path:
    """Folder of an ensemble.

    Parameters
    ----------
    ensemble : str or Path
        A Path is a folder. Text is the name of a shipped ensemble or of one in the workspace, else a folder.

    Raises
    ------
    AudiotagError
        If there is no ensemble of this name; names those that there are.
    """
    if isinstance(ensemble, Path):
        return ensemble
    known = Workspace().ensemble_folders()
    if ensemble in known:
        return known[ensemble]
    if Path(ensemble).is_dir():
        return Path(ensemble)
    hint = f"choose one of {', '.join(known)}" if known else "there are no ensembles yet"
    raise AudiotagError(f"there is no ensemble named {ensemble}; {hint}.")
