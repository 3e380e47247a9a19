import argparse
import json

import torch

from model import TinyGPT

parser = argparse.ArgumentParser()
parser.add_argument("--start", default="the ")
parser.add_argument("--length", type=int, default=40)
args, _ = parser.parse_known_args()

chars = json.load(open("data/shakespeare_char/meta.json"))["chars"]
weights = torch.load("out/ckpt.pt", map_location="cpu")["model"]
n_embd, block_size = weights["tokens.weight"].shape[1], weights["positions.weight"].shape[0]
model = TinyGPT(len(chars), n_embd, block_size)
model.load_state_dict(weights)
ids = [chars.index(char) for char in args.start]
for _ in range(args.length):
    logits, _ = model(torch.tensor([ids[-block_size:]]))
    ids.append(int(logits[0, -1].argmax()))
print("".join(chars[i] for i in ids))
