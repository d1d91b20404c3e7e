"""A model as one ONNX file, compared with its generator before it is left.

The graph is traced from the generator itself.
"""
