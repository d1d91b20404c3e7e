"""Denoise a stream with an exported causal model, on onnxruntime and numpy alone.

python stream.py MODEL.onnx < noisy.f32 > clean.f32

Standard input and output are float32 samples of one channel at the model's sample rate.
"""

import json
import sys

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
geometry = json.loads(session.get_modelmeta().custom_metadata_map["geometry"])
hop = geometry["hop_length"]
late = geometry["latency_samples"] - hop  # the output lags by so many samples

# One channel; for C of them the first axis of the block and of every part of the state is C.
state = {name: np.zeros([1, *shape], np.float32) for name, shape in geometry["state"].items()}


def step(samples):
    """Denoise one hop; the state moves on."""
    output, *new = session.run(None, {"input": samples[None], **state})
    state.update(zip(state, new, strict=True))
    return output[0]


def write(samples):
    """Pass samples on at once."""
    sys.stdout.buffer.write(samples.astype(np.float32).tobytes())
    sys.stdout.buffer.flush()


came, went, skip = 0, -late, late
while True:
    data = sys.stdin.buffer.read(4 * hop)
    samples = np.frombuffer(data[: len(data) // 4 * 4], np.float32)
    came += len(samples)
    output = step(np.pad(samples, (0, hop - len(samples))))  # at the end, silence pushes out the rest
    # What comes out before the first sample of the input and after the last is dropped.
    write(output[max(0, -went) : max(0, came - went)])
    went += hop
    if len(samples) < hop and went >= came:
        break
