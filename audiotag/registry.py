"""Find networks, dataset layouts, augmentations, losses, schedules and export formats by their names.

A part registers itself with a decorator when its module is imported. At its first use a registry imports all modules of
its subpackage, then the modules that other distributions list under its entry point group. So a new part is one new
file, and a part of another distribution is one line in the ``pyproject.toml`` of that distribution:

    [project.entry-points."audiotag.losses"]
    asymmetric = "my_package.asymmetric_loss"
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import re
import threading
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from audiotag.errors import AudiotagError
from audiotag.wording import shortened

Part = TypeVar("Part")

logger = logging.getLogger(__name__)


class Registry(Generic[Part]):
    """The parts of one kind, such as all losses, by their names.

    Parameters
    ----------
    kind : str
        What a part is called in messages, such as ``"loss"``.
    package : str
        Dotted name of the subpackage whose modules are imported to find the parts of audiotag itself.
    group : str
        Entry point group under which other distributions list modules with their own parts.

    Examples
    --------
    >>> shapes = Registry[type]("shape", "audiotag.figures", "audiotag.no_such_group")
    >>> @shapes.register("round-thing")
    ... class RoundThing: ...
    >>> shapes.get("round-thing")
    <class 'audiotag.registry.RoundThing'>
    """

    def __init__(self, kind: str, package: str, group: str) -> None:
        self.kind, self.package, self.group = kind, package, group
        self._parts: dict[str, Part] = {}
        self._is_complete = False
        self._lock = threading.RLock()  # pages of several sessions may ask at once

    def register(self, name: str) -> Callable[[Part], Part]:
        """Decorate a part to register it under a name.

        The same part may be registered again, as happens when its module is reloaded.

        Parameters
        ----------
        name : str
            Lower-case letters, digits and hyphens.

        Raises
        ------
        AudiotagError
            If the name has other characters, or another part already has it.
        """
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            raise AudiotagError(f"the name of a {self.kind} must be lower-case words with hyphens, got {name!r}.")

        def add(part: Part) -> Part:
            known = self._parts.get(name)
            if known is not None and _origin(known) != _origin(part):
                raise AudiotagError(
                    f"the {self.kind} {name} is defined twice, in {_origin(known)} and {_origin(part)}; rename one."
                )
            self._parts[name] = part
            return part

        return add

    def names(self) -> tuple[str, ...]:
        """Names of all parts, sorted."""
        self._find_all()
        return tuple(sorted(self._parts))

    def items(self) -> tuple[tuple[str, Part], ...]:
        """All parts with their names, sorted by name."""
        return tuple((name, self._parts[name]) for name in self.names())

    def get(self, name: str) -> Part:
        """The part with this name.

        Raises
        ------
        AudiotagError
            If there is no such part; the message lists the known names.
        """
        if name not in self._parts:
            self._find_all()
        if name not in self._parts:
            raise AudiotagError(
                f"{shortened(repr(name))} is not a known {self.kind}; choose one of {', '.join(self.names())}, "
                f"or install the package that adds it."
            )
        return self._parts[name]

    def _find_all(self) -> None:
        with self._lock:
            if self._is_complete:
                return
            package = importlib.import_module(self.package)
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{self.package}.{module.name}")
            for entry in entry_points(group=self.group):
                try:
                    entry.load()
                except Exception as error:  # a broken module of another distribution must not stop audiotag
                    logger.warning("The %s %s (%s) cannot be loaded: %s", self.kind, entry.name, entry.value, error)
            self._is_complete = True


def _origin(part: object) -> str:
    """Where a part is defined: its module and name."""
    return f"{getattr(part, '__module__', '')}.{getattr(part, '__qualname__', repr(part))}"
