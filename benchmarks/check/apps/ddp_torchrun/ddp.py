import argparse
import os

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from net import Net

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--out", required=True)
args = parser.parse_args()

dist.init_process_group("gloo")
rank = int(os.environ["RANK"])
torch.manual_seed(rank)
x, weights = torch.randn(64, 8), torch.arange(8.0)
model = DistributedDataParallel(Net(8))
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
for step in range(args.steps):
    loss = torch.nn.functional.mse_loss(model(x).squeeze(1), x @ weights)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if rank == 0:
        print(f"step {step} loss {loss.item():.3f} world {os.environ['WORLD_SIZE']}", flush=True)
if rank == 0:
    torch.save(model.module.state_dict(), args.out)
dist.destroy_process_group()
