import os
from pathlib import Path

import numpy as np
from tqdm import tqdm


class Trainer:
    """A bigram model by gradient descent; saves every few steps, as the real one does."""

    def __init__(self, args, dataset, on_save=None):
        self.args, self.on_save = args, on_save or (lambda: None)
        self.tokens, letters = dataset
        self.weights = np.zeros((len(letters), len(letters)))
        self.folder = Path(args.output_dir) / args.run_name
        self.step = 0

    def last_checkpoint(self):
        found = sorted(self.folder.glob("checkpoint-*.npz"))
        return found[-1] if found else None

    def train(self, resume_from_checkpoint=None):
        if resume_from_checkpoint:
            saved = np.load(resume_from_checkpoint)
            self.weights, self.step = saved["weights"], int(saved["step"])
        for self.step in tqdm(range(self.step + 1, self.args.max_steps + 1)):
            self._descend()
            if self.step % self.args.save_steps == 0:
                self._save()

    def evaluate(self):
        return float(-np.log(self._chances()[np.arange(len(self.tokens) - 1), self.tokens[1:]]).mean())

    def _chances(self):
        scores = np.exp(self.weights[self.tokens[:-1]])
        return scores / scores.sum(1, keepdims=True)

    def _descend(self):
        slope = self._chances()
        slope[np.arange(len(slope)), self.tokens[1:]] -= 1
        np.add.at(self.weights, self.tokens[:-1], -self.args.learning_rate * slope)

    def _save(self):
        os.makedirs(self.folder, exist_ok=True)
        np.savez(self.folder / f"checkpoint-{self.step:05}.npz", weights=self.weights, step=self.step)
        self.on_save()
