"""Check that controls in the address stay in place, because one that is moved can stop writing to the address.

A browser draws a block again when its place among its siblings changes, for example because a message comes above it,
and the block that was in the new place before keeps its old content until the page has run to its end. When that goes
away, so does the link between the control, which is the same, and its parameter of the address: the control works, but
what is chosen is not in the address any more. What comes and goes therefore has a block of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Node

Blocks = tuple[str, ...]
_usual: dict[tuple[str, str, str], Blocks] = {}  # where a control of a page is, in all tests of this process


def check_places(at: AppTest) -> None:
    """Assert that each control in the address is in the same blocks as whenever another test has shown it."""
    for part in at._tree.children.values():
        for parameter, blocks in _controls(part, ()):
            usual = _usual.setdefault((at._script_path, at._page_hash, parameter), blocks)
            assert blocks == usual, f"{parameter} was in {' > '.join(usual)}; now it is in {' > '.join(blocks)}"


def _controls(node: Node, blocks: Blocks) -> Iterator[tuple[str, Blocks]]:
    """The parameters of a node and of what is in it, and the blocks around: each has its place, type and key."""
    if parameter := _parameter(node):
        yield parameter, blocks[:-1] if isinstance(node, Block) else blocks  # a block has its own key
    if isinstance(node, Block):
        for place, child in node.children.items():
            own = (f"{place} {child.type} {child.key or ''}".strip(),) if isinstance(child, Block) else ()
            yield from _controls(child, blocks + own)


def _parameter(node: Node) -> str:
    """The parameter of the address to which a control, an expander or tabs are bound; empty if there is none."""
    proto = getattr(node, "proto", None)
    parts = (proto, getattr(proto, "tab_container", None), getattr(proto, "expandable", None))
    return next((name for part in parts if (name := getattr(part, "query_param_key", ""))), "")
