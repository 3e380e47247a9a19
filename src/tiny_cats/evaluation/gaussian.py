"""The best linear predictor of a velocity: what a network has to beat to have learned more than two moments.

With x_t = (1 - t) x_0 + t x_1, v = x_1 - x_0, noise x_0 ~ N(0, I) and pictures of mean m and covariance S,
the linear function of x_t with the least squared error (Kay 1993, Estimation Theory I, equation 12.20) is
    v^ = m + C_vx C_xx^-1 (x_t - t m),   C_vx = t S - (1 - t) I,   C_xx = t^2 S + (1 - t)^2 I.
All of it is diagonal in the eigenvectors of S. Along one of variance s, with n = t^2 s + (1 - t)^2:
    gain g = (t s - (1 - t)) / n,   least error E (v - v^)^2 = 1 + s - (t s - (1 - t))^2 / n = s / n.
For pictures that are Gaussian no predictor of any kind does better. Along an axis where pictures have the
second moment q instead of s (held-out ones against a fit of training ones), with 1 - g t = (1 - t) / n and
1 + g (1 - t) = t s / n, the expected error over noise is
    q (1 - g t)^2 + (1 + g (1 - t))^2 = ((1 - t)^2 q + t^2 s^2) / n^2,
so that nothing has to be drawn to know a linear predictor's loss.

S is known by its K first eigenvectors, and as the same variance along all others (probabilistic principal
components: Tipping and Bishop 1999, equation 8), since pictures are fewer than pixels.

Shapes: N pictures, P = 3 H W numbers of one, K axes, B pictures of a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2, sqrt

import torch
from torch import Tensor

MOST_AXES = 512
MOST_ENTRIES = 100_000_000  # numbers of all pictures together that a fit is made of: 400 MB
EXACT = 1536  # rows of the smaller Gram matrix up to which all eigenvectors are computed


@dataclass(frozen=True)
class Linear:
    """The best linear predictor for pictures of this mean and covariance, in [-1, 1]."""

    mean_P: Tensor
    axes_PK: Tensor
    variance_K: Tensor
    rest: float  # variance along each of the P - K axes that are left

    @classmethod
    def fit(cls, training_NP: Tensor, axes: int = MOST_AXES) -> "Linear":
        """To training pictures, in [-1, 1]."""
        x_NP = training_NP[: max(2, MOST_ENTRIES // training_NP.shape[1])].float()
        mean_P = x_NP.mean(dim=0)
        x_NP = x_NP - mean_P
        count, numbers = x_NP.shape
        # the mean of count pictures takes one of them away
        most = max(0, min(axes, count - 1, numbers))
        variance_K, axes_PK = _eigen(x_NP / max(1, count - 1) ** 0.5, most)
        left = numbers - most
        total = float(x_NP.square().sum(dim=1).double().sum()) / max(1, count - 1)
        rest = max(0.0, total - float(variance_K.sum())) / left if left else 0.0
        return cls(mean_P.double(), axes_PK.double(), variance_K.double(), rest)

    def truncated(self, axes: int) -> "Linear":
        """With fewer axes of its own; the others' variance goes to the rest."""
        left = len(self.mean_P) - axes
        given = float(self.variance_K[axes:].sum()) + self.rest * (len(self.mean_P) - len(self.variance_K))
        return Linear(
            self.mean_P,
            self.axes_PK[:, :axes].contiguous(),
            self.variance_K[:axes],
            given / left if left else 0.0,
        )

    def velocity(self, x_BP: Tensor, t: float) -> Tensor:
        """v^ at x_t: m + g (x_t - t m) along each axis."""
        centred_BP = x_BP.double() - t * self.mean_P
        inside_BK = centred_BP @ self.axes_PK
        gain_K, gain = _gain(self.variance_K, t), float(_gain(torch.tensor(self.rest), t))
        along_BP = (inside_BK * (gain_K - gain)) @ self.axes_PK.T + gain * centred_BP
        return (self.mean_P + along_BP).to(x_BP.dtype)

    def least_loss(self, t: float) -> float:
        """Its loss on pictures of exactly this mean and covariance, a number a colour and pixel: s / n."""
        numbers, axes = len(self.mean_P), len(self.variance_K)
        own = float((self.variance_K / _spread(self.variance_K, t)).sum())
        rest = torch.tensor(self.rest, dtype=torch.float64)
        return (own + (numbers - axes) * float(rest / _spread(rest, t))) / numbers

    def losses(self, pictures_NP: Tensor, times: Sequence[float]) -> list[float]:
        """The expected loss on any pictures, a number a colour and pixel, at each time."""
        moments = self._moments(pictures_NP)
        return [self._loss(*moments, t) for t in times]

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Pictures drawn from the Gaussian itself, (count, P): where the linear velocity leads from noise."""
        dtype, axes, numbers = torch.float64, len(self.variance_K), len(self.mean_P)
        inside_BK = torch.randn(count, axes, generator=generator, dtype=dtype) * self.variance_K.sqrt()
        noise_BP = torch.randn(count, numbers, generator=generator, dtype=dtype)
        off_BP = noise_BP - (noise_BP @ self.axes_PK) @ self.axes_PK.T
        inside_BP: Tensor = inside_BK @ self.axes_PK.T
        return self.mean_P + inside_BP + sqrt(self.rest) * off_BP

    def _moments(self, pictures_NP: Tensor) -> tuple[Tensor, float]:
        """q along each axis, and its sum over the axes that are left."""
        centred_NP = pictures_NP.double() - self.mean_P
        moment_K = (centred_NP @ self.axes_PK).square().mean(dim=0)
        return moment_K, max(0.0, float(centred_NP.square().sum(dim=1).mean() - moment_K.sum()))

    def _loss(self, moment_K: Tensor, moment_rest: float, t: float) -> float:
        numbers, left = len(self.mean_P), len(self.mean_P) - len(self.variance_K)
        noise = (1 - t) ** 2
        s, n = self.variance_K, _spread(self.variance_K, t)
        own = float(((noise * moment_K + t**2 * s**2) / n**2).sum())
        rest = float(_spread(torch.tensor(self.rest, dtype=torch.float64), t))
        others = (noise * moment_rest + left * t**2 * self.rest**2) / rest**2 if left else 0.0
        return (own + others) / numbers


def best_linear(training_NP: Tensor, held_out_NP: Tensor, times: Sequence[float]) -> Linear:
    """The linear predictor of training pictures whose number of axes does best on the held-out ones.

    Few axes know too little, and many have learned single pictures by heart. Choosing on the held-out
    pictures themselves favours the linear predictor: the side to err on, since it is to be beaten.
    """
    whole = Linear.fit(training_NP)
    moment_K, moment_rest = whole._moments(held_out_NP)
    most = len(moment_K)

    def loss(axes: int) -> float:
        fit = whole.truncated(axes)
        moments = moment_K[:axes], moment_rest + float(moment_K[axes:].sum())
        return sum(fit._loss(*moments, t) for t in times)

    counts = {min(most, 2**power) for power in range(ceil(log2(max(1, most))) + 1)} | {0}
    return whole.truncated(min(sorted(counts), key=loss))


def _gain(s: Tensor, t: float) -> Tensor:
    return (t * s - (1 - t)) / _spread(s, t)


def _spread(s: Tensor, t: float) -> Tensor:
    """n, the variance of x_t along an axis of variance s."""
    return t**2 * s + (1 - t) ** 2


def _eigen(x_NP: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The `most` largest eigenvalues of x^T x, falling, and their axes (P, K).

    Where both sides are large, of the space that a random one of twice `most` is turned into by x^T x, three
    times over (Halko, Martinsson and Tropp 2011, SIAM Review 53:217, algorithm 4.4).
    """
    if min(x_NP.shape) > max(EXACT, 3 * most):
        generator = torch.Generator().manual_seed(0)
        basis_PJ = torch.randn(x_NP.shape[1], 2 * most, generator=generator)
        for _ in range(3):
            basis_PJ, _ = torch.linalg.qr(x_NP.T @ (x_NP @ basis_PJ))
        values, weights_JJ = torch.linalg.eigh((x_NP @ basis_PJ).T @ (x_NP @ basis_PJ))
        return values.flip(0)[:most].clamp_min(0), (basis_PJ @ weights_JJ.flip(1))[:, :most]
    _, values, axes_JP = torch.linalg.svd(x_NP.double(), full_matrices=False)
    return values[:most].square(), axes_JP[:most].T
