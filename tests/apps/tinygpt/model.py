"""A character model: embedding, one gated mixing layer over the block, a head."""

import torch
from torch import nn
from torch.nn import functional as F


class TinyGPT(nn.Module):
    def __init__(self, vocab_size: int, n_embd: int, block_size: int):
        super().__init__()
        self.block_size = block_size
        self.tokens = nn.Embedding(vocab_size, n_embd)
        self.positions = nn.Embedding(block_size, n_embd)
        self.attend = nn.MultiheadAttention(n_embd, 2, batch_first=True)
        self.norm = nn.LayerNorm(n_embd)
        self.head = nn.Linear(n_embd, vocab_size)

    def forward(self, ids, targets=None):
        length = ids.shape[1]
        x = self.tokens(ids) + self.positions(torch.arange(length, device=ids.device))
        mask = torch.triu(torch.ones(length, length, dtype=torch.bool, device=ids.device), 1)
        mixed, _ = self.attend(x, x, x, attn_mask=mask, need_weights=False)
        logits = self.head(self.norm(x + mixed))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())
