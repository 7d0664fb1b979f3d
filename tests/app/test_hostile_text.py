"""Text of strangers stays text on every page: names, labels, cards and notes give no pictures, links or formatting."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from audiotag.data.layouts import open_dataset
from audiotag.features.presets import load_preset, save_preset
from audiotag.features.settings import PRESETS
from audiotag.training.runs import Run
from audiotag.workspace import Workspace

from .conftest import beep, made_run, open_page, texts, wav

HOSTILE = (
    "![x](http://evil.example/a.png) <img src=x onerror=alert(1)> :red[x] $x$ **b** [l](http://evil.example) <b>x</b> "
    ":material/skull: http://evil.example www.evil.example %{x}"
)
NAME = HOSTILE.replace("/", "")  # of a file or folder
RAW = re.compile(r"(?<!\\)(\[x\]|<img|:red|\$x|\*\*?b|\[l|<b)|:material/skull|http://evil|www\.evil")
# Fields that browsers show as they are: of widgets, code and tables.
PLAIN = re.compile(
    r"\.(icon|id|element_id|form_id|key|alt|options|default|raw_values?|value|set_value|placeholder|code_text|url|page|"
    r"page_script_hash|query_params|file_name|spec|config|data|columns|styler|user_key|url_pathname|mixed_data|json|"
    r"active_script_hash|path_to_script|deferred_file_id|file_id|language|element_hash|name)$"
)


def strings(message: Message, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a message of Streamlit's protocol, with the path of its field."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        if field.message_type and field.message_type.GetOptions().map_entry:
            continue
        for each in values:
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                yield from strings(each, f"{path}.{field.name}")
            elif field.type == FieldDescriptor.TYPE_STRING:
                yield f"{path}.{field.name}", each


def protos(at: AppTest) -> Iterator[tuple[str, Message]]:
    """The messages of all elements and containers of a page."""
    todo: list[Any] = [at._tree]
    while todo:
        node = todo.pop()
        todo += list(getattr(node, "children", {}).values())
        if isinstance(getattr(node, "proto", None), Message):
            yield str(node.type), node.proto


def hostile_markdown(at: AppTest) -> list[str]:
    """Texts of strangers that browsers show as Markdown, each with its element and field."""
    return [
        f"{kind}{path}: {text}"
        for kind, proto in protos(at)
        for path, text in strings(proto)
        if kind != "html" and not PLAIN.search(path) and "evil" in text
    ]


def check(at: AppTest, *wanted: str) -> None:
    """No text of strangers is Markdown or HTML on the page, and each wanted element has some."""
    assert not at.exception, at.exception
    found = hostile_markdown(at)
    for text in found:
        assert not RAW.search(text), text
    for kind in wanted:
        assert any(text.startswith(kind) for text in found), f"{kind} shows none of it"
    for element in at.get("html"):
        assert not re.search("<img|<b>x", element.proto.body), element.proto.body
    for chart in at.get("plotly_chart"):
        spec = json.loads(chart.proto.spec)
        for text in texts_of(spec):
            assert not re.search(r"<img|<b>x|example %\{x\}", text), text


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in items:
            if key != "uirevision":
                yield from texts_of(each)
    elif isinstance(value, str):
        yield value


@pytest.fixture
def hostile(empty: Workspace, tiny_ensemble: Path, tmp_path: Path) -> Workspace:
    """A workspace in which every text that can come from a stranger is hostile."""
    folder = tmp_path / NAME
    folder.mkdir()
    rows = ["fname,label,license,flickr_video_URL"]
    quoted = '"' + HOSTILE.replace(",", " ") + '"'
    for number in range(6):
        name = f"{number} {NAME}.wav"
        (folder / name).write_bytes(wav(beep(1 + number / 10)))
        rows.append(f'"{name}",{quoted if number % 2 else "Hiss"},{quoted},{quoted}')
    (folder / f"9 {NAME}.wav").write_text("no sound")
    rows.append(f'"9 {NAME}.wav",Hiss,{quoted},{quoted}')
    (folder / f"{NAME}.csv").write_text("\n".join(rows) + "\n")
    empty.remember_dataset(folder)
    for name in ("tiny", NAME):
        shutil.copytree(tiny_ensemble, empty.ensembles / name)
        card = json.loads((empty.ensembles / name / "card.json").read_text())
        part = {"name": HOSTILE, "clips": 1, "lwlrap": 0.5, "accuracy": 0.5, "licence": HOSTILE}
        card |= {
            "name": HOSTILE[:100],
            "about": HOSTILE,
            "labels": [HOSTILE, "Bell", "Hiss"],
            "licence": HOSTILE,
            "created": HOSTILE,
            "parts": [part],
            "dataset": {"name": HOSTILE, "clips": 20, "fingerprint": ""},
            "recipe": {"title": HOSTILE},
        }
        (empty.ensembles / name / "card.json").write_text(json.dumps(card))
    save_preset("mine", PRESETS["capstone"].with_changes(n_mels=64), empty)
    (empty.presets / "mine.toml").rename(empty.presets / f"{NAME}.toml")
    return empty


@pytest.mark.parametrize("tab", ["Durations", "Labels", "Sound", "Problems", "Clips"])
def test_dataset_page(hostile: Workspace, tab: str) -> None:
    at = open_page("pages/dataset.py", tab=tab, text="evil")
    wanted = {"Labels": ["caption"], "Clips": ["markdown", "caption"]}
    check(at, "title", *wanted.get(tab, []))


def test_home_page(hostile: Workspace) -> None:
    check(open_page("app.py"), "markdown")


@pytest.mark.parametrize("view", ["Network input", "Other clips", "Augmentation", "Code"])
def test_spectrogram_page(hostile: Workspace, view: str) -> None:
    at = open_page("pages/spectrogram.py", view=view)
    check(at)
    if view == "Network input":
        at.toggle(key="compare").set_value(True).run()
        check(at)
        at.selectbox(key="settings-b").set_value(NAME).run()
        at.text_input(key="preset-name").set_value(HOSTILE).run()
        check(at)
        at.selectbox(key="preset").set_value(NAME).run()
        check(at)
        open_page("pages/spectrogram.py", b=HOSTILE, settings=HOSTILE, clip=HOSTILE, label=HOSTILE)
        check(at)


@pytest.mark.parametrize("folder", ["tiny", NAME])
def test_tag_page(hostile: Workspace, folder: str) -> None:
    at = open_page("pages/tag.py", ensemble=folder)
    check(at, "markdown")
    at.file_uploader[0].set_value([(f"{NAME}.wav", wav(beep(1)), "audio/wav"), (f"9{NAME}", b"no sound", "audio/wav")])
    at.run()
    check(at, "header", "error", "markdown")
    at.session_state["about"] = at.session_state["thresholds"] = True
    at.text_input(key="tag-path").set_value(f"{HOSTILE}/none.wav").run()
    next(button for button in at.button if button.label == "Tag").click().run()
    check(at, "error")
    next(button for button in at.button if button.label == "Remove").click().run()
    check(at, "caption")


@pytest.mark.parametrize("show", ["Runs", "Training batch preview"])
def test_train_page(hostile: Workspace, show: str) -> None:
    (dataset,) = hostile.dataset_folders()
    run = made_run(hostile, dataset, (0.8,))
    run.write_status("failed", HOSTILE)
    moved = run.folder.rename(run.folder.parent / NAME)
    settings = json.loads((moved / "settings.json").read_text())
    settings["recipe"] |= {"title": HOSTILE, "about": HOSTILE}
    (moved / "settings.json").write_text(json.dumps(settings))
    at = open_page("pages/train.py", show=show)
    check(at, *(["markdown", "error"] if show == "Runs" else []))
    recipe = hostile.root / f"{NAME[:90]}.toml"
    quick = (Path(__file__).parents[2] / "audiotag/training/recipes/quick.toml").read_text()
    recipe.write_text(re.sub(r'(?m)^(title|about) = ".*"$', lambda line: f"{line[1]} = {json.dumps(HOSTILE)}", quick))
    at = open_page("pages/train.py", show=show, recipe="Own file …", **{"recipe-file": str(recipe)})
    check(at, "caption")


@pytest.mark.parametrize("tab", ["Queue", "Retrain"])
def test_review_page(hostile: Workspace, scored_run: Callable[..., Run], tab: str) -> None:
    (folder,) = hostile.dataset_folders()
    clips = open_dataset(folder).clips["clip"]
    label = HOSTILE.replace(",", " ")
    scores = {name: [0.9, 0.1] if number % 3 else [0.1, 0.9] for number, name in enumerate(clips)}
    folds = {fold: {name: scores[name] for name in list(scores)[fold::2]} for fold in (0, 1)}
    run = scored_run(hostile, folder, [label, "Hiss"], folds)
    run.folder.rename(run.folder.parent / NAME)
    reviewer = HOSTILE[:60]
    at = open_page("pages/review.py", tab=tab, reviewer=reviewer)
    if tab == "Retrain":
        return check(at, "markdown")
    shown = set()
    while not at.metric:  # the end of the queue
        check(at)
        shown |= {text.partition(".")[0] for text in hostile_markdown(at)}
        at = next(button for button in at.button if (button.key or "").startswith("press-right-")).click().run()
    check(at)
    assert {"markdown", "header", "caption", "button"} <= shown
    at = next(button for button in at.button if (button.key or "").startswith("press-left-")).click().run()
    at = next(button for button in at.button if (button.key or "").startswith("press-A-")).click().run()
    at = next(button for button in at.button if (button.key or "").startswith("press-U-")).click().run()
    check(at, "toast")
    assert "evil.example" in "".join(element.proto.body for element in at.get("html"))


def test_score_page(hostile: Workspace) -> None:
    check(open_page("pages/score.py"))
    at = open_page("pages/score.py", score="A table of scores")
    check(at)
    label = HOSTILE.replace(",", " ")
    submission = f'fname,"{label}",Hiss\n"{NAME}.wav",0.1,0.9\nb.wav,0.2,0.8\n'
    truth = f'fname,labels,usage\n"{NAME}.wav","{label}","{HOSTILE}"\nb.wav,Hiss,Public\n'
    at.file_uploader(key="submission-upload").set_value([(f"{NAME}.csv", submission.encode(), "text/csv")]).run()
    at.file_uploader(key="truth-upload").set_value([(f"{NAME}.csv", truth.encode(), "text/csv")]).run()
    check(at, "metric", "markdown")
    at.file_uploader(key="truth-upload").set_value([(f"{NAME}.csv", b"nothing", "text/csv")]).run()
    check(at, "error")


def test_hostile_text_is_still_readable(hostile: Workspace) -> None:
    assert load_preset("capstone", hostile)
    (title,) = texts(open_page("pages/dataset.py").title)
    assert title.replace("\u2060", "") == NAME
