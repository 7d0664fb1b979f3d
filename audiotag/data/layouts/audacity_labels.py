"""Label tracks of Audacity: a text file per sound, with a line per labelled range.

A line is start and end in seconds and a text, separated by tabs. A line that begins with a backslash has the
frequencies of the range above it (https://manual.audacityteam.org/man/importing_and_exporting_labels.html). The text
files lie beside the sounds or in a folder of their own, such as ``labels/``.
"""

from __future__ import annotations

import re
from pathlib import Path

from audiotag.data.dataset import Reading
from audiotag.data.layouts.annotated import (
    AnnotatedLayout,
    ClipLabels,
    files_at,
    first_bytes,
    folder_of_sounds,
    missing_sounds,
    require_size,
    sound_of_text,
    split_of_sound,
    without_wrapping,
)
from audiotag.data.layouts.base import OpenOptions, register_layout
from audiotag.data.layouts.folder_tree import FolderTree
from audiotag.data.layouts.reading import Findings

NUMBER = r"-?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\t({NUMBER})(?:\t([^\t]*))?")
FREQUENCIES = "\\"
SCORE = re.compile(r" (?:0\.\d\d|1\.00)$")  # after the label in the tracks that audiotag exports
ENDINGS = re.compile(r"[ ._-]*(?:audacity|labels?|label ?track|annotations?)$", re.IGNORECASE)
DEPTH = 2
START_BYTES = 4096
FILES_TRIED = 50


@register_layout("audacity-labels")
class AudacityLabels(AnnotatedLayout):
    """Each sound has the labels of all ranges in its text file; a sound without a text file is left out."""

    title = "Audacity labels"
    order = 27
    annotations = "label tracks of Audacity"

    def recognises(self, path: Path) -> bool:
        """Whether one of the first text files is a track with a label; few beside class folders do not count."""
        path = without_wrapping(path)
        texts = files_at(path, (".txt",), DEPTH)
        tracks = [track for track in texts[:FILES_TRIED] if _is_track(track)]
        if not any(any(_labels(track)) for track in tracks):  # times alone are onsets, not labels
            return False
        tree = FolderTree(folder_of_sounds(path))
        sounds = tree.paths
        if 2 * len(texts) < len(sounds.sounds) and tree.are_classes:
            return False
        return any(sound_of_text(track, tracks, sounds, ENDINGS) for track in tracks)

    def annotation_files(self, path: Path) -> list[Path]:
        """The label tracks, empty ones included; none if all are empty."""
        texts = files_at(path, (".txt",), DEPTH)
        tracks = [text for text in texts if _is_track(text) or text.stat().st_size == 0]
        return tracks if any(track.stat().st_size for track in tracks) else []

    def read(self, files: list[Path], clips: ClipLabels, findings: Findings, options: OpenOptions) -> None:
        """Read all label tracks."""
        root, missing = clips.sounds.root, []
        for track in files:
            sound = sound_of_text(track, files, clips.sounds, ENDINGS)
            name = track.relative_to(root).as_posix()
            if sound is None:
                missing.append(name)
            else:
                clips.add(sound, _labels(track), split=split_of_sound(sound, root))
        missing_sounds(missing, "the label tracks", root, findings)
        findings.readings.append(
            Reading(
                "label tracks",
                ("start", "end", "label"),
                {"labels": ("label",)},
                "one label per line; a clip has the labels of all lines",
                ("When a range begins and ends, and its frequencies, are not used.", *clips.notes()),
                {"label": tuple(sorted({label for labels in clips.table()["labels"] for label in labels}))[:3]},
            )
        )


def _labels(track: Path) -> list[str]:
    require_size(track)
    content = track.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    ranges = (RANGE.fullmatch(line.rstrip()) for line in text.splitlines() if not line.startswith(FREQUENCIES))
    return [SCORE.sub("", " ".join((found[3] or "").split())) for found in ranges if found]


def _is_track(file: Path) -> bool:
    """Whether the first line is a labelled range."""
    start = first_bytes(file, START_BYTES).decode("utf-8-sig", errors="replace")
    first = next((line for line in start.splitlines() if line.strip()), "")
    return RANGE.fullmatch(first.rstrip()) is not None
