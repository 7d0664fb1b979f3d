"""A registry finds the parts of its subpackage and of other distributions by name, and refuses ambiguous names."""

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.registry import Registry

PACKAGE = "throwaway_voices"
GROUP = "throwaway.voices"
REGISTER = "from {package} import VOICES\n\n\n@VOICES.register({name!r})\nclass {kind}:\n    pass\n"


class Site:
    """A folder on ``sys.path`` with a package that has a registry, its modules, and other distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder / PACKAGE
        self.package.mkdir()
        (self.package / "__init__.py").write_text(
            "from audiotag.registry import Registry\n\n"
            f"VOICES: Registry[type] = Registry('voice', {PACKAGE!r}, {GROUP!r})\n"
        )

    def add_module(self, name: str, part: str, kind: str) -> None:
        """A module of the package itself."""
        (self.package / f"{name}.py").write_text(REGISTER.format(package=PACKAGE, name=part, kind=kind))

    def add_distribution(self, name: str, source: str) -> None:
        """An installed distribution of one module, which its entry point names."""
        (self.folder / f"{name}.py").write_text(source)
        metadata = self.folder / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}\n")

    def voices(self) -> Registry[type]:
        """The registry, freshly imported."""
        import importlib

        importlib.invalidate_caches()
        return importlib.import_module(PACKAGE).VOICES


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    modules = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield Site(tmp_path)
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def empty_registry() -> Registry[type]:
    """A registry whose package registers nothing with it."""
    return Registry("voice", "audiotag.figures", "audiotag.no_such_group")


def test_a_part_registers_itself_and_is_found_by_its_name() -> None:
    voices = empty_registry()

    @voices.register("double-bass")
    class DoubleBass:
        pass

    assert voices.get("double-bass") is DoubleBass
    assert voices.names() == ("double-bass",)
    assert voices.items() == (("double-bass", DoubleBass),)


def test_names_are_sorted_whatever_the_order_of_registration() -> None:
    voices = empty_registry()
    for name in ("viola", "alto", "tenor2"):
        voices.register(name)(type(name, (), {}))
    assert voices.names() == ("alto", "tenor2", "viola")
    assert [name for name, _ in voices.items()] == ["alto", "tenor2", "viola"]


@pytest.mark.parametrize("name", ["", "Alto", "al to", "al_to", "-alto", "alto-", "al--to", "älto"])
def test_a_name_must_be_lower_case_words_with_hyphens(name: str) -> None:
    with pytest.raises(AudiotagError, match=r"^the name of a voice must be lower-case words with hyphens, got '"):
        empty_registry().register(name)


def test_two_parts_of_one_name_are_refused_and_the_message_names_both() -> None:
    voices = empty_registry()

    @voices.register("alto")
    class Alto:
        pass

    with pytest.raises(AudiotagError, match=r"^the voice alto is defined twice, in .*Alto and .*Other; rename one\.$"):

        @voices.register("alto")
        class Other:
            pass

    assert voices.get("alto") is Alto


def test_the_same_part_may_be_registered_again_as_by_a_reload() -> None:
    voices = empty_registry()

    def define() -> type:
        class Alto:
            pass

        return voices.register("alto")(Alto)

    define()
    reloaded = define()
    assert voices.get("alto") is reloaded


def test_an_unknown_name_lists_the_known_ones() -> None:
    voices = empty_registry()
    for name in ("viola", "alto"):
        voices.register(name)(type(name, (), {}))
    with pytest.raises(AudiotagError, match=r"^'bass' is not a known voice; choose one of alto, viola, or install"):
        voices.get("bass")


def test_all_modules_of_the_subpackage_are_found(site: Site) -> None:
    site.add_module("low", "bass", "Bass")
    site.add_module("high", "alto", "Alto")
    assert site.voices().names() == ("alto", "bass")


def test_a_part_of_another_distribution_is_found_by_its_entry_point(site: Site) -> None:
    site.add_module("high", "alto", "Alto")
    site.add_distribution("choir_addon", REGISTER.format(package=PACKAGE, name="tenor", kind="Tenor"))
    voices = site.voices()
    assert voices.get("tenor").__module__ == "choir_addon"
    assert voices.names() == ("alto", "tenor")


@pytest.mark.parametrize(
    "source",
    ["import no_such_module_anywhere\n", "raise RuntimeError('not today')\n", "def broken(:\n"],
    ids=["import error", "exception", "syntax error"],
)
def test_a_broken_module_of_another_distribution_is_a_warning_and_the_rest_is_found(
    site: Site, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    site.add_module("high", "alto", "Alto")
    site.add_distribution("a_broken_addon", source)
    site.add_distribution("choir_addon", REGISTER.format(package=PACKAGE, name="tenor", kind="Tenor"))
    with caplog.at_level(logging.WARNING):
        assert site.voices().names() == ("alto", "tenor")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("The voice a_broken_addon (a_broken_addon) cannot be loaded: ")


def test_a_part_of_another_distribution_cannot_take_the_name_of_one_of_the_subpackage(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.add_module("high", "alto", "Alto")
    site.add_distribution("choir_addon", REGISTER.format(package=PACKAGE, name="alto", kind="Imitation"))
    with caplog.at_level(logging.WARNING):
        assert site.voices().get("alto").__name__ == "Alto"
        assert site.voices().names() == ("alto",)
    assert "the voice alto is defined twice" in caplog.text


def test_modules_are_imported_only_at_the_first_use_and_only_once(site: Site) -> None:
    site.add_module("high", "alto", "Alto")
    (site.package / "counter.py").write_text(
        "import pathlib\n"
        "file = pathlib.Path(__file__).with_name('imports.txt')\n"
        "file.write_text(file.read_text() + 'x' if file.exists() else 'x')\n"
    )
    voices = site.voices()
    imports = site.package / "imports.txt"
    assert not imports.exists()
    voices.names()
    del sys.modules[f"{PACKAGE}.counter"]
    voices.items()
    voices.get("alto")
    assert imports.read_text() == "x"


def test_every_thread_finds_all_parts_when_several_ask_first(site: Site) -> None:
    """The module holds the first thread inside the import until the others have asked too."""
    site.add_module("high", "alto", "Alto")
    site.add_module("low", "bass", "Bass")
    asking = threading.Barrier(5)
    (site.package / "a_gate.py").write_text(f"from {PACKAGE} import VOICES\n\nVOICES.gate.wait(timeout=30)\n")
    voices = site.voices()
    started = [threading.Event() for _ in range(4)]
    voices.gate = threading.Event()  # type: ignore[attr-defined]
    found: list[tuple[str, ...]] = []

    def ask(number: int) -> None:
        asking.wait(timeout=30)
        started[number].set()
        found.append(voices.names())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    asking.wait(timeout=30)
    for event in started:
        assert event.wait(timeout=30)
    assert found == []  # nobody gets a part of the names while a module is still being imported
    voices.gate.set()  # type: ignore[attr-defined]
    for thread in threads:
        thread.join(timeout=30)
    assert found == [("alto", "bass")] * 4
