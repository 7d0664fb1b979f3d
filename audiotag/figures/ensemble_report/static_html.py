"""Write a report as one HTML file without scripts, which opens without a network and can be printed.

Its colours follow the light or dark theme of the system.
"""

from __future__ import annotations

import html
import re

from audiotag.figures.ensemble_report.blocks import Block, Chart, Code, Missing, Paragraph, Report, Section, Table
from audiotag.wording import as_text, printable

# Colours of the series c0 to c7 have a contrast of at least 3 with the ground, texts of at least 4.5.
STYLE = """
:root { color-scheme: light dark; --ink: #1c2321; --quiet: #55615d; --ground: #fff; --card: #f4f7f6; --edge: #d9e1de;
  --c0: #0c8175; --c1: #b3600f; --c2: #5b68a8; --c3: #b23a65; --c4: #6a7712; --c5: #2b77a8; --c6: #8f5a24;
  --c7: #7c4ba0 }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eeec; --quiet: #a3b0ab; --ground: #131817; --card: #1c2321;
  --edge: #35403c; --c0: #2cc4b2; --c1: #eb9a45; --c2: #98a4dd; --c3: #e77fa4; --c4: #b3c24a; --c5: #6db6e4;
  --c6: #d19b62; --c7: #bb90d8 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 68rem; color: var(--ink); background: var(--ground);
  font: 1rem/1.55 system-ui, "Segoe UI", Roboto, sans-serif; overflow-wrap: break-word }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem } h2 { font-size: 1.35rem; margin: 3rem 0 .75rem }
p { max-width: 46rem; margin: .6rem 0 } .quiet { color: var(--quiet); font-size: .925rem }
a { color: var(--c0) } a:focus-visible, [tabindex]:focus-visible, summary:focus-visible { outline: 2px solid var(--c0);
  outline-offset: 2px }
dl.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem;
  margin: 1.5rem 0 } dl.figures div { background: var(--card); border: 1px solid var(--edge); border-radius: .6rem;
  padding: .7rem .9rem } dl.figures dt { color: var(--quiet); font-size: .875rem } dl.figures dd { margin: 0;
  font-size: 1.35rem; font-variant-numeric: tabular-nums; line-height: 1.3 }
nav ul { display: flex; flex-wrap: wrap; gap: .35rem 1.1rem; list-style: none; padding: 0; margin: 1rem 0;
  font-size: .925rem }
.scroll { overflow-x: auto; margin: 1rem 0 1.5rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .925rem }
caption { text-align: left; color: var(--quiet); padding-bottom: .4rem; font-size: .925rem }
th, td { padding: .3rem .9rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--edge) }
thead th { border-bottom-color: var(--quiet) } tbody th { font-weight: 500 } .number { text-align: right }
.short { white-space: nowrap } thead th { vertical-align: bottom }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1.5rem 2.5rem }
figure { margin: 1rem 0; max-width: 32rem; break-inside: avoid } figcaption { color: var(--quiet);
  font-size: .925rem; margin-bottom: .5rem }
svg { display: block; width: 100%; height: auto } svg text { fill: var(--ink); font-size: 13px }
.grid { stroke: var(--edge); stroke-width: 1 } .diagonal { stroke: var(--quiet); stroke-width: 1.5;
  stroke-dasharray: 2 4 } .line { fill: none; stroke-width: 2 } .thin { stroke-width: 1 }
.mark { stroke: var(--ground); stroke-width: 1 }
pre { background: var(--card); border: 1px solid var(--edge); border-radius: .5rem; padding: .7rem .9rem;
  max-width: 46rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .875rem; margin: .6rem 0 1.2rem }
.missing { border-left: 3px solid var(--c1); padding-left: .9rem; margin: 1rem 0; max-width: 46rem }
.missing pre { margin-bottom: .2rem } details { margin: 1rem 0 } summary { cursor: pointer; color: var(--c0) }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--edge); color: var(--quiet);
  font-size: .925rem }
@media (max-width: 40rem) { body { padding-top: 1.25rem } h1 { font-size: 1.6rem } th, td { padding-right: .7rem } }
@media print { :root { color-scheme: light } body { max-width: none; padding: 0; font-size: 10pt }
  nav { display: none } .scroll { overflow: visible } h2 { break-after: avoid } tr, figure, pre { break-inside: avoid }
  a { color: inherit } }
"""
SERIES = "".join(
    f".c{n}.line, .c{n}.thin {{ stroke: var(--c{n}) }} .c{n}.mark {{ fill: var(--c{n}) }}" for n in range(8)
)
MAX_UNBROKEN_CHARS = 28  # of a cell's text that is kept on one line
ROW = ' scope="row"'
# The file may hold texts of strangers: whatever they are, nothing is run or fetched.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def static_html(report: Report, footer: str = "") -> str:
    """The report as one HTML page."""
    anchors = [f"{number}-{_slug(section.title)}" for number, section in enumerate(report.sections, 1)]
    links = "".join(
        f'<li><a href="#{anchor}">{_escaped(section.title)}</a></li>'
        for anchor, section in zip(anchors, report.sections, strict=True)
    )
    figures = "".join(
        f"<div><dt>{_escaped(name)}</dt><dd>{_escaped(value)}</dd></div>" for name, value in report.figures
    )
    sections = "\n".join(_section(anchor, one) for anchor, one in zip(anchors, report.sections, strict=True))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_escaped(report.title)}</title><style>{STYLE}{SERIES}</style></head>\n"
        f"<body><header><h1>{_escaped(report.title)}</h1><p>{_escaped(report.about)}</p>"
        f'<dl class="figures">{figures}</dl></header>\n'
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>\n'
        f"<main>{sections}</main>\n<footer>{_escaped(footer)}</footer></body></html>\n"
    )


def _section(anchor: str, section: Section) -> str:
    parts, charts = [], list[str]()
    for block in section.blocks:
        if isinstance(block, Chart):  # charts that follow each other stand side by side
            charts.append(_block(block))
            continue
        parts += _beside(charts)
        charts = []
        parts.append(_block(block))
    parts += _beside(charts)
    heading = f'<h2 id="{anchor}">{_escaped(section.title)}</h2>'
    return f'<section aria-labelledby="{anchor}">{heading}\n' + "\n".join(parts) + "</section>"


def _beside(charts: list[str]) -> list[str]:
    return [f'<div class="charts">{"".join(charts)}</div>'] if charts else []


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        style = ' class="quiet"' if block.is_quiet else ""
        return f"<p{style}>{_escaped(block.words)}</p>"
    if isinstance(block, Missing):
        command = f"<pre>{_escaped(block.command)}</pre>" if block.command else ""
        return f'<div class="missing"><p>{_escaped(block.words)}</p>{command}</div>'
    if isinstance(block, Code):
        return f"<pre>{html.escape(as_text(block.words))}</pre>"
    if isinstance(block, Chart):
        return f"<figure><figcaption>{_escaped(block.caption)}</figcaption>{block.svg}</figure>"
    return _table(block)


def _table(table: Table) -> str:
    def cell(tag: str, place: int, text: str, scope: str = "") -> str:
        is_short = (tag == "td" or scope == ROW) and len(text) <= MAX_UNBROKEN_CHARS
        styles = ["number"] * (place in table.numbers) + ["short"] * is_short
        style = f' class="{" ".join(styles)}"' if styles else ""
        return f"<{tag}{scope}{style}>{_escaped(text)}</{tag}>"

    head = "".join(cell("th", place, title, ' scope="col"') for place, title in enumerate(table.columns))
    head = f"<thead><tr>{head}</tr></thead>" if any(table.columns) else ""
    rows = "".join(
        "<tr>"
        + "".join(cell("td", place, text) if place else cell("th", place, text, ROW) for place, text in enumerate(row))
        + "</tr>"
        for row in table.rows
    )
    caption = _escaped(table.caption)
    whole = (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}"><table><caption>{caption}</caption>'
        f"{head}<tbody>{rows}</tbody></table></div>"
    )
    return f"<details><summary>{caption}</summary>{whole}</details>" if table.is_closed else whole


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _escaped(text: object) -> str:
    return html.escape(printable(as_text(text)))
