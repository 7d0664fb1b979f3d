"""Write a stand-alone tagger: an ONNX file, the script ``tag.py`` and the page ``index.html`` beside it.

The contract of the ONNX file:

- input ``waveform``, float32, (batch, samples): mono, full scale at ±1, at the ensemble's sample rate, any length from
  one sample on. All clips of a batch have the same length; a clip that is padded to it has other scores.
- output ``scores``, float32, (batch, labels), 0 to 1.
- metadata, as text: ``labels`` and ``thresholds`` (JSON lists, in the order of the scores), ``sample_rate`` (Hz),
  ``title``, ``about``, ``licence``, ``version`` (of audiotag).

The graph trims silence, cuts and pads windows, and combines windows and folds as `audiotag.tagging.tagger.Tagger` does.
Scores differ from those of the tagger by less than 0.001, with these exceptions:

- where the tagger has found an engine that computes with 16 bits to be the fastest, scores differ by up to 0.01;
- for a clip that the ensemble was trained on, the tagger lets only those folds vote that were not; in the graph all do;
- the tagger reads a sound of more than five minutes in blocks, so the statistics of the whole sound are rounded
  differently;
- the tagger says how familiar a sound is, how many folds agree, and where in the sound a label is; the graph does not.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card, select_folds
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.ensemble import find_ensemble
from audiotag.tagging.settings import DEFAULT_OVERLAP, TagSettings
from audiotag.tagging.single_network import as_single_card
from audiotag.tagging.standalone.settings import check_exportable
from audiotag.version import __version__
from audiotag.workspace import write_bytes

BUNDLED = Path(__file__).with_name("bundled")
RUNTIME = BUNDLED / "onnxruntime-web"
SCRIPT, PAGE = "tag.py", "index.html"
MARK = b"Written by audiotag export"  # in both, so that no other file of these names is overwritten
PRODUCER = b"audiotag"  # in the first bytes of the ONNX file


@dataclass(frozen=True)
class ExportedTagger:
    """The files of a stand-alone tagger.

    Attributes
    ----------
    model, script, page : Path
        The ONNX file, ``tag.py`` and ``index.html``.
    """

    model: Path
    script: Path
    page: Path


def export_tagger(ensemble: str | Path, out: str | Path, settings: TagSettings | None = None) -> ExportedTagger:
    """Write an ensemble as an ONNX file, with a script and a page that tag by it; see this module for their contract.

    Parameters
    ----------
    ensemble : str or Path
        Name of a shipped ensemble or of one in the workspace, or an ensemble's folder.
    out : str or Path
        The ONNX file; ``tag.py`` and ``index.html`` are written into the same folder, which is made if it is missing.
    settings : TagSettings, optional
        ``folds``, ``fast``, ``combine``, ``overlap``, ``windows`` and ``calibrated`` become part of the graph.

    Returns
    -------
    ExportedTagger

    Raises
    ------
    AudiotagError
        If there is no such ensemble, it is a blend or its settings cannot be exported; if ``out`` does not end in
        ``.onnx``, or another file has the name of the script or of the page.
    """
    out = Path(out)
    folder = find_ensemble(ensemble)
    card = read_card(folder)
    settings = _with_usable_overlap(settings or TagSettings(), card)
    if settings.fast:
        card = as_single_card(card)
    check_exportable(card, settings)
    files = ExportedTagger(out, out.with_name(SCRIPT), out.with_name(PAGE))
    if out.suffix.lower() != ".onnx":
        raise AudiotagError(f"the file of an exported tagger must end in .onnx, got {out}; write {out}.onnx.")
    for file in (out, files.script, files.page):
        if file.exists() and not _is_ours(file):
            raise AudiotagError(
                f"{file} would be overwritten, and audiotag export did not write it; name a file in another folder."
            )
    if files.script.exists() and _script(out.name) != files.script.read_bytes() and (other := _other_model(files)):
        raise AudiotagError(
            f"{files.script} and {files.page.name} belong to {other}, which lies beside them; name a file in another "
            "folder."
        )
    about = _metadata(card, settings)
    model = _model(folder, card, settings, about)
    write_bytes(out, model)
    write_bytes(files.script, _script(out.name))
    write_bytes(files.page, _page(card, about, model))
    return files


def _is_ours(file: Path) -> bool:
    """Whether a file was written by this module; it is not if it is a folder."""
    if not file.is_file():
        return False
    content = file.read_bytes()
    return PRODUCER in content[:16] if file.suffix.lower() == ".onnx" else MARK in content


def _other_model(files: ExportedTagger) -> str:
    """Name of another exported model that the script in this folder tags by; empty if there is none."""
    others = sorted(set(files.model.parent.glob("*.onnx")) - {files.model})
    named = files.script.read_bytes()
    return next((other.name for other in others if f"MODEL = {other.name!a}".encode() in named), "")


def _metadata(card: Card, settings: TagSettings) -> dict[str, str]:
    """What the ONNX file says of itself, see this module."""
    thresholds: Sequence[float] = card.thresholds
    if settings.calibrated and card.calibration is not None:
        from audiotag.trust.temperature import scale

        thresholds = [float(value) for value in scale(np.array(thresholds), card.calibration.temperature)]
    return {
        "labels": json.dumps(card.labels, ensure_ascii=False),
        "thresholds": json.dumps(thresholds),
        "sample_rate": json.dumps(card.spectrogram.sample_rate),
        "title": card.name,
        "about": card.about,
        "licence": card.licence,
        "version": __version__,
    }


def _model(folder: Path, card: Card, settings: TagSettings, about: dict[str, str]) -> bytes:
    """The content of the ONNX file."""
    from audiotag.tagging.onnx_export import AllFolds
    from audiotag.tagging.standalone import clip_parts
    from audiotag.tagging.standalone.graph import tagger_graph
    from audiotag.tagging.weights import load_networks

    spectrogram, windows = card.spectrogram, settings.windows or card.windows
    networks = [card.network.exportable(network) for network in load_networks(folder, card, settings.folds)]
    temperature = card.calibration.temperature if settings.calibrated and card.calibration else 1.0
    clip = clip_parts.SpectrogramClip if spectrogram.crop == "spectrogram" else clip_parts.WaveformClip
    graph = tagger_graph(
        clip(spectrogram, settings),
        clip_parts.WindowScores(spectrogram, AllFolds(networks, card.network).eval(), windows),
        clip_parts.ClipScores(windows, settings.combine, temperature),
        (len(select_folds(card, settings.folds)), len(card.labels)),
        spectrogram,
    )
    graph.producer_name, graph.producer_version, graph.doc_string = PRODUCER.decode(), __version__, card.about
    for key, value in about.items():
        graph.metadata_props.add(key=key, value=value)
    return graph.SerializeToString()


def _script(model: str) -> bytes:
    """``tag.py`` for a model of this name."""
    script = (BUNDLED / SCRIPT).read_text(encoding="utf-8")
    return script.replace('MODEL = "tagger.onnx"', f"MODEL = {model!a}").encode()


def _page(card: Card, about: dict[str, str], model: bytes) -> bytes:
    """``index.html``, with everything that it needs."""
    style, script = _text("page.css"), _text("page.js")
    tagger = {name: json.loads(about[name]) for name in ("labels", "thresholds", "sample_rate")}
    heard = f"{card.spectrogram.sample_rate:,} Hz, in windows of {card.spectrogram.clip_s:g} s"
    values = {
        "title": html.escape(card.name),
        "about": html.escape(card.about),
        "labels": html.escape(", ".join(card.labels)),
        "heard": html.escape(heard),
        "licence": html.escape(card.licence),
        "version": __version__,
        "style": style,
        "style_hash": _hash_source(style),
        "script": script,
        "script_hash": _hash_source(script),
        "worker": _text("worker.js"),
        "tagger": json.dumps(tagger).replace("<", "\\u003c"),  # a label must not end the element
        "runtime": base64.b64encode((RUNTIME / "ort.wasm.bundle.min.mjs").read_bytes()).decode(),
        "runtime_licence": (RUNTIME / "LICENSE").read_text(encoding="utf-8"),
        "wasm": base64.b64encode((RUNTIME / "ort-wasm-simd-threaded.wasm.gz").read_bytes()).decode(),
        "model": _packed(model),
    }
    first, *parts = _text("page.html").split("{{")
    filled = [values[name] + rest for name, rest in (part.split("}}", 1) for part in parts)]
    return "".join([first, *filled]).encode()


def _text(name: str) -> str:
    return (BUNDLED / name).read_text(encoding="utf-8")


def _packed(content: bytes) -> str:
    """Compressed by gzip, the same bytes every time, in base64."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()


def _hash_source(content: str) -> str:
    """A script or style of the page as its content security policy allows it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _with_usable_overlap(settings: TagSettings, card: Card) -> TagSettings:
    """The settings with the card's own overlap, if none is given; of one above 0.5 a clip's score does not depend."""
    own = settings.or_overlap(card.overlap)
    return own if settings.overlap is not None else replace(own, overlap=min(own.overlap_share, DEFAULT_OVERLAP))
