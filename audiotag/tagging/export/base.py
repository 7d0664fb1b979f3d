"""The interface of an export format, the registry that finds a format by its name, and what writes a file with it.

A format is one file: a class derived from `ExportFormat` and decorated with `register_export`. ``audiotag tag`` and
the Tag page offer every registered format.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, TypeVar

from audiotag.errors import AudiotagError
from audiotag.registry import Registry
from audiotag.tagging.events import EventSettings
from audiotag.tagging.export.rows import Row
from audiotag.workspace import open_atomic

if TYPE_CHECKING:
    from audiotag.tagging.card import Card


@dataclass(frozen=True)
class ExportOptions:
    """What a format must know besides the rows.

    Attributes
    ----------
    labels : tuple[str, ...]
        All labels of the ensemble, in the order of its card.
    thresholds : tuple[float, ...]
        One threshold per label, in the same order, 0 to 1.
    timeline : bool
        Whether the scores of each window are wanted, in place of one score per clip and label.
    spreadsheet : bool
        Whether text that a spreadsheet would take for a formula is disarmed (`audiotag.spreadsheets`); only for a
        format whose `ExportFormat.for_spreadsheets` is set.
    events : EventSettings
        How time ranges are found in timelines; for formats whose `ExportFormat.has_events` is set, and for the
        ``events`` in rows.
    band_hz : tuple[float, float]
        Lowest and highest frequency that the ensemble gets, for formats whose time ranges have frequencies.
    """

    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    timeline: bool = False
    spreadsheet: bool = False
    events: EventSettings = field(default_factory=EventSettings)
    band_hz: tuple[float, float] = (0.0, 22_050.0)

    @classmethod
    def of(cls, card: Card, thresholds: Sequence[float], **options: Any) -> ExportOptions:
        """The options for an ensemble; ``options`` are further fields."""
        band_hz = (card.spectrogram.f_min, card.spectrogram.f_max)
        return cls(card.labels, tuple(thresholds), band_hz=band_hz, **options)


class ExportFormat:
    """Base class of an export format; it has no state.

    Attributes
    ----------
    name : str
        The name that it is registered by; `register_export` sets it.
    title : str
        What the Tag page calls it.
    about : str
        What a file of this format holds, in one sentence; shown on the Tag page.
    suffix : str
        How its file names end: a dot with lower-case letters or digits, such as ``".csv"``. ``audiotag tag --out``
        finds the format by it, unless ``found_by_suffix`` is False.
    mime : str
        Media type of the file.
    one_file_per_clip : bool
        Whether it writes one file per clip, in place of one file for all clips.
    for_spreadsheets : bool
        Whether people open its files in spreadsheets, so that `ExportOptions.spreadsheet` changes what it writes.
    has_events : bool
        Whether it writes time ranges, which `ExportOptions.events` changes.
    found_by_suffix : bool
        Whether a suffix alone means this format. Formats that share the suffix of a common one, such as ``.csv``, say
        False and are chosen by their name.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str]
    about: ClassVar[str]
    suffix: ClassVar[str]
    mime: ClassVar[str]
    one_file_per_clip: ClassVar[bool] = False
    for_spreadsheets: ClassVar[bool] = False
    has_events: ClassVar[bool] = False
    found_by_suffix: ClassVar[bool] = True

    def clip_file(self, clip: str) -> str:
        """Name of the file of a clip, for a format with one file per clip; the clip's own suffix stays in it."""
        return f"{clip}{self.suffix}"

    def write(self, file: BinaryIO, rows: Iterable[Row], options: ExportOptions) -> None:
        """Write one file.

        Parameters
        ----------
        file : binary file
            Open for writing; it need not be seekable.
        rows : iterable of dict
            What `audiotag.tagging.export.rows.clip_row` makes, in the order of the clips; what `problem_row` makes for
            a clip that could not be tagged. There may be millions: take one after the other and do not collect them.
            They hold ``events``, and ``timeline`` if ``options.timeline`` is set. A format with one file per clip gets
            one row, which always has its ``timeline``, in full precision. `audiotag.tagging.export.intervals` gives
            the events of both.
        options : ExportOptions
        """
        raise NotImplementedError


Format = TypeVar("Format", bound=type[ExportFormat])
EXPORTS: Registry[type[ExportFormat]] = Registry("export format", "audiotag.tagging.export", "audiotag.exports")


def register_export(name: str) -> Callable[[Format], Format]:
    """Decorate an `ExportFormat` to make it known as ``--format NAME`` and on the Tag page.

    Raises
    ------
    AudiotagError
        If the class lacks an attribute, its suffix is not one that a file name can be recognised by, or another
        format has this name.
    """

    def register(format: Format) -> Format:
        if missing := [field for field in ("title", "about", "suffix", "mime") if not getattr(format, field, "")]:
            raise AudiotagError(f"the export format {name} must have a {missing[0]}; set it in its class.")
        if not re.fullmatch(r"\.[a-z0-9]+", format.suffix):
            raise AudiotagError(
                f"the suffix of the export format {name} must be a dot with lower-case letters or digits, such as "
                f".csv, got {format.suffix!r}."
            )
        EXPORTS.register(name)(format)
        format.name = name
        return format

    return register


def export_formats() -> tuple[ExportFormat, ...]:
    """All formats: tables first, then files of time ranges, then those with one file per clip; each group by name."""
    formats = [format() for _, format in EXPORTS.items()]
    return tuple(sorted(formats, key=lambda format: (format.one_file_per_clip, format.has_events)))


def export_format(out: Path, name: str = "") -> ExportFormat:
    """The format of this name, or without a name the one for the suffix of ``out``.

    A suffix never means a format with one file per clip, because ``out`` is then a folder.

    Raises
    ------
    AudiotagError
        If there is no such format, or if two formats have this suffix.
    """
    if name:
        return EXPORTS.get(name)()
    whole = [format for format in export_formats() if not format.one_file_per_clip and format.found_by_suffix]
    found = [format for format in whole if format.suffix == out.suffix.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(format.name for format in found)
        raise AudiotagError(f"{names} both write {out.suffix} files; choose one with --format NAME.")
    suffixes = list(dict.fromkeys(format.suffix for format in whole))
    raise AudiotagError(
        f"--out must end in {', '.join(suffixes[:-1])} or {suffixes[-1]}, got {out.name}; for another ending, name "
        f"the format with --format ({', '.join(EXPORTS.names())})."
    )


def file_name(format: ExportFormat, spreadsheet: bool = False) -> str:
    """Name of a file with all clips: formats with the same suffix get different names.

    >>> from audiotag.tagging.export.csv import CsvFormat
    >>> file_name(CsvFormat()), file_name(CsvFormat(), spreadsheet=True)
    ('tags.csv', 'tags-spreadsheet.csv')
    """
    words = ["tags", *([] if format.found_by_suffix else [format.name]), *(["spreadsheet"] if spreadsheet else [])]
    return "-".join(words) + format.suffix


def write_export(format: ExportFormat, out: Path, rows: Iterable[Row], options: ExportOptions) -> None:
    """Write rows into a file. After an error, the file that was there before is unchanged."""
    with open_atomic(out) as file:
        format.write(file, rows, options)


def export_bytes(format: ExportFormat, rows: Iterable[Row], options: ExportOptions) -> bytes:
    """The content of the file that `write_export` writes."""
    buffer = io.BytesIO()
    format.write(buffer, rows, options)
    return buffer.getvalue()
