"""Out of memory: told from other errors, answered with what would have fitted, never a reason to go on."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from tiny_cats.errors import OutOfMemoryError
from tiny_cats.training.gradient import backward
from tiny_cats.training.task import Part, Pictures, Task

# what PyTorch's allocator for the CPU says, which has no class of its own, and oneDNN where its own fails
CPU_WORDS = (
    *("can't allocate memory", "Cannot allocate memory"),
    *("could not create a primitive", "could not create a memory object"),
)


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


@contextmanager
def said_of_memory(what: str, device: torch.device) -> Iterator[None]:
    """Makes running out of memory within an OutOfMemoryError that says what was going on."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"{what}: out of memory on {memory_of(device)}: take smaller pictures or a smaller model, "
            "and start anew, or go on with --resume where there is more"
        ) from None


def what_fits(
    task: Task, batch: Pictures, micro: int, step: int, device: torch.device, dtype: torch.dtype
) -> str:
    """Tries fewer pictures at a time than `micro`, changes no weight, and says what the user can set.

    The optimiser's state is gone by now: room for it, two numbers a weight, is part of what has to fit.
    """

    def try_size(size: int) -> None:
        _free(task.model, device)
        averages = [torch.zeros_like(p) for p in task.model.parameters() for _ in range(2)]
        part = Part(batch.x_BCHW[:size], batch.y_B[:size])
        backward(task, part, size, torch.Generator(device).manual_seed(0), step, device, dtype)
        averages.clear()

    size = largest_that_fits(len(batch.y_B), micro, try_size)
    _free(task.model, device)
    begin = f"step {step}: out of memory with {micro} pictures at a time on {memory_of(device)}"
    if size is None:
        return f"{begin}, and one alone does not fit: take smaller pictures or a smaller model"
    advice = f"--set training.micro_batch_size={size} leaves a step at {len(batch.y_B)} pictures"
    return f"{begin}; {size} fit: {advice}"


def _free(model: nn.Module, device: torch.device) -> None:
    model.zero_grad(set_to_none=True)
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
