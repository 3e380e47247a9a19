"""Runs alone (`python train.py`) and under torchrun. Needs data/prepare.py first."""

import json
import os
import time

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from model import TinyGPT

out_dir = "out"
dataset = "shakespeare_char"
init_from = "scratch"
n_embd = 64
block_size = 32
batch_size = 16
max_iters = 100
eval_interval = 20
learning_rate = 1e-3
pause = 0.0  # seconds after each step, to watch it
device = "cuda" if torch.cuda.is_available() else "cpu"
exec(open("configurator.py").read())

rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
ddp = world > 1
if ddp:
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
master = rank == 0
torch.manual_seed(1337 + rank)
if master:
    os.makedirs(out_dir, exist_ok=True)
    print(f"device {device}, {world} processes, tokens per step {world * batch_size * block_size:,}")


class Blocks(Dataset):
    def __init__(self, split):
        self.ids = np.memmap(os.path.join("data", dataset, f"{split}.bin"), dtype=np.uint16, mode="r")

    def __len__(self):
        return len(self.ids) - block_size - 1

    def __getitem__(self, i):
        piece = torch.from_numpy(self.ids[i : i + block_size + 1].astype(np.int64))
        return piece[:-1], piece[1:]


chars = json.load(open(os.path.join("data", dataset, "meta.json")))["chars"]
model = TinyGPT(len(chars), n_embd, block_size).to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
step = 0
if init_from == "resume":
    checkpoint = torch.load(os.path.join(out_dir, "ckpt.pt"), map_location=device)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    step = checkpoint["step"]
    print(f"[rank {rank}] Resuming training from {out_dir} at step {step}")
raw = model
if ddp:
    model = DDP(model)

loader = DataLoader(Blocks("train"), batch_size, shuffle=True, num_workers=1 if master else 0)
batches = iter(loader)
bar = tqdm(total=max_iters, initial=step, desc="train", disable=not master)
while step < max_iters:
    ids, targets = (part.to(device) for part in next(batches))
    _, loss = model(ids, targets)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    step += 1
    bar.update()
    bar.set_postfix(loss=f"{loss.item():.3f}")
    if master and step % eval_interval == 0:
        state = {"model": raw.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
        torch.save(state, os.path.join(out_dir, "tmp.pt"))
        os.replace(os.path.join(out_dir, "tmp.pt"), os.path.join(out_dir, "ckpt.pt"))
        with open(os.path.join(out_dir, "metrics.jsonl"), "a") as log:
            print(json.dumps({"step": step, "loss": loss.item()}), file=log)
        tqdm.write(f"step {step}: loss {loss.item():.4f}, saved {out_dir}/ckpt.pt")
    time.sleep(pause)
bar.close()
if ddp:
    dist.destroy_process_group()
