"""Find the same label in two vocabularies that spell it differently, by rule and by the user's alias table.

Labels match regardless of case, spaces, underscores and hyphens, of "&" or "and", and of how accents are encoded:
"Baby_cry" is "Baby cry". For the rest there are aliases, ``label-aliases.toml`` in the workspace: one line
``"Crying, infant" = "Baby cry"`` per pair of names that mean the same.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from audiotag.checks import readable
from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.foreign import read_foreign_toml
from audiotag.workspace import Workspace, write_bytes

IGNORED = re.compile(r"[\s_\-\u2010-\u2015\u2212]+")  # white space, underscores, hyphens and dashes
MAX_LABEL_CHARS = 200
MAX_ALIASES = 2_000
EXAMPLE = "Crying, infant = Baby cry"


def label_key(label: str) -> str:
    """What the spellings of one label have in common.

    >>> label_key("Waves_and_surf") == label_key("waves & Surf"), label_key("Baby-cry")
    (True, 'babycry')
    """
    plain = unicodedata.normalize("NFC", label).replace("&", " and ")
    return unicodedata.normalize("NFC", IGNORED.sub("", plain).casefold())


class LabelNames:
    """The labels of one vocabulary, found by other spellings of them.

    Parameters
    ----------
    labels : iterable of str
        The vocabulary.
    aliases : Mapping[str, str], optional
        Names that mean the same, in either direction; their spelling is free, too.

    Examples
    --------
    >>> names = LabelNames(["Baby cry", "Bark"], {"infant crying": "baby_cry"})
    >>> names.find("Baby_cry"), names.find("Infant crying"), names.find("Meow")
    ('Baby cry', 'Baby cry', None)
    """

    def __init__(self, labels: Iterable[str], aliases: Mapping[str, str] | None = None) -> None:
        self._labels = dict.fromkeys(labels)
        self._aliases = {label_key(name): label_key(other) for name, other in (aliases or {}).items()}
        self._by_key = _unambiguous((label_key(label), label) for label in self._labels)
        self._by_meaning = _unambiguous((self._meaning(label), label) for label in self._labels)

    def find(self, label: str) -> str | None:
        """The vocabulary's spelling of a label; None if it has no such label, or several that it could be."""
        if label in self._labels:
            return label
        return self._by_key.get(label_key(label)) or self._by_meaning.get(self._meaning(label))

    def _meaning(self, label: str) -> str:
        """The key at the end of a chain of aliases; of a circle the first in the alphabet."""
        chain = [label_key(label)]
        while (following := self._aliases.get(chain[-1])) is not None:
            if following in chain:
                return min(chain[chain.index(following) :])
            chain.append(following)
        return chain[-1]


def spelling_note(found: Mapping[str, str]) -> str:
    """A sentence about labels that were found under another name; empty if there are none.

    Parameters
    ----------
    found : Mapping[str, str]
        The vocabulary's spelling of each label.

    >>> spelling_note({"Baby_cry": "Baby cry", "Bark": "Bark"})
    '1 label was matched despite its spelling, or by an alias: Baby_cry = Baby cry.'
    """
    pairs = [f"{label} = {name}" for label, name in found.items() if label != name]
    if not pairs:
        return ""
    labels = "1 label was matched despite its" if len(pairs) == 1 else f"{len(pairs)} labels were matched despite their"
    more = f" and {len(pairs) - 5} more" if len(pairs) > 5 else ""
    return f"{labels} spelling, or by an alias: {', '.join(pairs[:5])}{more}."


def parse_alias(text: str) -> tuple[str, str]:
    """The two names in ``A = B``.

    Raises
    ------
    AudiotagError
        If the text is not such a pair.

    >>> parse_alias("Crying, infant = Baby cry")
    ('Crying, infant', 'Baby cry')
    """
    name, sign, other = (part.strip().strip('"') for part in text.partition("="))
    if not sign or not name or not other or "=" in other:
        raise AudiotagError(f"an alias must be two names with = between them, got {readable(text)}; write {EXAMPLE}.")
    for each in (name, other):
        if len(each) > MAX_LABEL_CHARS or not each.isprintable():
            raise AudiotagError(
                f"a name of an alias must be at most {MAX_LABEL_CHARS} plain characters, got {readable(each)}; "
                "shorten it."
            )
    return name, other


def parse_aliases(lines: Iterable[str]) -> dict[str, str]:
    """The aliases in lines of ``A = B``; empty lines are skipped.

    Raises
    ------
    AudiotagError
        If a line is not such a pair, or there are too many.
    """
    aliases = dict(parse_alias(line) for line in lines if line.strip())
    if len(aliases) > MAX_ALIASES:
        raise AudiotagError(f"there must be at most {MAX_ALIASES:,} aliases, got {len(aliases):,}; remove some.")
    return aliases


def aliases_path(workspace: Workspace) -> Path:
    """The file of the user's aliases."""
    return workspace.root / "label-aliases.toml"


def read_aliases(workspace: Workspace) -> dict[str, str]:
    """The user's aliases; empty if there are none.

    Raises
    ------
    AudiotagError
        If the file is damaged; names it.
    """
    path = aliases_path(workspace)
    try:
        values = read_foreign_toml(path)
    except FileNotFoundError:
        return {}
    for name, other in values.items():
        if not isinstance(other, str):
            raise AudiotagError(
                f'{path}: an alias must be a line like "Crying, infant" = "Baby cry", got {readable(name)} = '
                f"{readable(other)}; mend or delete that line."
            )
    return parse_aliases(f"{name} = {other}" for name, other in values.items())


def write_aliases(aliases: Mapping[str, str], workspace: Workspace) -> None:
    """Save the user's aliases in place of the earlier ones."""
    path = aliases_path(workspace)
    lines = [
        f"{json.dumps(name, ensure_ascii=False)} = {json.dumps(other, ensure_ascii=False)}\n"
        for name, other in aliases.items()
    ]
    with locked(path):
        write_bytes(path, "".join(lines).encode())


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Labels by key, without the keys that several labels have."""
    listed = list(pairs)
    counts = Counter(key for key, _ in listed)
    return {key: label for key, label in listed if counts[key] == 1}
