"""Exported from a notebook: functions that close over what the cells before them defined.

python launch.py            runs all and waits
python launch.py --detach   leaves it to itself, prints where it is
"""

import sys
from collections import namedtuple

import modal

Config = namedtuple("Config", "degree noise points")
image = modal.Image.debian_slim(python_version=f"3.{sys.version_info.minor}").pip_install("numpy")
volume = modal.Volume.from_name("notebook-out", create_if_missing=True)


def build(app: modal.App, base_noise: float):
    """The cells: every call defines anew."""
    scale = 1.0 + base_noise

    def fit(config):
        import numpy as np

        random = np.random.default_rng(config.degree)
        x = np.linspace(-1, 1, config.points)
        y = scale * x**3 + config.noise * random.normal(size=config.points)
        residual = y - np.polyval(np.polyfit(x, y, config.degree), x)
        modal.Dict.from_name("notebook-fits", create_if_missing=True)[f"degree-{config.degree}"] = float(
            residual.std()
        )
        return float(residual.std())

    fit_remote = app.function(image=image, serialized=True, name="fit", retries=1, timeout=60)(fit)

    @app.function(image=image, serialized=True, volumes={"/out": volume}, nonpreemptible=True)
    def everything(configs):
        errors = list(fit_remote.map(configs))
        with open("/out/errors.csv", "w") as file:
            file.writelines(f"{c.degree},{e:.4f}\n" for c, e in zip(configs, errors))
        best = min(zip(errors, configs))[1]
        print(f"best degree {best.degree}, scale {scale}")
        return best.degree

    return everything


app = modal.App("notebook-fit")
everything = build(app, base_noise=0.5)
configs = [Config(degree, 0.1, 40) for degree in (1, 3, 5)]

if __name__ == "__main__":
    if "--detach" in sys.argv:
        with modal.enable_output(), app.run(detach=True):
            call = everything.spawn(configs)
            print(f"SPAWNED: {call.object_id}")
    else:
        with app.run():
            print("best", everything.remote(configs))
            fits = modal.Dict.from_name("notebook-fits")
            print({key: round(value, 3) for key, value in sorted(fits.items())})
