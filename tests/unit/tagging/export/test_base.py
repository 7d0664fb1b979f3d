"""A new export format is one class: the command and the Tag page then offer it beside the shipped ones."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import pytest
from streamlit.testing.v1 import AppTest

from audiotag.errors import AudiotagError
from audiotag.tagging.export.base import (
    EXPORTS,
    ExportFormat,
    ExportOptions,
    export_format,
    export_formats,
    file_name,
    register_export,
)

from ...conftest import CommandResult


@pytest.fixture
def formats(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that a test may add to."""
    EXPORTS.names()
    monkeypatch.setattr(EXPORTS, "_parts", dict(EXPORTS._parts))


@pytest.fixture
def json_stream(formats: None) -> type[ExportFormat]:
    """A format with one file for all clips: their rows as JSON, one after the other."""

    @register_export("json-stream")
    class JsonStreamFormat(ExportFormat):
        title = "JSON stream"
        about = "One JSON object per line and clip."
        suffix = ".stream"
        mime = "application/jsonl"

        def write(self, file: BinaryIO, rows: Iterable[dict], options: ExportOptions) -> None:
            for row in rows:
                file.write(json.dumps(row).encode() + b"\n")

    return JsonStreamFormat


@pytest.fixture
def label_lists(formats: None) -> type[ExportFormat]:
    """A format with one file per clip: the labels of each window, one line each."""

    @register_export("label-lists")
    class LabelListFormat(ExportFormat):
        title = "Label lists"
        about = "The labels of each window."
        suffix = ".labels"
        mime = "text/plain"
        one_file_per_clip = True

        def write(self, file: BinaryIO, rows: Iterable[dict], options: ExportOptions) -> None:
            for window in next(iter(rows))["timeline"]:
                passing = [
                    label
                    for label, threshold in zip(options.labels, options.thresholds, strict=True)
                    if window["scores"][label] >= threshold
                ]
                file.write(f"{window['start_s']:g} {' '.join(passing)}\n".encode())

    return LabelListFormat


@pytest.fixture
def sounds(tmp_path: Path, tone: Callable, write_wav: Callable) -> Path:
    write_wav(tmp_path / "sounds/a.wav", tone(500, 0.5))
    write_wav(tmp_path / "sounds/deep/b.wav", tone(1000, 1.5))
    (tmp_path / "sounds/bad.wav").touch()
    return tmp_path / "sounds"


def test_shipped_formats_have_a_title_a_sentence_a_suffix_and_a_media_type() -> None:
    formats = export_formats()
    assert [format.name for format in formats] == [
        "csv", "json", "jsonl", "parquet", "birdnet", "kaleidoscope", "raven", "audacity", "raven-per-clip", "webvtt",
    ]  # fmt: skip
    assert [format.name for format in formats if format.has_events] == [format.name for format in formats[4:]]
    assert len({file_name(format, each) for format in formats for each in (False, True)}) == 2 * len(formats)
    for format in formats:
        assert format.title
        assert format.about.endswith(".")
        assert format.suffix.startswith(".")
        assert "/" in format.mime
        assert export_format(Path("anything"), format.name).name == format.name
        if not format.one_file_per_clip and format.found_by_suffix:
            assert export_format(Path(f"tags{format.suffix.upper()}")).name == format.name


def test_unknown_suffix_or_name_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(
        AudiotagError,
        match=r"--out must end in \.csv, \.json, \.jsonl or \.parquet, got tags\.txt; .* \(audacity, birdnet,",
    ):
        export_format(Path("tags.txt"))  # the suffix of Audacity's label tracks, of which there is one per clip
    with pytest.raises(
        AudiotagError, match="'xlsx' is not a known export format; choose one of audacity, birdnet, csv"
    ):
        export_format(Path("tags.xlsx"), "xlsx")


def format_class(name: str, **attributes: str) -> type[ExportFormat]:
    """A new class with the attributes of a format."""
    return type(name, (ExportFormat,), {"title": "T", "about": "A.", "suffix": ".t", "mime": "text/plain"} | attributes)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"title": ""}, "the export format tab must have a title; set it in its class"),
        ({"mime": ""}, "the export format tab must have a mime"),
        ({"suffix": "tsv"}, r"suffix of the export format tab must be a dot with .*, got 'tsv'"),
        ({"suffix": ".TSV"}, r"got '\.TSV'"),
        ({"suffix": ".tar.gz"}, r"got '\.tar\.gz'"),
    ],
)
def test_format_without_a_usable_attribute_is_refused(formats: None, attributes: dict, reason: str) -> None:
    with pytest.raises(AudiotagError, match=reason):
        register_export("tab")(format_class("Tab", **attributes))
    assert "tab" not in EXPORTS.names()


def test_suffix_of_two_formats_needs_a_name(formats: None) -> None:
    register_export("other-json")(format_class("OtherJson", suffix=".json"))
    with pytest.raises(AudiotagError, match=r"json and other-json both write \.json files; choose one with --format"):
        export_format(Path("tags.json"))
    assert export_format(Path("tags.json"), "json").name == "json"


def test_command_writes_an_added_format_by_its_suffix_or_its_name(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path, json_stream: type
) -> None:
    command = ("tag", sounds, "--ensemble", tiny_ensemble, "--timeline")
    run(*command, "--out", tmp_path / "tags.json")
    assert run(*command, "--out", tmp_path / "tags.stream").status == 1
    assert run(*command, "--out", tmp_path / "tags.log", "--format", "json-stream").status == 1
    lines = (tmp_path / "tags.stream").read_text().splitlines()
    assert [json.loads(line) for line in lines] == json.loads((tmp_path / "tags.json").read_text())
    assert (tmp_path / "tags.log").read_bytes() == (tmp_path / "tags.stream").read_bytes()


def test_command_writes_a_format_with_one_file_per_clip_into_a_folder(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, tmp_path: Path, label_lists: type
) -> None:
    out = tmp_path / "lists"
    result = run("tag", sounds, "--ensemble", tiny_ensemble, "--format", "label-lists", "--out", out)
    assert result.status == 1
    assert f"{out} has 2 clips;" in result.err
    written = {path.relative_to(out).as_posix(): path.read_text() for path in out.rglob("*.labels")}
    assert written == {"a.wav.labels": "0 Bark Bell\n", "deep/b.wav.labels": "0 Bark Bell\n0.5 Bark Bell\n"}
    assert (tmp_path / "lists.problems.csv").read_text().startswith("fname,path,problem\nbad.wav,")
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_format_without_an_output_is_refused(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path
) -> None:
    refused = run("tag", sounds, "--ensemble", tiny_ensemble, "--format", "csv")
    assert (refused.status, refused.out) == (2, "")
    assert "--format csv needs a file or folder to write; add --out" in refused.err


def page_with_downloads() -> None:
    from types import SimpleNamespace

    import numpy as np

    from audiotag.tagging.result import Tag, Tags
    from audiotag.ui.tag.dropped_sounds import DroppedSound
    from audiotag.ui.tag.results import SoundResult, show_downloads

    tags = Tags("a.wav", 1.0, (Tag("Bark", 0.9, 0.5, 2),), 2, np.array([0.9]), np.array([[0.9]]), np.zeros(1), 1.0, ())
    result = SoundResult(DroppedSound(1, "a.wav", b"", "digest"), tags)
    card = SimpleNamespace(labels=("Bark",), spectrogram=SimpleNamespace(f_min=20.0, f_max=8000.0))
    making = SimpleNamespace(tagger=SimpleNamespace(card=card), thresholds=(0.5,))
    show_downloads([result], result, making)  # type: ignore[arg-type]


def test_page_offers_added_formats_beside_the_shipped_ones(json_stream: type, label_lists: type) -> None:
    at = AppTest.from_function(page_with_downloads).run()
    assert not at.exception
    picker = at.selectbox(key="tag-format")
    assert picker.options == [
        "CSV", "CSV for a spreadsheet", "JSON", "JSON stream", "JSON Lines", "Parquet", "BirdNET CSV",
        "BirdNET CSV for a spreadsheet", "Kaleidoscope CSV", "Kaleidoscope CSV for a spreadsheet",
        "Raven selection table", "Raven selection table for a spreadsheet", "Label lists", "Audacity labels",
        "Raven tables, one per clip", "WebVTT subtitles",
    ]  # fmt: skip
    assert picker.value == "csv"


def test_page_asks_how_time_ranges_are_found_only_for_formats_that_have_them() -> None:
    at = AppTest.from_function(page_with_downloads).run()
    for format in export_formats():
        at = at.selectbox(key="tag-format").set_value(format.name).run()
        assert not at.exception
        assert [button.key for button in at.get("download_button")] == [f"tag-{format.name}"]
        keys = {field.key for field in at.text_input}
        assert keys == ({"tag-event-gap", "tag-event-min", "tag-event-hysteresis"} if format.has_events else set())
