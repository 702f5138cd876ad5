"""What the HTML pages of this package have in common: one style, light and dark, and nothing from outside."""

from __future__ import annotations

from html import escape

_STYLE = """
:root { color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d232b; --soft: #667080; --line: #e3e1dc; --faint: #f2f0ec;
  --good: #14804a; --bad: #c0362c; --move: #2b62c4; --edit: #9a6700; --warn: #9a6700; --warn-bg: #fff5dc;
  --mono: ui-monospace, SFMono-Regular, "Cascadia Mono", Menlo, "DejaVu Sans Mono", monospace; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171b; --card: #1c2026; --ink: #e4e7eb; --soft: #939cab; --line: #323842; --faint: #252a32;
  --good: #4cc38a; --bad: #ff7b72; --move: #79a8ff; --edit: #e0b040; --warn: #e0b040; --warn-bg: #33290f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 36px 24px 64px; }
h1 { font-size: 25px; line-height: 1.25; margin: 0 0 6px; letter-spacing: -.01em; font-weight: 650; }
h2 { font-size: 17px; margin: 36px 0 10px; font-weight: 650; }
p { margin: 0 0 8px; } .soft { color: var(--soft); }
code, .id { font-family: var(--mono); font-size: 12.5px; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(128px, 1fr)); gap: 12px; margin: 22px 0 8px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px 10px; }
.tile b { display: block; font-size: 25px; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile span { display: block; color: var(--soft); font-size: 13px; text-wrap: balance; }
.note { background: var(--warn-bg); border-left: 3px solid var(--warn); padding: 9px 14px; margin: 10px 0;
  border-radius: 0 8px 8px 0; }
table { width: 100%; border-collapse: collapse; background: var(--card); font-size: 14px; }
.sheet { border: 1px solid var(--line); border-radius: 10px; overflow: hidden; overflow-x: auto; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 12.5px; background: var(--faint); }
th, td { padding: 7px 14px; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.zero { color: var(--line); } .good { color: var(--good); } .bad { color: var(--bad); }
.move { color: var(--move); } .edit { color: var(--edit); }
details { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 8px 0;
  overflow: hidden; }
summary { cursor: pointer; padding: 9px 14px; display: flex; gap: 14px; align-items: baseline; flex-wrap: wrap; }
summary .id { flex: 1 1 240px; font-weight: 600; } summary:hover { background: var(--faint); }
details[open] > summary { border-bottom: 1px solid var(--line); }
ul.items { list-style: none; margin: 0; padding: 6px 0; }
ul.items li { padding: 3px 14px 3px 38px; position: relative; }
ul.items li::before { position: absolute; left: 16px; font-family: var(--mono); font-weight: 700; }
li.good::before { content: "+"; } li.bad::before { content: "\\2212"; } li.move::before { content: "\\2192"; }
li.away::before { content: "\\2190"; } li.away { color: var(--soft); } li.edit::before { content: "~"; }
.signs { min-width: 132px; text-align: left; } .total { min-width: 92px; color: var(--soft); }
li .name { color: var(--ink); font-weight: 550; margin-right: 6px; } li .soft { font-size: 13px; }
.badge { font-size: 12px; border: 1px solid var(--line); border-radius: 99px; padding: 0 9px; color: var(--soft);
  white-space: nowrap; }
.badge.warn { color: var(--warn); border-color: var(--warn); }
.bar { display: inline-flex; width: 110px; height: 8px; border-radius: 4px; overflow: hidden; background: var(--faint);
  vertical-align: middle; }
.bar i { display: block; height: 100%; }
footer { margin-top: 40px; color: var(--soft); font-size: 12.5px; }
@media print { details { break-inside: avoid; } body { background: #fff; } }
"""


def document(title: str, body: str, *, style: str = "") -> str:
    """A whole page. ``body`` is HTML, and whoever made it has escaped what it holds.

    The policy in its head keeps a page that is opened from a bucket or a mail from loading or running anything.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def tile(value: str, label: str, tone: str = "") -> str:
    """A number with its label; ``tone`` is one of the style's classes."""
    return f'<div class="tile"><b class="{tone}">{escape(value)}</b><span>{escape(label)}</span></div>'
