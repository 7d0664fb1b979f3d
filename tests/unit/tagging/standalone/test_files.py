"""What is exported: the metadata of the graph, a page without requests, and what is refused."""

import ast
import base64
import gzip
import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from audiotag.errors import AudiotagError
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.standalone.files import ExportedTagger, export_tagger
from audiotag.tagging.tagger import Tagger
from audiotag.version import __version__
from audiotag.workspace import SHIPPED_MODELS

STARTER = SHIPPED_MODELS / "starter"


def test_graph_keeps_its_contract(exported: ExportedTagger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOTAG_ENGINE", "torch")
    session = onnxruntime.InferenceSession(exported.model)
    (waveform,), (scores,) = session.get_inputs(), session.get_outputs()
    assert (waveform.name, waveform.type, waveform.shape) == ("waveform", "tensor(float)", ["batch", "samples"])
    assert (scores.name, scores.type, scores.shape) == ("scores", "tensor(float)", ["batch", 28])
    tagger = Tagger(STARTER, TagSettings(folds=(3,), calibrated=True))
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["labels"]) == list(tagger.card.labels)
    assert json.loads(about["sample_rate"]) == 44_100
    assert (about["title"], about["licence"], about["version"]) == ("starter", tagger.card.licence, __version__)
    rng = np.random.default_rng(0)
    batch = np.stack([0.1 * rng.normal(size=300_000), 0.3 * np.sin(np.arange(300_000) / 9)]).astype(np.float32)
    (found,) = session.run(None, {"waveform": batch})
    for waveform, scores in zip(batch, found, strict=True):
        tags = tagger.tag(waveform, sample_rate=44_100)
        np.testing.assert_allclose(scores, tags.scores, atol=1e-3)
        limits = {tag.label: tag.threshold for tag in tags.ranking}
        thresholds = dict(zip(tagger.card.labels, json.loads(about["thresholds"]), strict=True))
        assert thresholds == pytest.approx(limits)


def test_graph_is_hardly_larger_than_its_weights(exported: ExportedTagger) -> None:
    assert exported.model.stat().st_size < (STARTER / "fold-3.safetensors").stat().st_size * 1.3


def test_page_holds_all_it_needs_and_allows_no_request(exported: ExportedTagger) -> None:
    page = exported.page.read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy
    for kind, content in re.findall(r"<(script|style)>(.*?)</\1>", page, flags=re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not re.findall(
        r"""(?:src|href)=|url\(|@import""", re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL).split('id="runtime"')[0]
    )
    (model,) = re.findall(r'id="model">([^<]+)<', page)
    assert gzip.decompress(base64.b64decode(model)) == exported.model.read_bytes()
    assert "Copyright (c) Microsoft Corporation" in page


def test_texts_of_a_card_are_text_on_the_page(tiny_ensemble: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "tiny")
    card = json.loads((folder / "card.json").read_text())
    texts = {"about": "<script>alert(1)</script> {{model}}", "labels": ["</script>", "<b>", "Bell & bark"]}
    (folder / "card.json").write_text(json.dumps(card | texts))
    page = export_tagger(folder, tmp_path / "out" / "tagger.onnx").page.read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{model}}" in page
    (tagger,) = re.findall(r'<script type="application/json" id="tagger">(.*?)</script>', page)
    assert json.loads(tagger)["labels"] == texts["labels"]


def test_files_of_others_are_not_overwritten(tiny_ensemble: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("my home page")
    with pytest.raises(AudiotagError, match=r"index\.html would be overwritten.*another folder"):
        export_tagger(tiny_ensemble, tmp_path / "tagger.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    (tmp_path / "index.html").unlink()
    first = export_tagger(tiny_ensemble, tmp_path / "tagger.onnx").page.read_bytes()
    assert export_tagger(tiny_ensemble, tmp_path / "tagger.onnx").page.read_bytes() == first
    with pytest.raises(AudiotagError, match=r"tag\.py and index\.html belong to tagger\.onnx"):
        export_tagger(tiny_ensemble, tmp_path / "other.onnx")


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_model_of_others_is_not_overwritten(tiny_ensemble: Path, tmp_path: Path, is_folder: bool) -> None:
    out = tmp_path / "tagger.onnx"
    if is_folder:
        out.mkdir()
    else:
        out.write_bytes(b"\x08\x07\x12\x07pytorch")
    with pytest.raises(AudiotagError, match=r"tagger\.onnx would be overwritten"):
        export_tagger(tiny_ensemble, out)
    assert list(tmp_path.iterdir()) == [out]


def test_script_names_a_model_whatever_its_name(tiny_ensemble: Path, tmp_path: Path) -> None:
    script = export_tagger(tiny_ensemble, tmp_path / "\U0001f426.onnx").script.read_text(encoding="utf-8")
    (name,) = re.findall(r"^MODEL = (.*?)  #", script, re.MULTILINE)
    assert ast.literal_eval(name) == "\U0001f426.onnx"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (TagSettings("weighted"), "combine must be mean or geometric in an exported tagger, got weighted"),
        (TagSettings(overlap=0.8), "overlap must be at most 0.5"),
        (TagSettings(tta=True), "tta must be off"),
        (TagSettings(hold_back=True), "hold_back must be off"),
        (TagSettings(calibrated=True), "calibrated must be off for tiny, whose card has no temperature"),
        (TagSettings(folds=(7,)), "folds must be among 1, 2 in tiny, got 7"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    settings: TagSettings, message: str, tiny_ensemble: Path, tmp_path: Path
) -> None:
    with pytest.raises(AudiotagError, match=message):
        export_tagger(tiny_ensemble, tmp_path / "tagger.onnx", settings)
    assert not list(tmp_path.iterdir())


def test_other_suffixes_are_refused(tiny_ensemble: Path, tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match=r"must end in \.onnx, got .*tagger; write .*tagger\.onnx"):
        export_tagger(tiny_ensemble, tmp_path / "tagger")
