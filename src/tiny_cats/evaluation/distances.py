"""How far one set of pictures is from another, in the features of one network (features.py).

Fréchet distance of two Gaussians (Dowson and Landau 1982; on features: Heusel et al. 2017, arXiv 1706.08500)
and the unbiased kernel distance (Binkowski et al. 2018, arXiv 1801.01401). Neither is FID or KID, which are
Inception's: a figure here compares with another one here, of the same data and number of pictures. Fréchet's
is biased upwards by few pictures, so both sets have equal numbers, coordinates are fewer than pictures, and
the distance between real pictures stands beside it as the floor.

Shapes: N pictures, D features, K principal components.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

COMPONENTS = 64
PICTURES_A_COMPONENT = 6  # fewer, and a covariance is mostly noise


@dataclass(frozen=True)
class Space:
    """The coordinates that Fréchet's distance is measured in: principal components of training pictures.

    Features are divided by their deviation over training pictures, so that fine texture counts as much as
    brightness does. One more coordinate is the distance from the components' plane: nothing hides off it.
    """

    mean_D: Tensor
    deviation_D: Tensor
    axes_DK: Tensor

    @classmethod
    def of(cls, training_ND: Tensor, pictures: int) -> "Space":
        """Fitted on features of training pictures, for sets of `pictures`; no sample has a say in it."""
        mean_D = training_ND.mean(dim=0)
        deviation_D = training_ND.std(dim=0).clamp_min(1e-6)
        z_ND = (training_ND - mean_D) / deviation_D
        most = max(1, min(COMPONENTS, pictures // PICTURES_A_COMPONENT, len(training_ND) - 1))
        _, _, axes_KD = torch.linalg.svd(z_ND, full_matrices=False)
        return cls(mean_D, deviation_D, axes_KD[:most].T.contiguous())

    def scaled(self, features_ND: Tensor) -> Tensor:
        """Features in deviations from the training pictures' mean, (N, D): what kernels take."""
        return (features_ND - self.mean_D) / self.deviation_D

    def coordinates(self, features_ND: Tensor) -> Tensor:
        """(N, K + 1): the components, and how far off their plane a picture is."""
        z_ND = self.scaled(features_ND)
        inside_NK = z_ND @ self.axes_DK
        off_N1 = (z_ND - inside_NK @ self.axes_DK.T).norm(dim=1, keepdim=True)
        return torch.cat((inside_NK, off_N1), dim=1)


@dataclass(frozen=True, slots=True)
class Distance:
    """Of one set of pictures to the held-out ones. `kernel` is unbiased, and so below 0 now and then."""

    frechet: float
    kernel: float


def distance(space: Space, features_ND: Tensor, held_out_ND: Tensor) -> Distance:
    """Of two sets of features, in equal numbers."""
    if len(features_ND) != len(held_out_ND):
        raise ValueError(f"{len(features_ND)} pictures against {len(held_out_ND)}: take equal numbers")
    return Distance(
        frechet(space.coordinates(features_ND), space.coordinates(held_out_ND)),
        kernel(space.scaled(features_ND), space.scaled(held_out_ND)),
    )


def frechet(a_NK: Tensor, b_NK: Tensor) -> float:
    """|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)) (Dowson and Landau 1982, equation 4).

    tr (S_a S_b)^(1/2) is taken from the eigenvalues of S_a^(1/2) S_b S_a^(1/2), which is symmetric.
    """
    cov_a, cov_b = torch.cov(a_NK.T).reshape(a_NK.shape[1], -1), torch.cov(b_NK.T).reshape(b_NK.shape[1], -1)
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    both = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp_min(0).sqrt().sum()
    apart = (a_NK.mean(dim=0) - b_NK.mean(dim=0)).square().sum()
    return max(0.0, float(apart + cov_a.trace() + cov_b.trace() - 2 * both))


def kernel(a_ND: Tensor, b_ND: Tensor) -> float:
    """Unbiased MMD^2 of k(x, y) = (x.y / D + 1)^3 (Binkowski et al. 2018, section 4; Gretton et al. 2012,
    equation 3): a picture is not compared with itself, and the mean over draws of equal sets is 0."""
    k_aa, k_bb, k_ab = _cubic(a_ND, a_ND), _cubic(b_ND, b_ND), _cubic(a_ND, b_ND)
    within = sum((k.sum() - k.trace()) / (len(k) * (len(k) - 1)) for k in (k_aa, k_bb))
    return float(within - 2 * k_ab.mean())


def _cubic(a_ND: Tensor, b_ND: Tensor) -> Tensor:
    return (a_ND @ b_ND.T / a_ND.shape[1] + 1) ** 3
