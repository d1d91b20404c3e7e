"""Puts a trained model into the package: `python docs/package_model.py RUN NAME`."""

from __future__ import annotations

import sys

from dan.export.onnx import export_onnx
from dan.inference.model_file import WEIGHTS, find_model, load_model, save_model


def main(run: str, name: str) -> None:
    """Write both files under the name that the package will know the model by."""
    generator, info = load_model(find_model(run, suffixes=(".safetensors",)))
    named = info.model_copy(update={"name": name})
    weights, graph = WEIGHTS / f"{name}.safetensors", WEIGHTS / f"{name}.onnx"
    save_model(weights, generator, named)
    export_onnx(generator, named, graph, force=True)
    for path in (weights, graph):
        path.chmod(0o644)


if __name__ == "__main__":
    main(*sys.argv[1:])
