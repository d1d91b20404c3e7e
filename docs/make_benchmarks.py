"""Writes docs/benchmarks.md and its pictures from what `dan bench --json` measured.

`python docs/make_benchmarks.py` renders the runs in docs/benchmarks. A test holds the page to them.
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

The models are those that come with the package. The sentences and the noises are of speakers and places that
were left out of their training: at 16 kHz at 2.5 to 17.5 dB, at 8 kHz in a telephone's band at 0 to 15 dB,
and digits of one speaker at -5 to 10 dB, some with an offset, which counts as an error where it is kept.
Peers of 16 kHz get signals of 8 kHz resampled. FastEnhancer-T and GTCRN come from their authors, trained on
other corpora. DNSMOS is told without the clean speech: it does not see words that are lost.

Streaming denoisers of others take part where a few lines of TOML say what a hop takes and gives and how their
state goes on; a latency that does not fit is refused, and the one that does is told. This one is of
FastEnhancer-T (`docs/examples/peers` holds that of GTCRN, which takes spectra; their ONNX files come from
their authors):

```toml
{peer}```
"""
PEER = DOCS / "examples" / "peers" / "fastenhancer-t.toml"


def main() -> None:
    """Write the page and its pictures."""
    for file in files():
        for place, comparison in enumerate(read_benchmark(file).comparisons):
            save_figure(plot_tradeoff(comparison), DOCS / picture(file, place))
    PAGE.write_text(render(), encoding="utf-8")


def files() -> list[Path]:
    """The runs, by name; other measurements lie beside them."""
    return sorted(file for file in MEASURED.glob("*.json") if b"comparisons" in file.read_bytes())


def render() -> str:
    """The page as Markdown."""
    head = HEAD.format(peer=PEER.read_text(encoding="utf-8"))
    return "\n".join([head, *(_section(file, read_benchmark(file)) for file in files())])


def _section(file: Path, benchmark: Benchmark) -> str:
    pictures = [picture(file, place) for place in range(len(benchmark.comparisons))]
    return f"## {file.stem.capitalize()}\n\n{to_markdown(benchmark, pictures=pictures)}"


def picture(file: Path, place: int) -> str:
    """Path of a comparison's picture, from the page."""
    return f"images/benchmark-{file.stem}-{place + 1}.png"


if __name__ == "__main__":
    main()
