"""What the documents show runs, and what they list is there."""

import doctest
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

import audiotag

ROOT = Path(__file__).parents[2]
DOCTESTS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


def tracked_files() -> list[str]:
    """Files of the repository as git lists them; skips where this is not a checkout."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is not a git checkout")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def code_blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the examples stand in: a clip of a drum, and a folder of sounds for each of two classes."""
    rng, time_s = np.random.default_rng(0), np.arange(5 * 44_100) / 44_100
    drum = 0.8 * np.sin(2 * np.pi * 60 * time_s) * np.exp(-20 * (time_s % 0.5))
    soundfile.write(tmp_path / "clip.wav", drum, 44_100)
    for number in (1, 2):
        for label, sound in (("Noise", 0.1 * rng.normal(size=44_100)), ("Hum", 0.1 * np.sin(600 * time_s[:44_100]))):
            path = tmp_path / "sounds" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, sound, 44_100)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("document", ["docs/api.md", "README.md"])
def test_python_examples_give_what_they_show(document: str, sounds: Path) -> None:
    examples = [block for block in code_blocks(document, "python") if ">>>" in block]
    assert examples
    test = doctest.DocTestParser().get_doctest("\n".join(examples), {}, document, document, 0)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=DOCTESTS).run(test, out=report.append)
    assert "".join(report) == ""


def test_api_is_documented_whole() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert [name for name in audiotag.__all__ if f"audiotag.{name}" not in text and f"`{name}`" not in text] == []


def tree_of(document: str) -> list[str]:
    """Paths in the document's tree, folders with a slash at their end."""
    (tree,) = [block for block in code_blocks(document, "text") if "pyproject.toml" in block or "audiotag/" in block]
    paths: list[str] = []
    parents: list[str] = []
    for line in tree.splitlines():
        match = re.match(r"( *)(\S+)(\s{2,}\S.*)?$", line)
        assert match is not None, f"{document}: one path per line, got {line!r}"
        assert match[3], f"{document}: say what {line} holds"
        depth = len(match[1]) // 2
        parents[depth:] = [match[2]]
        paths.append("".join(parents))
    return paths


def test_tree_in_the_readme_is_the_tree_on_disk() -> None:
    """All that lies at the top, all that lies at the top of the package, and each page and part of the UI."""
    files = [name for name in tracked_files() if not name.startswith(".")]
    top = {name.partition("/")[0] + ("/" if "/" in name else "") for name in files}
    listed = ("audiotag/", "audiotag/ui/", "pages/")
    for folder in listed:
        inside = [name.removeprefix(folder) for name in files if name.startswith(folder)]
        top |= {folder + name.partition("/")[0] + ("/" if "/" in name else "") for name in inside}
    top -= {f"{folder}{name}" for folder in listed for name in ("__init__.py", "__main__.py", "py.typed", "icon.png")}
    assert sorted(tree_of("README.md")) == sorted(top)


def test_every_module_is_in_the_architecture() -> None:
    modules = {
        name for name in tracked_files() if name.startswith("audiotag/") and name.endswith(".py") and "/__" not in name
    }
    assert {path for path in tree_of("docs/architecture.md") if path.endswith(".py")} == modules


def test_links_between_documents_lead_somewhere() -> None:
    for document in [name for name in tracked_files() if name.endswith(".md")]:
        text = re.sub(r"```.*?```", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if not re.match(r"[a-z]+:", target):
                assert (ROOT / document).parent.joinpath(target).exists(), f"{document} links to {target}"


def test_readme_names_only_commands_that_there_are() -> None:
    from audiotag.cli.main import build_parser

    known = set(build_parser()._subparsers._group_actions[0].choices)  # type: ignore[union-attr]
    named = set(re.findall(r"`audiotag ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named <= known, named - known


def test_licences_in_the_readme_are_those_of_the_packages_that_are_installed() -> None:
    """The table names wheels by version, because the libraries in them change: look into the new ones."""
    readme, locked = (ROOT / "README.md").read_text(), (ROOT / "requirements.txt").read_text()
    named = re.findall(r"^\| ([a-z0-9_]+) (\d+\.\d+) \|", readme.partition("## Licence")[2], re.MULTILINE)
    assert {"av", "soundfile", "soxr"} <= {name for name, _ in named}
    for name, version in named:
        assert re.search(rf"^{name.replace('_', '-')}=={re.escape(version)}\b", locked, re.MULTILINE), name
