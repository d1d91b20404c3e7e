"""Put the page in the browser together: `python docs/make_browser.py site/browser`, after `npm install`.

The page needs no server of its own: any that hands out files will do, as `python -m http.server` does. Given
docs/browser, it puts the page together in its place.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from dan.inference.model_file import find_model, model_names, read_info

HERE = Path(__file__).resolve().parent
RUNTIME = HERE / "examples" / "node_modules" / "onnxruntime-web" / "dist"
NEEDED = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
LOWEST_HZ = 8000
"""Of what a browser decodes and plays well."""


def main(out: str) -> None:
    """Write the page into a folder."""
    if not RUNTIME.is_dir():
        raise SystemExit("onnxruntime-web is missing: npm install --prefix docs/examples")
    put_together(Path(out), [name for name in model_names() if _is_for_sound(name)])


def put_together(out: Path, models: list[str]) -> None:
    """Write the page with these models, names or files, into a folder."""
    if out.resolve() != HERE / "browser":
        shutil.copytree(HERE / "browser", out, dirs_exist_ok=True)
    (out / "vendor").mkdir(exist_ok=True)
    for name in NEEDED:
        shutil.copy(RUNTIME / name, out / "vendor" / name)
    entries = [_entry(find_model(name, suffixes=(".onnx",)), out) for name in models]
    (out / "models.json").write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


def _entry(path: Path, out: Path) -> dict[str, object]:
    info = read_info(path)
    shutil.copy(path, out / path.name)
    return {
        "name": path.stem,
        "file": path.name,
        "sample_rate_hz": int(info.sample_rate_hz),
        "hop_length": _hop(info.generator),
        "latency_samples": info.latency_samples,
    }


def _hop(generator: object) -> int:
    return int(getattr(generator, "hop_length", 0))


def _is_for_sound(name: str) -> bool:
    info = read_info(find_model(name))
    return info.sample_rate_hz >= LOWEST_HZ and _hop(info.generator) > 0


if __name__ == "__main__":
    main(*sys.argv[1:])
