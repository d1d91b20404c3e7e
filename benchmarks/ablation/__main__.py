r"""What the adversarial part is worth, measured: the same training without it and with it.

    python -m benchmarks.ablation tones --json tones.json
    python -m benchmarks.ablation ecg --clean CLEAN --noise NOISE --from MODEL \
        --held-out HEARTS --held-out-noise NOISE2 --json ecg.json
    python -m benchmarks.ablation speech --pool POOL --from MODEL --held-out DATA [--dnsmos ONNX] \
        --json speech.json
    python -m benchmarks.ablation page    # docs/ablation.md and its picture, of what lies in `measured`

Every side starts from the same weights and hears the same batches. CLEAN, NOISE, HEARTS and NOISE2 are as
`dan train ecg-360` and benchmarks/shipped_models/ecg.py have them, POOL as shipped_models/speech.py makes it,
DATA is a data folder of speakers and noises that POOL has not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from dan.cli.console import progress


def main() -> None:
    """Measure one domain, or make the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    made = {name: commands.add_parser(name) for name in ("tones", "speech", "ecg")}
    for command in made.values():
        command.add_argument("--seeds", type=_count, default=3, help="trainings of each side")
        command.add_argument("--epochs", type=_count, help="of each training")
        command.add_argument("--json", type=_new_file, required=True, help="where the figures go")
    made["tones"].add_argument("--snr", type=float, nargs="+", default=[-10.0], help="of the input, in dB")
    for name in ("speech", "ecg"):
        made[name].add_argument("--from", dest="start", type=Path, required=True, help="model to start from")
        made[name].add_argument("--held-out", type=Path, required=True)
    made["speech"].add_argument("--pool", type=Path, required=True)
    made["speech"].add_argument("--dnsmos", type=Path, help="ONNX file of DNSMOS P.835")
    for option in ("--clean", "--noise", "--held-out-noise"):
        made["ecg"].add_argument(option, type=Path, required=True)
    commands.add_parser("page")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with progress():
        run(options)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 1 up")
    return int(text)


def _new_file(text: str) -> Path:
    if not Path(text).absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: its folder is not there, and is needed at the end")
    return Path(text)


def run(options: argparse.Namespace) -> None:
    """Do what was asked for."""
    from benchmarks.ablation import figures, tones

    if options.command == "page":
        from benchmarks.ablation import page

        page.write([figures.load(path) for path in page.MEASURED.glob("*.json")])
        return
    seeds = range(options.seeds)
    if options.command == "tones":
        found = tones.ablate(seeds=seeds, snr_db=options.snr, epochs=options.epochs or 6)
    elif options.command == "ecg":
        from benchmarks.ablation import ecg

        found = ecg.ablate(options, seeds=seeds, epochs=options.epochs or 8)
    else:
        from benchmarks.ablation import speech

        found = speech.ablate(options, seeds=seeds, epochs=options.epochs or 3)
    figures.save(found, options.json)


if __name__ == "__main__":
    main()
