"""Out of memory: told from other errors, answered with what would have fitted, never a reason to go on."""

from collections.abc import Callable

import torch

# what PyTorch's allocator for the CPU says, which has no class of its own
CPU_WORDS = ("can't allocate memory", "Cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in CPU_WORDS)


def largest_that_fits(batch_size: int, failed: int, try_size: Callable[[int], None]) -> int | None:
    """The largest divisor of `batch_size` below `failed` for which `try_size` has memory; None: not even 1.

    Bisects: what fits grows no smaller when less is asked for. Other errors of `try_size` are raised.
    """
    sizes = [size for size in range(1, failed) if batch_size % size == 0]
    low, high = 0, len(sizes)  # sizes[:low] fit, sizes[high:] do not
    while low < high:
        middle = (low + high) // 2
        if _fits(sizes[middle], try_size):
            low = middle + 1
        else:
            high = middle
    return sizes[low - 1] if low else None


def _fits(size: int, try_size: Callable[[int], None]) -> bool:
    try:
        try_size(size)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def memory_of(device: torch.device) -> str:
    """`NVIDIA T4 of 14.6 GiB`, or what else the pictures are computed on."""
    if device.type != "cuda":
        return "this machine"
    properties = torch.cuda.get_device_properties(device)
    return f"{properties.name} of {properties.total_memory / 2**30:.1f} GiB"
