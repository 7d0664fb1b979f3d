"""The package that docs/extending.md shows: installed beside audiotag, each of its parts is found and used."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile

DOCUMENT = Path(__file__).parents[2] / "docs" / "extending.md"
GROUPS = ("networks", "layouts", "augmentations", "losses", "schedules", "exports")

# What the section "Try it" does, in one process: importing torch and fastai four times would take most of the time.
TRY_IT = """
import contextlib, io, json, sys
from pathlib import Path
import audiotag
from audiotag.augmentation.base import AUGMENTATIONS
from audiotag.cli.main import main
from audiotag.training.publish import publish
from audiotag.training.recipe_files import load_recipe
from audiotag.training.runs import RunSettings, create_run
from audiotag.training.worker import train_run_folder
from audiotag.workspace import Workspace

def command(*arguments):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        try:
            main(list(arguments))
        except SystemExit as ended:
            return ended.code, output.getvalue()

report = {"torch before training": "torch" in sys.modules}
recipe = load_recipe("extras.toml")
report["recipe"] = recipe.to_dict()
report["description"] = recipe.network.describe()
report["torch by reading the recipe"] = "torch" in sys.modules
report["recognised"] = audiotag.open_dataset("sounds").layout_key
report["chosen"] = command("scan", "sounds", "--layout", "text-per-clip", "--json")
report["reverse in the page"] = AUGMENTATIONS.get("reverse")().description()
run = create_run(Workspace(), RunSettings(str(Path("sounds").absolute()), recipe, device="cpu"))
train_run_folder(run)
report["events"] = [event["event"] for event in run.events()]
folder = publish(run, "extras", Workspace().ensembles)
report["card"] = json.loads((folder / "card.json").read_text())["network"]
report["tagged"] = command("tag", "sounds/0.wav", "sounds/1.wav", "--ensemble", "extras", "--out", "all.tags")
by_name = ("--out", "tags.txt", "--format", "tag-lists")
report["by name"] = command("tag", "sounds/0.wav", "--ensemble", "extras", *by_name)
Path("report.json").write_text(json.dumps(report))
"""


@pytest.fixture(scope="module")
def blocks() -> dict[str, str]:
    """Files that the document shows, by their names."""
    shown = re.findall(r"^```\w+ (\S+)\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return dict(shown)


@pytest.fixture(scope="module")
def folder(blocks: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, installed as pip would: importable, and with its entry points beside it."""
    folder = tmp_path_factory.mktemp("extras")
    for name, content in blocks.items():
        path = folder / ("site" if "/" in name else ".") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    groups = tomllib.loads(blocks["pyproject.toml"])["project"]["entry-points"]
    assert set(groups) == {f"audiotag.{group}" for group in GROUPS}
    lines = [
        line for group, parts in groups.items() for line in (f"[{group}]", *(f"{n} = {m}" for n, m in parts.items()))
    ]
    information = folder / "site" / "soundscape_extras-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: soundscape-extras\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> dict:
    """What the package did, in a process of its own: registries are global."""
    rng, time_s = np.random.default_rng(0), np.arange(16_000) / 16_000
    for number in range(12):
        sound = np.sign(np.sin(900 * time_s)) if number % 2 else rng.normal(size=len(time_s))
        path = folder / "sounds" / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.2 * sound, 16_000)
        path.with_suffix(".txt").write_text("Buzz, Loud" if number % 2 else "Hiss")
    soundfile.write(folder / "sounds" / "unlabelled.wav", 0.2 * rng.normal(size=16_000), 16_000)
    paths = os.pathsep.join(filter(None, [str(folder / "site"), os.environ.get("PYTHONPATH", "")]))
    environment = os.environ | {"PYTHONPATH": paths, "AUDIOTAG_HOME": str(folder / "home"), "AUDIOTAG_ENGINE": "torch"}
    done = subprocess.run([sys.executable, "-c", TRY_IT], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "report.json").read_text())


def test_every_kind_of_part_has_a_complete_file(blocks: dict[str, str]) -> None:
    assert (
        len([name for name in blocks if name.startswith("soundscape_extras/")]) == len(GROUPS) + 1
    )  # a loss has two forms


def test_recipe_names_network_augmentation_and_loss_of_the_package_without_loading_torch(report: dict) -> None:
    assert not report["torch before training"]
    assert not report["torch by reading the recipe"]
    assert report["recipe"]["network"] == {"kind": "small-cnn", "filters": 6}
    assert report["recipe"]["augment"] == [{"kind": "reverse", "p": 0.5}]
    assert report["recipe"]["loss"] == "asymmetric"
    assert report["recipe"]["losses"] == {"noisy": {"kind": "weighted-bce", "positive_weight": 0.5}}
    assert report["recipe"]["schedule"] == {"kind": "power", "exponent": 2.0}
    assert report["description"] == "small CNN, 6 filters"


def test_layout_is_recognised_and_can_be_chosen_by_its_name(report: dict) -> None:
    assert report["recognised"] == "text-per-clip"
    status, output = report["chosen"]
    values = json.loads(output)
    assert (status, values["layout_key"]) == (1, "text-per-clip")  # 1: a clip is left out
    assert values["labels"] == ["Buzz", "Hiss", "Loud"]
    assert [problem["what"] for problem in values["problems"] if "unlabelled" in problem["what"]] == [
        "unlabelled.wav has no unlabelled.txt; it is left out."
    ]


def test_page_describes_the_augmentation(report: dict) -> None:
    assert report["reverse in the page"] == "Reverse spectrograms in time."


def test_network_augmentation_and_loss_train_folds_that_are_published(report: dict) -> None:
    assert report["events"].count("fold-finished") == 2
    assert report["events"].count("epoch") == 4
    assert report["card"] == {"kind": "small-cnn", "filters": 6}


def test_ensemble_of_the_network_tags_and_the_format_writes_the_result(report: dict, folder: Path) -> None:
    assert report["tagged"][0] == report["by name"][0] == 0
    lines = [line.split("\t") for line in (folder / "all.tags").read_text().splitlines()]
    assert [Path(clip).name for clip, *_ in lines] == ["0.wav", "1.wav"]
    assert len((folder / "tags.txt").read_text().splitlines()) == 1
