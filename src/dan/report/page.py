"""The HTML of a self-contained page: style, tables, pictures and sound, all within the one file.

Every text passes through `html.escape` here; what these functions return is markup and is not escaped again.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --card: #f6f7f9; --ink: #1f2328; --soft: #5b6470;
  --line: #dfe2e7; --dan: #b84f00; --limit: #00734f; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181d; --card: #1e2229; --ink: #e6e8eb;
  --soft: #a2abb7; --line: #343a43; --dan: #ff9a4d; --limit: #3ecf9a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 17px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.75rem 0 .75rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.25rem 0 .35rem; }
p, ul { margin: .6rem 0; max-width: 46rem; }
.facts, figcaption, footer, .note { color: var(--soft); font-size: .92rem; overflow-wrap: anywhere; }
.lead { font-size: 1.22rem; line-height: 1.45; margin: 1.25rem 0; padding: 1rem 1.2rem;
  background: var(--card); border-left: 5px solid var(--dan); border-radius: 0 8px 8px 0; max-width: none; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .42rem .7rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; font-size: .88rem; vertical-align: bottom; }
tbody th { color: inherit; font-weight: 400; font-size: inherit; }
th:first-child, td:first-child { text-align: left; }
tr.dan th, tr.dan td, td.dan, th.dan { color: var(--dan); font-weight: 700; }
tr.dan { background: var(--card); }
tr.limit th, tr.limit td, td.limit, th.limit { color: var(--limit); }
figure { margin: 1rem 0; }
figure img { display: block; width: 100%; height: auto; background: #fff; border-radius: 8px; padding: 10px;
  border: 1px solid var(--line); }
figcaption { margin-top: .4rem; }
.sounds { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr));
  gap: .9rem; margin: 1rem 0; }
.sounds figure { margin: 0; padding: .8rem .9rem; background: var(--card); border-radius: 8px; }
.sounds figcaption { margin: 0 0 .4rem; color: var(--ink); font-weight: 600; }
audio { width: 100%; height: 40px; }
details { background: var(--card); border-radius: 8px; padding: .8rem 1.1rem; }
summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; font: .85rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media (max-width: 40rem) { body { font-size: 16px; } h1 { font-size: 1.5rem; } .lead { font-size: 1.08rem; }
  main { padding: 1.25rem .9rem 2rem; } figure img { padding: 4px; } }
""".strip()


def document(title: str, *parts: str) -> str:
    """A whole HTML5 page of the given markup; it loads nothing from anywhere."""
    body = "\n".join(part for part in parts if part)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{STYLE}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def header(title: str, *, facts: str, lead: str) -> str:
    """The page's title, on what it is, and what it comes to."""
    lines = [f"<h1>{escape(title)}</h1>", paragraph(facts, kind="facts"), paragraph(lead, kind="lead")]
    return "<header>\n" + "\n".join(lines) + "\n</header>"


def footer(text: str) -> str:
    """The last line of a page."""
    return f"<footer>{escape(text)}</footer>"


def paragraph(text: str, *, kind: str = "") -> str:
    """A paragraph of a style."""
    style = f' class="{escape(kind)}"' if kind else ""
    return f"<p{style}>{escape(text)}</p>"


def section(heading: str, *parts: str) -> str:
    """A section with its heading; nothing where it has no parts."""
    body = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(heading)}</h2>\n{body}\n</section>" if body else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, kinds: Sequence[str] = ()) -> str:
    """A table that scrolls sideways where it is too wide; each row's first cell is its heading.

    Args:
        head: headings of the columns.
        rows: cells as text.
        kinds: the style of each row, where rows have one.
    """
    kinds = kinds or [""] * len(rows)
    columns = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = [_table_row(cells, kind) for cells, kind in zip(rows, kinds, strict=True)]
    parts = [f"<thead><tr>{columns}</tr></thead>", "<tbody>", *lines, "</tbody>"]
    return '<div class="wide"><table>\n' + "\n".join(parts) + "\n</table></div>"


def _table_row(cells: Sequence[str], kind: str) -> str:
    style = f' class="{escape(kind)}"' if kind else ""
    rest = "".join(f"<td>{escape(cell)}</td>" for cell in cells[1:])
    return f'<tr{style}><th scope="row">{escape(cells[0])}</th>{rest}</tr>'


def bullets(lines: Sequence[str]) -> str:
    """A list, or nothing where it is empty."""
    items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="note">\n{items}\n</ul>' if items else ""


def picture(png: bytes, *, alt: str, caption: str) -> str:
    """A PNG within the page; `alt` is for those who do not see it."""
    source = _data_uri("image/png", png)
    return (
        f'<figure><img src="{source}" alt="{escape(alt)}">\n'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def sounds(clips: dict[str, bytes]) -> str:
    """WAV files to play, side by side, each under its name."""
    players = [
        f'<figure><figcaption>{escape(name)}</figcaption><audio controls preload="metadata" '
        f'src="{_data_uri("audio/wav", clip)}"></audio></figure>'
        for name, clip in clips.items()
    ]
    return '<div class="sounds">\n' + "\n".join(players) + "\n</div>"


def folded(summary: str, text: str) -> str:
    """A text that unfolds on a click."""
    return f"<details><summary>{escape(summary)}</summary>\n<pre>{escape(text)}</pre>\n</details>"


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
