"""No text from data reaches a page as Markdown: what a page shows is written in the source, a number, or escaped."""

import ast
from pathlib import Path

import pytest

from audiotag.ui.text import JOINER, Markdown, escape

ROOT = Path(__file__).parents[3]
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "audiotag/ui").rglob("*.py"))]
    if path.name != "text.py"  # which makes Markdown
}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}
# Functions of Streamlit with the number of their first arguments that are Markdown.
LABELLED = {  # their first argument
    "audio_input", "badge", "button", "caption", "checkbox", "dialog", "download_button", "error", "expander",
    "file_uploader", "form_submit_button", "header", "info", "link_button", "markdown", "multiselect", "number_input",
    "page_link", "pills", "popover", "radio", "segmented_control", "selectbox", "slider", "spinner", "subheader",
    "success", "tabs", "text_area", "text_input", "title", "toast", "toggle", "warning",
}  # fmt: skip
SHOWN = dict.fromkeys(LABELLED, 1) | {"metric": 3, "progress": 2, "Markdown": 1}
KEYWORDS = {"help", "caption", "captions", "label", "text", "title", "body"}
WITH_OPTIONS = {"radio", "pills", "segmented_control"}  # their options are Markdown; those of a selectbox are not
NUMBERS = {"len", "round", "int", "float", "sum", "format_duration", "as_number"}
TRUSTED = {"Markdown", "list[Markdown]", "tuple[Markdown, ...]", "int", "float", "bool"}
NUMBER_FORMATS = "dfge%,"


def functions_that_return(kind: str) -> set[str]:
    """Names of the functions whose annotation promises this type; mypy holds them to it."""
    return {
        node.name
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) == kind
    }


def is_trusted(annotation: ast.expr | None) -> bool:
    """Whether values of this type are Markdown, several of it, or numbers; mypy holds callers to it."""
    text = ast.unparse(annotation) if annotation else ""
    return text.removesuffix(" | None") in TRUSTED


SAFE_CALLS = {"escape", "escape_all", "link", "Markdown"} | NUMBERS | functions_that_return("Markdown")


class Scope:
    """What is known about the names of one function: the expressions that are assigned to each."""

    def __init__(self, nodes: list[ast.AST]) -> None:
        self.assigned: dict[str, list[ast.expr | None]] = {}
        for node in nodes:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assign(target, node.value)
            elif isinstance(node, ast.AnnAssign) and is_trusted(node.annotation):
                self._assign(node.target, ast.Constant(""))
            elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value:
                self._assign(node.target, node.value)
            elif isinstance(node, ast.For | ast.comprehension):
                self._assign_each(node.target, node.iter)
            elif isinstance(node, ast.arguments):
                for arg in [*node.args, *node.kwonlyargs]:
                    self._assign(ast.Name(arg.arg), ast.Constant("") if is_trusted(arg.annotation) else None)

    def _assign(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Tuple):
            values = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts) else None
            for at, each in enumerate(target.elts):
                self._assign(each, values[at] if values else value)
        elif isinstance(target, ast.Name):
            self.assigned.setdefault(target.id, []).append(value)

    def _assign_each(self, target: ast.expr, values: ast.expr) -> None:
        if isinstance(values, ast.Call) and ast.unparse(values.func) == "zip" and isinstance(target, ast.Tuple):
            for each, source in zip(target.elts, values.args, strict=False):
                self._assign_each(each, source)
        elif isinstance(values, ast.Tuple | ast.List | ast.Set):
            for value in values.elts:
                self._assign(target, value)
        elif isinstance(values, ast.Name) and values.id.isupper():  # a table in the source
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    self._assign(name, ast.Constant(""))
        else:
            self._assign(target, values)

    def is_safe(self, node: ast.expr | None, seen: frozenset[str] = frozenset()) -> bool:
        """Whether an expression is written in the source, a number, or escaped."""
        match node:
            case ast.Constant():
                return True
            case ast.JoinedStr():
                return all(self.is_safe(part, seen) for part in node.values)
            case ast.FormattedValue():
                spec = ast.unparse(node.format_spec)[2:-1] if node.format_spec else ""
                return spec[-1:] in tuple(NUMBER_FORMATS) or self.is_safe(node.value, seen)
            case ast.BinOp():
                return self.is_safe(node.left, seen) and self.is_safe(node.right, seen)
            case ast.IfExp():
                return self.is_safe(node.body, seen) and self.is_safe(node.orelse, seen)
            case ast.BoolOp():
                return all(self.is_safe(value, seen) for value in node.values)
            case ast.Tuple() | ast.List() | ast.Set():
                return all(self.is_safe(value, seen) for value in node.elts)
            case ast.Starred():
                return self.is_safe(node.value, seen)
            case ast.ListComp() | ast.GeneratorExp():
                return self.is_safe(node.elt, seen)
            case ast.Name():
                if node.id in seen:
                    return True
                values = self.assigned.get(node.id)
                if values is None:  # a constant, or a function of this package that makes Markdown
                    return node.id.isupper() or node.id in SAFE_CALLS
                return all(self.is_safe(value, seen | {node.id}) for value in values)
            case ast.Subscript():
                return self.is_safe(node.value, seen)
            case ast.Dict():
                return all(self.is_safe(value, seen) for value in node.values)
            case ast.Attribute():
                return node.attr.isupper()  # a constant of another module
            case ast.Lambda():
                return self.is_safe(node.body, seen)
            case ast.Call():
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if called in SAFE_CALLS:
                    return True
                if called == "map":
                    return ast.unparse(node.args[0]) == "escape"
                if called in ("join", "format", "lower", "replace") and isinstance(node.func, ast.Attribute):
                    return all(self.is_safe(value, seen) for value in (node.func.value, *node.args))
                if called in ("list", "sorted", "tuple"):
                    return all(self.is_safe(value, seen) for value in node.args)
        return False


def faults(tree: ast.AST) -> list[str]:
    """Markdown of Streamlit's functions that is neither written in the source nor escaped."""
    found = []

    def visit(node: ast.AST, around: list[ast.AST]) -> None:
        for child in ast.iter_child_nodes(node):
            inside = [*around, *ast.walk(child)] if isinstance(child, ast.FunctionDef) else around
            if isinstance(child, ast.Call):
                found.extend(faults_of(child, Scope(inside)))
            visit(child, inside)

    visit(tree, [])
    return found


def faults_of(call: ast.Call, scope: Scope) -> list[str]:
    called = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if called not in SHOWN and not isinstance(call.func, ast.IfExp):
        return []
    texts = list(call.args[called == "progress" : SHOWN.get(called, 1)])  # its first argument is a number
    texts += [keyword.value for keyword in call.keywords if keyword.arg in KEYWORDS]
    if called in WITH_OPTIONS:
        formats = [keyword.value for keyword in call.keywords if keyword.arg == "format_func"]
        texts += formats or call.args[1:2]
    return [f"{call.lineno}: {ast.unparse(text)}" for text in texts if not scope.is_safe(text)]


@pytest.mark.parametrize("source", TREES)
def test_page_shows_as_markdown_only_what_is_written_in_the_source_or_escaped(source: str) -> None:
    assert faults(TREES[source]) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("def f(name: str): st.error(name)", True),
        ("def f(name: str): st.error(f'{name} is damaged')", True),
        ("def f(name: str): st.error(f'{escape(name)} is damaged')", False),
        ("def f(name: str): st.button('Open', help=f'Opens {name}')", True),
        ("def f(name: str):\n text = f'about {name}'\n column.caption(text)", True),
        ("def f(name: str):\n text = escape(name)\n column.caption(text)", False),
        ("def f(clips: list): st.caption(f'{len(clips):,} clips')", False),
        ("def f(names: list): st.caption(', '.join(names))", True),
        ("def f(names: list): st.caption(', '.join(map(escape, names)))", False),
        ("def f(names: list): st.pills('Names', names)", True),
        ("def f(names: list): st.selectbox('Names', names)", False),
        ("def f(names: list):\n for name in names: st.tabs([name])", True),
        ("def f(error: Exception): (st.error if error else st.info)(str(error))", True),
        ("def f(name: Markdown): st.error(name)", False),
    ],
)
def test_rule_finds_what_is_not_escaped(source: str, fault: bool) -> None:
    assert bool(faults(ast.parse(source))) == fault


@pytest.mark.parametrize("text", ["http://a.b/c", "HTTPS://a.b", "www.a.b", "(www.a.b)", "me@a.b", "a -> b", "x >= y"])
def test_what_would_become_a_link_or_a_symbol_is_broken_by_a_joiner_without_width(text: str) -> None:
    assert JOINER in escape(text)
    assert escape(text).replace("\\", "").replace(JOINER, "") == text


def test_escaped_text_is_one_line_and_starts_no_block() -> None:
    assert "\n" not in escape("a\n# b\r\n- c")
    assert isinstance(escape("    code"), Markdown)
    assert not escape("    code").startswith(" ")
    assert escape("1. one") == r"1\. one"
