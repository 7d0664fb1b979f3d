"""The Raven format with one selection table per clip, which opens in Raven together with the clip."""

from __future__ import annotations

from typing import ClassVar

from audiotag.tagging.export.base import register_export
from audiotag.tagging.export.raven import RavenFormat


@register_export("raven-per-clip")
class RavenPerClipFormat(RavenFormat):
    """The table of `raven.RavenFormat` for one clip; Raven's own ending of a file name follows the clip's name."""

    title: ClassVar[str] = "Raven tables, one per clip"
    about: ClassVar[str] = "The time ranges of one clip, to open in Raven together with the clip."
    one_file_per_clip: ClassVar[bool] = True
    for_spreadsheets: ClassVar[bool] = False

    def clip_file(self, clip: str) -> str:
        """As Raven names the first table of a sound."""
        return f"{clip}.Table.1.selections{self.suffix}"
