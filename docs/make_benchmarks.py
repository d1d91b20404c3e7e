"""Writes docs/benchmarks.md and its pictures from what `dan bench --json` measured.

`python docs/make_benchmarks.py` renders every docs/benchmarks/*.json. A test holds the page to them.
"""

from __future__ import annotations

from pathlib import Path

from dan.benchmark.page import to_markdown
from dan.benchmark.results import Benchmark, read_benchmark
from dan.benchmark.tradeoff_plot import plot_tradeoff
from dan.report.style import save_figure

DOCS = Path(__file__).parent
PAGE, MEASURED = DOCS / "benchmarks.md", DOCS / "benchmarks"

HEAD = """# Benchmarks

Quality and cost beside what people use today: each section is one run of `dan bench` on one machine. This
page is made from the runs' JSON in `docs/benchmarks` by `python docs/make_benchmarks.py`.

The model speech-8k measured here was trained by its recipe on three speakers and 50 noises; its signals are
a speaker and noises that it had not heard.
"""


def main() -> None:
    """Write the page and its pictures."""
    for file in files():
        for place, comparison in enumerate(read_benchmark(file).comparisons):
            save_figure(plot_tradeoff(comparison), DOCS / picture(file, place))
    PAGE.write_text(render(), encoding="utf-8")


def files() -> list[Path]:
    """The runs, by name."""
    return sorted(MEASURED.glob("*.json"))


def render() -> str:
    """The page as Markdown."""
    return "\n".join([HEAD, *(_section(file, read_benchmark(file)) for file in files())])


def _section(file: Path, benchmark: Benchmark) -> str:
    pictures = [picture(file, place) for place in range(len(benchmark.comparisons))]
    return f"## {file.stem.capitalize()}\n\n{to_markdown(benchmark, pictures=pictures)}"


def picture(file: Path, place: int) -> str:
    """Path of a comparison's picture, from the page."""
    return f"images/benchmark-{file.stem}-{place + 1}.png"


if __name__ == "__main__":
    main()
