"""Whether samples are copies of training pictures: each one's nearest training neighbour, and how near it is.

A distance alone cannot tell, since blurred pictures are near to everything. So a neighbour's distance is
divided by the mean distance of the next ones (Carlini et al. 2023, arXiv 2301.13188, section 4.2), and the
figure is compared with that of held-out real pictures, which cannot have been copied: a sample is a copy
where it is nearer than all but COPIED of them. Mirrored training pictures count, since training mirrors.

Shapes: N samples, M training pictures, D numbers of one (pixels or features).
"""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

NEXT = 50  # neighbours that the nearest one is compared with
COPIED = 0.01  # share of held-out pictures that are nearer: what counts as a copy
BLOCK = 512


@dataclass(frozen=True)
class Neighbours:
    """Of each sample: `place` of its nearest training picture, and how much nearer it is than the next ones.

    `nearness_N`: distance to the nearest over the mean distance to the next NEXT; 0 is the very same picture.
    """

    place_N: Tensor
    nearness_N: Tensor


def nearest(samples_ND: Tensor, training_MD: Tensor, mirrored_MD: Tensor) -> Neighbours:
    """By Euclidean distance, a training picture standing for its mirror image too."""
    samples_ND, training_MD, mirrored_MD = samples_ND.float(), training_MD.float(), mirrored_MD.float()
    places, nearness = [], []
    for part_BD in torch.split(samples_ND, BLOCK):
        plain, mirrored = torch.cdist(part_BD, training_MD), torch.cdist(part_BD, mirrored_MD)
        found_BM = torch.minimum(plain, mirrored)
        least, place = found_BM.topk(min(NEXT + 1, found_BM.shape[1]), largest=False)
        places.append(place[:, 0])
        # a set of one picture has no next one: nothing can be said but how far that is
        others = least[:, 1:].mean(dim=1) if least.shape[1] > 1 else torch.ones_like(least[:, 0])
        nearness.append(least[:, 0] / others.clamp_min(1e-9))
    return Neighbours(torch.cat(places), torch.cat(nearness))


def copies(samples: Neighbours, held_out: Neighbours) -> Tensor:
    """Which samples are nearer to a training picture than all but COPIED of the held-out ones: (N,) bool."""
    return samples.nearness_N < threshold(held_out)


def threshold(held_out: Neighbours) -> float:
    """The nearness that COPIED of the held-out pictures fall below."""
    ordered = held_out.nearness_N.sort().values
    return float(ordered[ceil(COPIED * len(ordered)) - 1]) if len(ordered) else 0.0
