"""A check that the strided networks share."""

MAX_TOTAL_STRIDE = 4096
"""Samples that one value of the innermost layer stands for: a signal is padded to a multiple of them."""


def check_strides(*, kernel_size: int, stride: int, depth: int) -> None:
    """Check that strided layers skip no sample and do not shorten the signal too far.

    Raises:
        ValueError: if they do.
    """
    if stride**depth > MAX_TOTAL_STRIDE:
        raise ValueError(f"stride={stride} ** depth={depth} is at most {MAX_TOTAL_STRIDE}")
    if stride > kernel_size:
        raise ValueError(f"stride={stride} is at most kernel_size={kernel_size}: no sample is skipped")
