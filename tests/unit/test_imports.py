"""Which part of the project may import which, and what opening a page must not load."""

import ast
import os
import subprocess
import sys
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "audiotag").rglob("*.py"))
}
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]
}

# From the bottom up: a part imports from its own layer and from the layers before it.
LAYERS = (
    {"version", "wording"},
    {"errors"},
    {"checks", "registry", "reasons"},
    {
        "arrays",
        "byte_file",
        "foreign",
        "jobs",
        "cluster",
        "shipped",
        "spreadsheets",
        "state",
        "disk",
        "leftovers",
        "workspace",
        "crash_log",
        "detached_job",
        "metrics",
        "processors",
    },
    {"in_hand"},
    {"remote"},
    {"audio"},
    {"features"},
    {"augmentation"},
    {"networks"},
    {"data"},
    {"trust"},
    {"scoring", "inspection", "starter"},
    {"training", "tagging"},
    {"blending"},
    {"distillation"},
    {"similarity"},
    {"review"},
    {"figures"},
    {"cli"},
    {"ui"},
    {"api"},
    {"", "__main__"},  # the package itself, which has the public names, and `python -m audiotag`
)
FASTAI_ONLY_IN = "audiotag.training.backend."
CLI_FOR_PAGES = "audiotag.cli.command_lines"
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
NOT_IN_PAGES = {"pandas", "torch", "numpy", "pathlib"}


@lru_cache(maxsize=1)
def parsed(source: str) -> tuple[ast.Module, list[ast.AST]]:
    """The tree of a source, and all its nodes; several rules look at one module after the other."""
    tree = ast.parse(source)
    return tree, list(ast.walk(tree))


def imports_of(source: str, module: str = "", at_top_only: bool = False) -> set[str]:
    """Dotted names that a source imports, lazily or not; from a package also the names taken out of it."""
    found = set()
    tree, nodes = parsed(source)
    for node in tree.body if at_top_only else nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*module.split(".")[: -node.level], *filter(None, [base])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        elif is_import_call(node):
            found.add(str(node.args[0].value))
    return found


def is_import_call(node: ast.AST) -> bool:
    """Whether this is a call like ``import_module("…")``."""
    if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
        return False
    return getattr(node.func, "attr", getattr(node.func, "id", "")) in ("import_module", "__import__")


def part_of(module: str) -> str:
    """The subpackage or top-level module that a dotted name of the package belongs to; empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


def layer_of(part: str) -> int:
    (number,) = [number for number, parts in enumerate(LAYERS) if part in parts]
    return number


def faults(module: str, source: str) -> list[str]:
    """What a module of the package imports, or calls, against the rules."""
    found = []
    here = part_of(module)
    for name in sorted(imports_of(source, module)):
        there = part_of(name)
        outside = name.split(".")[0]
        if outside == "audiotag" and name != "audiotag":
            if there not in set().union(*LAYERS):
                found.append(f"{module} imports {name}: modules import each other directly, not through audiotag")
            elif layer_of(there) > layer_of(here):
                found.append(f"{module} imports {name}, which comes after it")
            if {here, there} == {"training", "tagging"} and module != "audiotag.training.publish":
                found.append(f"{module} imports {name}: training and tagging do not know each other")
            if here == "ui" and there == "cli" and not name.startswith(CLI_FOR_PAGES) and name != "audiotag.cli":
                found.append(f"{module} imports {name}: of the command line, pages may only use {CLI_FOR_PAGES}")
        if outside in ("fastai", "fastaudio") and not module.startswith(FASTAI_ONLY_IN):
            found.append(f"{module} imports {name}")
        if outside == "streamlit" and here != "ui":
            found.append(f"{module} imports {name}")
    return found + unpicklings(module, source)


def modules_behind(source: str, module: str, known: Collection[str]) -> set[str]:
    """The modules that a source depends on; `from audiotag import jobs` depends on jobs, not on the package itself."""
    found = set()
    for node in parsed(source)[1]:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                single = ast.ImportFrom(node.module, [alias], node.level)
                (*_, longest) = sorted(imports_of(ast.unparse(single), module) & set(known), key=len) or [""]
                found.add(longest)
        elif isinstance(node, ast.Import) or is_import_call(node):
            found |= imports_of(ast.unparse(node), module) & set(known)
    return found - {""}


def circles(sources: dict[str, str]) -> list[set[str]]:
    """Groups of modules that import each other in a circle, lazily or not."""
    files = {name.removesuffix(".__init__"): source for name, source in sources.items()}
    targets = {name: modules_behind(source, name, files.keys()) - {name} for name, source in files.items()}
    reachable: dict[str, set[str]] = {}
    for start in files:
        seen, todo = set(), [start]
        while todo:
            for target in targets[todo.pop()] - seen:
                seen.add(target)
                todo.append(target)
        reachable[start] = seen
    groups = [{other for other in seen if start in reachable[other]} for start, seen in reachable.items()]
    return [group for number, group in enumerate(groups) if group and group not in groups[:number]]


def unpicklings(module: str, source: str) -> list[str]:
    found = [f"{module} imports {name}" for name in sorted(imports_of(source)) if name.split(".")[0] in PICKLES]
    if "torch.load" in imports_of(source):
        found.append(f"{module} imports torch.load")
    nodes = parsed(source)[1]
    safe = {node.func for node in nodes if isinstance(node, ast.Call) and loads_weights_only(node)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and (
            (is_torch_load(node) and node not in safe) or node.attr in ("read_pickle", "to_pickle")
        ):
            found.append(f"{module} uses {ast.unparse(node)}")
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found.append(f"{module} passes allow_pickle")
    return found


def loads_weights_only(call: ast.Call) -> bool:
    """Whether this is ``torch.load`` with ``weights_only=True`` written out, so that it runs no code from the file."""
    flags = [keyword.value for keyword in call.keywords if keyword.arg == "weights_only"]
    return is_torch_load(call.func) and any(isinstance(v, ast.Constant) and v.value is True for v in flags)


def is_torch_load(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "load" and ast.unparse(node) == "torch.load"


def test_every_module_imports_only_what_comes_before_it_and_unpickles_nothing() -> None:
    assert [fault for name, source in MODULES.items() for fault in faults(name.removesuffix(".__init__"), source)] == []


def test_no_page_touches_tables_tensors_or_files() -> None:
    for page, source in PAGES.items():
        assert {name.split(".")[0] for name in imports_of(source)} & NOT_IN_PAGES == set(), page
        assert unpicklings(page, source) == []


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("audiotag.audio.reading", "from audiotag.training import runs", "comes after it"),
        ("audiotag.audio.reading", "from audiotag.features.mel import window", "comes after it"),
        ("audiotag.features.mel", "from audiotag.augmentation import base", "comes after it"),
        ("audiotag.augmentation.base", "from audiotag.networks.base import NETWORKS", "comes after it"),
        ("audiotag.networks.base", "from audiotag.data.dataset import Dataset", "comes after it"),
        ("audiotag.data.index", "from audiotag.inspection import faults", "comes after it"),
        ("audiotag.data.index", "def f():\n    import audiotag.ui.frame", "comes after it"),
        ("audiotag.inspection.faults", "from audiotag.training.runs import Run", "comes after it"),
        ("audiotag.starter.clips", "from audiotag.tagging.tagger import Tagger", "comes after it"),
        ("audiotag.errors", "from audiotag import metrics", "comes after it"),
        ("audiotag.checks", "from audiotag.arrays import resize", "comes after it"),
        ("audiotag.scoring", "from .figures import theme", "comes after it"),
        ("audiotag.figures.sound", "from audiotag.cli import main", "comes after it"),
        ("audiotag.cli.train", "def f():\n    from audiotag.ui.widgets import messages", "comes after it"),
        ("audiotag.cli.main", "import audiotag.ui", "comes after it"),
        ("audiotag.training.runs", "from audiotag import Tagger", "import each other directly, not through audiotag"),
        ("audiotag.ui.frame", "from audiotag.cli.main import main", "pages may only use"),
        ("audiotag.training.runs", "from audiotag.tagging.tagger import Tagger", "do not know each other"),
        ("audiotag.tagging.tagger", "from ..training.recipe import Recipe", "do not know each other"),
        ("audiotag.training.worker", "def f():\n    import fastai.vision.all", "fastai"),
        ("audiotag.training.backend_like", "import fastai", "fastai"),
        ("audiotag.tagging.tagger", "import importlib\nimportlib.import_module('fastaudio.all')", "fastaudio"),
        ("audiotag.figures.sound", "import streamlit as st", "streamlit"),
        ("audiotag.cli.main", "import streamlit.web.cli", "streamlit"),
        ("audiotag.tagging.ensemble", "import torch\nweights = torch.load('w.pth')", "torch.load"),
        ("audiotag.tagging.ensemble", "from torch import load", "torch.load"),
        ("audiotag.training.checkpoints", "import torch\ntorch.load('w.pth', weights_only=False)", "torch.load"),
        ("audiotag.training.checkpoints", "import torch\ntorch.load('w.pth', weights_only=safe)", "torch.load"),
        ("audiotag.training.checkpoints", "import torch\ntorch.load('w.pth', weights_only=1)", "torch.load"),
        ("audiotag.training.checkpoints", "import torch\ntorch.load('w.pth', **{'weights_only': True})", "torch.load"),
        (
            "audiotag.training.checkpoints",
            "import torch\nread = torch.load\nread('w', weights_only=True)",
            "torch.load",
        ),
        ("audiotag.training.checkpoints", "import torch\nf(torch.load, weights_only=True)", "torch.load"),
        ("audiotag.cli.main", "def f():\n    import pickle", "pickle"),
        ("audiotag.data.index", "import numpy as np\nnp.load('a.npy', allow_pickle=True)", "allow_pickle"),
    ],
)
def test_the_rules_catch_what_breaks_them(module: str, source: str, fault: str) -> None:
    assert any(fault in found for found in faults(module, source))


def test_no_module_imports_itself_in_a_circle() -> None:
    assert circles(MODULES) == []


def test_every_part_of_the_package_has_its_layer() -> None:
    parts = {name.split(".")[1] for name in MODULES if name.count(".")} - {"__init__"}
    assert parts <= set().union(*LAYERS), parts - set().union(*LAYERS)


def test_a_circle_is_found_however_its_imports_are_written() -> None:
    apart = {"audiotag.a": "from audiotag import b", "audiotag.b": "import audiotag.c", "audiotag.c": "import os"}
    assert circles(apart) == []
    lazily = apart | {"audiotag.c": "def f():\n    from . import a"}
    assert circles(lazily) == [{"audiotag.a", "audiotag.b", "audiotag.c"}]
    beside = {
        "a.p": "from a.q import f",
        "a.p.x": "from a import p\nfrom a.p import y",
        "a.p.y": "",
        "a.q": "import a.p.x",
    }
    assert circles(beside) == [{"a.p", "a.p.x", "a.q"}]  # an import of a submodule does not hide that of its package
    for_types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from audiotag.b import B"
    assert circles(apart | {"audiotag.c": for_types}) == [{"audiotag.b", "audiotag.c"}]


def test_weights_alone_may_be_loaded_by_torch() -> None:
    source = "import torch\nstate = torch.load('a.pt', map_location='cpu', weights_only=True)"
    assert faults("audiotag.training.checkpoints", source) == []
    assert len(faults("audiotag.training.checkpoints", source + "\ntorch.load('b.pt')")) == 1


def test_publish_alone_may_join_training_and_tagging() -> None:
    source = "from audiotag.tagging.card import Card"
    assert faults("audiotag.training.publish", source) == []
    assert faults("audiotag.training.worker", source) != []


def loaded_after(code: str, of_interest: set[str], home: Path) -> set[str]:
    """Which of these top-level modules a fresh Python has loaded once it has run ``code``."""
    report = f"\nimport sys\nprint('loaded:', *({{name.split('.')[0] for name in sys.modules}} & {of_interest!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code + report],
        cwd=ROOT,
        env=os.environ | {"AUDIOTAG_HOME": str(home), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rsplit("loaded:", 1)[1].split())


def import_lines(at_top_only: bool) -> str:
    """Import statements for all that the pages import."""
    names = {name for source in PAGES.values() for name in imports_of(source, at_top_only=at_top_only)}
    tried = (
        "try:\n    importlib.import_module({0!r})\nexcept ModuleNotFoundError as error:\n    assert error.name == {0!r}"
    )
    return "\n".join(["import importlib", *(tried.format(name) for name in sorted(names))])


def test_importing_what_the_pages_import_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = {"torch", "librosa", "sklearn", "fastai", "fastaudio"}
    assert loaded_after(import_lines(at_top_only=True), heavy | {"streamlit", "plotly"}, tmp_path) == {
        "streamlit",
        "plotly",
    }


def test_importing_what_pages_import_when_buttons_are_pressed_loads_no_fastai(tmp_path: Path) -> None:
    modules = ("audiotag.networks.xresnet.model", "audiotag.tagging.tagger", "audiotag.cli.main")
    code = "\n".join([import_lines(at_top_only=False), *(f"import {module}" for module in modules)])
    assert loaded_after(code, {"torch", "fastai", "fastaudio"}, tmp_path) == {"torch"}


def test_running_any_page_loads_no_fastai(tmp_path: Path) -> None:
    import numpy as np
    import soundfile

    (tmp_path / "sounds").mkdir()
    for name in ("one", "two"):
        soundfile.write(tmp_path / "sounds" / f"{name}.wav", np.sin(np.arange(30_000) / 7) / 2, 44_100)
    (tmp_path / "sounds" / "clips.csv").write_text("fname,label\none.wav,Tone\ntwo.wav,Tone\n")
    code = f"""
from pathlib import Path
from audiotag.workspace import Workspace
Workspace().remember_dataset(Path({str(tmp_path / "sounds")!r}))
from streamlit.testing.v1 import AppTest
at = AppTest.from_file("app.py", default_timeout=60)
for page in {list(PAGES)!r}:
    at.switch_page(page).run()
    assert not at.exception, (page, at.exception)
    assert len(at.title) == 1, page
"""
    assert loaded_after(code, {"streamlit", "fastai", "fastaudio"}, tmp_path / "home") == {"streamlit"}
