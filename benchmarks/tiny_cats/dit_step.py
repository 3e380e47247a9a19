"""A step of tinydit_128 against PyTorch's own encoder of the same width, depth and tokens, in turns.

    .venv/bin/python -m benchmarks.tiny_cats.dit_step [--quick] [--threads 2] [--batch 8]

Bar: 1.15 times the encoder's step, float32 on a CPU, batch 8, 128 px, patch 16. A step is forward, backward
and AdamW, on both sides with the same dropout. TinyDiT's includes what the encoder has no part of: patches in
and out, the embeddings of time and class, and 12 M more weights that modulate. Seconds are of processor time,
so that a busy machine counts less; the clock's are shown beside.

On a GPU (skipped by name where there is none): pictures a second and model FLOPs utilisation of the compiled
model in bf16, at batch 256.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from tiny_cats.dit import TIME_FREQUENCIES, TinyDiT, count_parameters, tinydit_128
from tiny_cats.flow_matching import FlowMatchingLoss

BAR = 1.15
# dense bf16, from the vendors' data sheets
PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "A10G": 125e12, "L4": 121e12, "T4": 65e12}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three steps each")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch", type=int, default=8)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    on_cpu(given.batch, 3 if given.quick else 15)
    if torch.cuda.is_available():
        on_gpu(10 if given.quick else 50)
    else:
        print("GPU: skipped, there is none here")


def on_cpu(batch: int, steps: int) -> None:
    torch.manual_seed(0)
    model = tinydit_128()
    preset = model.preset
    layer = nn.TransformerEncoderLayer(
        preset.width,
        preset.heads,
        4 * preset.width,
        preset.dropout,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    encoder = nn.TransformerEncoder(layer, preset.depth, enable_nested_tensor=False)
    tokens = (preset.size // preset.patch) ** 2
    x_BNW = torch.randn(batch, tokens, preset.width)
    ours, peer = tinydit_step(model, batch, "cpu"), step_of(encoder, lambda: encoder(x_BNW).square().mean())
    pairs = [(timed(ours), timed(peer)) for _ in range(steps + 1)][1:]  # the first warms up
    for name, which in (("processor", 0), ("clock", 1)):
        mine = statistics.median(pair[0][which] for pair in pairs)
        theirs = statistics.median(pair[1][which] for pair in pairs)
        ratio = statistics.median(pair[0][which] / pair[1][which] for pair in pairs)
        verdict = ("meets" if ratio <= BAR else "MISSES") + f" {BAR}" if which == 0 else ""
        print(
            f"{name:9s} TinyDiT {mine * 1000:6.0f} ms ({count_parameters(model) / 1e6:.1f} M)   "
            f"encoder {theirs * 1000:6.0f} ms ({count_parameters(encoder) / 1e6:.1f} M)   "
            f"ratio {ratio:.3f}   {verdict}"
        )
    print(f"{torch.get_num_threads()} threads, batch {batch}, {steps} steps each in turns, medians")


def on_gpu(steps: int, batch: int = 256) -> None:
    """The whole training step without a loader, after compiling."""
    name = torch.cuda.get_device_name()
    model = tinydit_128().cuda()
    model.compile()
    step = tinydit_step(model, batch, "cuda")
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    step_s = (time.perf_counter() - started) / steps
    flops = flops_a_picture(model) * batch
    peak = next((value for card, value in PEAK_FLOPS.items() if card in name), None)
    used = (
        f"{flops / step_s / peak:.1%} of {peak / 1e12:.0f} TFLOP/s" if peak else "the card's peak is unknown"
    )
    print(f"GPU {name}, bf16, compiled, batch {batch}: {batch / step_s:,.0f} pictures/s, {used}")


def flops_a_picture(model: TinyDiT) -> float:
    """Of a training step: three times the forward's multiplications and additions, nothing computed twice."""
    preset = model.preset
    tokens, width = (preset.size // preset.patch) ** 2, preset.width
    patch = 3 * preset.patch**2
    a_token = 2 * (12 * width**2 * preset.depth + 2 * patch * width) + 4 * tokens * width * preset.depth
    a_picture = 2 * (6 * width**2 * preset.depth + 2 * width**2 + TIME_FREQUENCIES * width + width**2)
    return 3.0 * (a_token * tokens + a_picture)


def tinydit_step(model: TinyDiT, batch: int, device: str) -> Callable[[], None]:
    generator = torch.Generator(device).manual_seed(0)
    x1_BCHW = torch.rand(batch, 3, model.size, model.size, device=device) * 2 - 1
    y_B = torch.arange(batch, device=device) % model.num_classes
    loss_of = FlowMatchingLoss()

    def loss() -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            return loss_of(model, x1_BCHW, y_B, generator, null_token=model.null_token)

    return step_of(model, loss)


def step_of(model: nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    model.train()

    def step() -> None:
        loss().backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds (of processor time, by the clock)."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


if __name__ == "__main__":
    main()
