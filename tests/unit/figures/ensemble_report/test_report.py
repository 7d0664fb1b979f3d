"""The report of an ensemble has the figures of its files and no others, shows texts unchanged, and loads nothing."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from audiotag.cli.command_lines import report_commands
from audiotag.figures.ensemble_report import report as report_module
from audiotag.figures.ensemble_report.blocks import Paragraph, Section
from audiotag.figures.ensemble_report.markdown import yaml as as_yaml
from audiotag.figures.ensemble_report.report import ensemble_report, report_bytes
from audiotag.tagging.learning_curves import Epoch, write_curves
from audiotag.tagging.model_card import EnsembleFacts
from audiotag.trust.intervals import wilson_interval
from audiotag.workspace import SHIPPED_MODELS

HOSTILE = (
    "<script>alert(1)</script>",
    '"onload="x',
    "a|b `c` [d](javascript:e) ![f](https://g.example/h.png)",
    "--- *x* \u202e\x1b[2J",
)


class Page(HTMLParser):
    """The tables of a page by their captions, its texts, and its elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._rows: list[list[str]] = []
        self._open: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag == "table":
            self._rows, self._caption = [], ""
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.tables[self._caption] = self._rows
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open in ("td", "th"):
            self._rows[-1][-1] += data
        if self._open == "caption":
            self._caption += data
        if self._open != "style":
            self.text += data + "\n"


def page_of(folder: Path) -> Page:
    return Page(html_of(folder))


def html_of(folder: Path) -> str:
    return report_bytes(EnsembleFacts.of(folder), report_commands(folder.name), "html").decode()


@pytest.fixture(scope="module")
def starter() -> Path:
    return SHIPPED_MODELS / "starter"


@pytest.fixture(scope="module")
def page(starter: Path) -> Page:
    return page_of(starter)


@pytest.fixture
def hostile(tiny_ensemble: Path, tmp_path: Path) -> Path:
    """An ensemble whose card has texts of a stranger who means harm."""
    folder = shutil.copytree(tiny_ensemble, tmp_path / "hostile")
    card = json.loads((folder / "card.json").read_text())
    card |= {
        "name": "---",
        "about": "\n---\nlicense: mit\n# Heading\n" + HOSTILE[0],
        "labels": list(HOSTILE[:3]),
        "licence": 'x"\n---\n' + HOSTILE[3],
        "dataset": {"name": HOSTILE[2], "clips": 3, "hours": "<b>", "fingerprint": HOSTILE[0]},
        "recipe": {"title": HOSTILE[0], "about": HOSTILE[3], "stages": [{"subset": HOSTILE[1], "epochs": {"a": 1}}]},
        "created": HOSTILE[1],
        "parts": [{"name": HOSTILE[0], "clips": 1, "licence": HOSTILE[2], "lwlrap": 0.5, "accuracy": 0.5}],
    }
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def test_figures_at_the_top_and_by_fold_are_those_of_the_card(page: Page, starter: Path) -> None:
    card = json.loads((starter / "card.json").read_text())
    for value in (f"{card['lwlrap']:.3f}", f"{card['accuracy']:.3f}", card["created"], card["about"], card["licence"]):
        assert value in page.text
    assert page.tables["By fold, on its held-out clips"][1:] == [
        [str(fold["fold"]), f"{fold['lwlrap']:.3f}", f"{fold['accuracy']:.3f}", str(fold["clips"])]
        for fold in card["folds"]
    ]
    checksums = {row[1] for row in page.tables["Date, versions and checksums"]}
    assert {fold["sha256"] for fold in card["folds"]} <= checksums


def test_figures_of_labels_are_those_of_the_out_of_fold_scores(page: Page, starter: Path) -> None:
    from safetensors.numpy import load_file
    from sklearn.metrics import average_precision_score

    card = json.loads((starter / "card.json").read_text())
    held_out = load_file(starter / "out-of-fold.safetensors")
    targets, scores = held_out["targets"] > 0, held_out["scores"]
    rows = {row[0]: row[1:] for row in page.tables["Figures of each label, the lowest first"][1:]}
    assert sorted(rows) == sorted(card["labels"])
    for column, (label, threshold) in enumerate(zip(card["labels"], card["thresholds"], strict=True)):
        has, tagged = targets[:, column], scores[:, column] >= threshold
        average = average_precision_score(has, scores[:, column])
        clips = has.sum()
        expected = [str(clips)]
        for value, of, form in (
            (average, clips, ".3f"),
            ((has & tagged).sum() / tagged.sum(), tagged.sum(), ".2f"),
            ((has & tagged).sum() / clips, clips, ".2f"),
        ):
            low, high = wilson_interval(value * of, of)
            expected.append(f"{value:{form}} ({low:{form}} to {high:{form}})")
        shown = rows[label]
        assert [shown[0], shown[1], shown[4], shown[5]] == expected
        assert float(shown[3]) == pytest.approx(threshold, abs=5e-5)
    averages = [float(row[2].split()[0]) for row in page.tables["Figures of each label, the lowest first"][1:]]
    assert averages == sorted(averages)


def test_gate_and_gains_are_those_of_the_files(page: Page, starter: Path) -> None:
    card, gains = (json.loads((starter / name).read_text()) for name in ("card.json", "gains.json"))
    played = page.tables["False tags by sound and level, with 95 % intervals of the share"][1:]
    assert [(row[0], int(row[3]), int(row[4])) for row in played] == [
        (one["kind"], one["windows"], one["windows_tagged"]) for one in card["noise_gate"]["played"]
    ]
    steps = page.tables["What folds, their combination and test-time augmentation gain"][1:]
    assert [row[:3] for row in steps] == [
        [row["step"], f"{row['lwlrap']:.3f}", f"{row['accuracy']:.3f}"] for row in gains["rows"]
    ]


def test_curves_are_drawn_and_their_ends_are_in_a_table(tiny_ensemble: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "tiny")
    facts = EnsembleFacts.of(folder)
    epochs = [Epoch(fold, 1, n, fold / 10 + n / 100, 1 / n, None) for fold in (1, 2) for n in (3, 1, 2)]
    write_curves(folder, epochs, facts.card.fold_checksums)
    page = page_of(folder)
    assert page.tables["The end of the curves"][1:] == [
        ["fold 1", "3", "0.130", "0.130", "3", "0.3333", "—"],
        ["fold 2", "3", "0.230", "0.230", "3", "0.3333", "—"],
    ]
    alternatives = [attributes["aria-label"] for tag, attributes in page.elements if tag == "svg"]
    assert any("At the end: fold 1 0.130, fold 2 0.230" in str(text) for text in alternatives)


def test_what_is_not_measured_is_said_with_the_command_that_measures_it(tiny_ensemble: Path) -> None:
    text = page_of(tiny_ensemble).text
    for words in (
        "False tags on noises and speech are not measured.\naudiotag noise-gate tiny",
        "It is not measured what each step gains.\naudiotag ablation tiny DATASET --save",
        "The learning curves are not kept with this ensemble; publishing its run again keeps them.\n"
        "audiotag publish RUN",
        "It is not measured how familiar a new sound must be for its tags to be right.\naudiotag familiarity tiny",
        "Its engines are not measured on this machine",
        "How often a score is right is not known.",
    ):
        assert words in text


def test_damaged_files_are_named_and_the_rest_is_reported(starter: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(starter, tmp_path / "damaged", ignore=shutil.ignore_patterns("fold-*"))
    (folder / "gains.json").write_text("{")
    (folder / "out-of-fold.safetensors").write_bytes(b"x")
    page = page_of(folder)
    assert "damaged/gains.json is damaged" in page.text
    assert "It is not measured what each step gains." in page.text
    assert "By fold, on its held-out clips" in page.tables
    assert "Figures of each label, the lowest first" not in page.tables


def test_page_loads_nothing_runs_nothing_and_is_small(starter: Path, page: Page, hostile: Path) -> None:
    for folder, found in ((starter, page), (hostile, page_of(hostile))):
        assert len(html_of(folder)) < 150_000
        for tag, attributes in found.elements:
            assert tag not in ("script", "img", "link", "iframe", "object", "embed", "base", "form", "image", "use")
            assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "style")]
            assert str(attributes.get("href", "#")).startswith("#")
        assert "url(" not in html_of(folder)
        assert "@import" not in html_of(folder)


def test_page_can_be_read_without_eyes(page: Page) -> None:
    tags = [tag for tag, _ in page.elements]
    assert tags.count("h1") == tags.count("main") == 1
    assert tags.count("table") == tags.count("caption")
    assert all(attributes.get("role") == "img" and attributes.get("aria-label")
               for tag, attributes in page.elements if tag == "svg")  # fmt: skip
    assert all(attributes.get("scope") in ("row", "col") for tag, attributes in page.elements if tag == "th")
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    targets = [str(attributes["href"])[1:] for tag, attributes in page.elements if tag == "a"]
    assert targets
    assert set(targets) <= set(ids)


def test_texts_of_a_stranger_are_shown_unchanged_in_the_page(hostile: Path) -> None:
    html, page = html_of(hostile), page_of(hostile)
    assert "<script" not in html.lower()
    assert HOSTILE[0] in page.text
    assert page.tables["Held-out clips by origin, and the licences of the sounds, which are not part of the ensemble"][
        1
    ] == [HOSTILE[0], "1", HOSTILE[2]]
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_texts_of_a_stranger_neither_end_the_front_matter_nor_become_markdown(hostile: Path) -> None:
    text = report_bytes(EnsembleFacts.of(hostile), report_commands("hostile"), "md").decode()
    lines = text.splitlines()
    assert [number for number, line in enumerate(lines) if line.strip() == "---"] == [0, lines.index("---", 1)]
    body = text.partition("\n---\n")[2]
    assert "<script" not in body
    assert not re.search(r"(?<!\\)\[[^\]]*(?<!\\)\]\(", body)
    assert "\n# Heading" not in body
    headings = [line for line in body.splitlines() if line.startswith("# ")]
    assert headings == ["# \\---"]
    for table in re.findall(r"(?:^\|.*\n)+", body, re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(columns) == 1


@pytest.mark.parametrize("which", ["starter", "hostile"])
def test_front_matter_is_yaml_of_the_same_values(which: str, request: pytest.FixtureRequest) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML reads the front matter; audiotag does not need it")
    folder = request.getfixturevalue(which)
    facts = EnsembleFacts.of(folder)
    text = report_bytes(facts, report_commands(folder.name), "md").decode()
    values = yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))
    assert values == report_module.front_matter(facts)
    assert values["pipeline_tag"] == "audio-classification"
    assert values["library_name"] == "audiotag"
    assert values["license"] == {"starter": "apache-2.0", "hostile": "other"}[which]
    (model,) = values["model-index"]
    (result,) = model["results"]
    assert model["name"] == facts.card.name
    assert {one["type"]: one["value"] for one in result["metrics"]} == {
        "lwlrap": facts.card.lwlrap, "accuracy": facts.card.accuracy
    }  # fmt: skip


def test_any_text_survives_yaml() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML reads the front matter; audiotag does not need it")
    values = {
        "a": [*HOSTILE, "", "no", "1.5", "null", "é 犬 😀 \u2028\x85\x00\ufeff", "\t x "],
        "b": {},
        "c": [{"d": [1, 0.5, True]}],
    }
    assert yaml.safe_load(as_yaml(values)) == values


def test_a_section_that_is_added_appears_and_an_empty_one_does_not(
    tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = Section("Added", (Paragraph("<words>"),))
    monkeypatch.setattr(report_module, "SECTIONS", [lambda facts, commands: added, lambda facts, commands: None])
    assert ensemble_report(EnsembleFacts.of(tiny_ensemble), {}).sections == (added,)
    assert "<p>&lt;words&gt;</p>" in html_of(tiny_ensemble)


def test_interval_of_lwlrap_holds_it(starter: Path) -> None:
    facts = EnsembleFacts.of(starter)
    low, high = facts.lwlrap_interval
    assert low < facts.card.lwlrap < high
    assert high - low < 0.05
    assert np.isfinite([low, high]).all()


@pytest.mark.parametrize(("value", "shown"), [("Infinity", "∞"), ("-Infinity", "−∞")])
@pytest.mark.parametrize("field", ["epochs", "lr"])
def test_infinite_numbers_of_a_recipe_are_shown(
    starter: Path, tmp_path: Path, field: str, value: str, shown: str
) -> None:
    folder = shutil.copytree(starter, tmp_path / "odd")
    card = json.loads((folder / "card.json").read_text())
    card["recipe"]["stages"][0][field] = "HERE"
    (folder / "card.json").write_text(json.dumps(card).replace('"HERE"', value))
    titles, first, *_ = page_of(folder).tables["Stages of the training"]
    assert first[titles.index({"epochs": "Epochs", "lr": "Learning rate"}[field])] == shown


def test_augmentations_that_a_stage_leaves_out_are_shown(starter: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(starter, tmp_path / "light")
    card = json.loads((folder / "card.json").read_text())
    for without in ((), ("crop", "overlay")):
        card["recipe"]["stages"][-1]["without"] = list(without)
        (folder / "card.json").write_text(json.dumps(card))
        titles, *rows = page_of(folder).tables["Stages of the training"]
        assert ("Without" in titles) == bool(without)
    assert [row[titles.index("Without")] for row in rows] == [*["—"] * (len(rows) - 1), "crop, overlay"]
