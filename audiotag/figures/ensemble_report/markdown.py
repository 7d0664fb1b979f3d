"""Write a report as Markdown with YAML front matter, as Hugging Face's model cards have it: a ``README.md``."""

from __future__ import annotations

import re
from typing import Any

from audiotag.figures.ensemble_report.blocks import Block, Chart, Code, Missing, Paragraph, Report, Table
from audiotag.wording import as_text, printable

SPECIAL = re.compile(r"([\\`*\[\]|~$#])|(?<!\w)(_)|(_)(?!\w)")
BLOCK = re.compile(r"^(?=[-+=:])|^(\d+)(?=[.)](?:\s|$))")  # at the start of a line: a list, a heading, a rule
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def markdown(report: Report, footer: str = "") -> str:
    """The report as Markdown; charts are left out, because each has a table beside it."""
    parts = [f"---\n{yaml(report.front_matter)}---", f"# {escape(report.title)}", escape(report.about)]
    parts.append("\n".join(f"- {escape(name)}: **{escape(value)}**" for name, value in report.figures))
    for section in report.sections:
        parts.append(f"## {escape(section.title)}")
        parts += [text for block in section.blocks if (text := _block(block))]
    return "\n\n".join([*parts, escape(footer)]).rstrip() + "\n"


def escape(text: object) -> str:
    r"""Markdown that shows a text from data unchanged, in one line.

    >>> escape("a_b <i> [x](y)\n--- *")
    'a_b &lt;i&gt; \\[x\\](y) --- \\*'
    >>> escape("--- a"), escape("1. a")
    ('\\--- a', '1\\. a')
    """
    line = printable(re.sub(r"\s+", " ", as_text(text)).strip())
    line = "".join(ENTITIES.get(char, char) for char in line)
    line = SPECIAL.sub(lambda found: "\\" + found[0], line)
    return BLOCK.sub(lambda found: f"{found[1]}\\" if found[1] else "\\", line)


def yaml(values: dict[str, Any], indent: int = 0) -> str:
    r"""Plain values as YAML: tables, lists, texts, numbers. Every text is quoted, so that none is read otherwise.

    >>> print(yaml({"tags": ["a: b"], "results": [{"value": 0.5, "name": "--- \"x\""}], "none": []}), end="")
    tags:
    - "a: b"
    results:
    - value: 0.5
      name: "--- \"x\""
    none: []
    """
    lines = []
    for name, value in values.items():
        if isinstance(value, dict) and value:
            lines.append(f"{name}:\n{_indented(yaml(value), 2)}")
        elif isinstance(value, list) and value:
            items = (_indented(yaml(item) if isinstance(item, dict) else f"{_scalar(item)}\n", 2) for item in value)
            lines.append(f"{name}:\n" + "".join(f"- {item[2:]}" for item in items))
        else:
            lines.append(f"{name}: {_scalar(value)}\n")
    return "".join(lines)


def _indented(text: str, by: int) -> str:
    return re.sub("^", " " * by, text, flags=re.MULTILINE).rstrip(" ")


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | dict):
        return "[]" if isinstance(value, list) else "{}"
    return f'"{"".join(map(_quoted_char, as_text(value)))}"'


def _quoted_char(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return escape(block.words)
    if isinstance(block, Missing):
        return escape(block.words) + (f"\n\n{_fenced(block.command)}" if block.command else "")
    if isinstance(block, Code):
        return _fenced(block.words)
    if isinstance(block, Chart):
        return ""
    return _table(block)


def _fenced(text: str) -> str:
    """Code between fences that are longer than any in it."""
    lines = [printable(line) for line in as_text(text).splitlines()]
    longest = max((len(found) for found in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence, *lines, fence])


def _table(table: Table) -> str:
    columns = table.columns if any(table.columns) else ("Name", "Value")
    rule = ["---:" if place in table.numbers else "---" for place in range(len(columns))]
    rows = [[escape(title) for title in columns], rule, *([escape(text) for text in row] for row in table.rows)]
    return f"**{escape(table.caption)}**\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)
