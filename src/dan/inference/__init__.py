"""A trained model applied: files, whole arrays and endless streams give the same samples.

Never imports training; runs on onnxruntime alone or on torch.
"""
