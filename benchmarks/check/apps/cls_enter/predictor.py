"""A model that is loaded once a container and asked many times.

modal run predictor.py
"""

import modal

app = modal.App("cls-enter")
image = modal.Image.debian_slim(python_version="3.11").pip_install("numpy")
weights = modal.Volume.from_name("cls-enter-weights", create_if_missing=True)
WEIGHTS = "/weights"


@app.function(image=image, volumes={WEIGHTS: weights}, timeout=600)
def fit(classes: int = 3):
    import numpy as np

    np.save(f"{WEIGHTS}/centres.npy", np.eye(classes, 8))
    weights.commit()


@app.cls(
    image=image,
    gpu="l4",
    volumes={WEIGHTS: weights},
    scaledown_window=60,
    max_containers=2,
    timeout=300,
)
@modal.concurrent(max_inputs=4)
class Predictor:
    scale: int = modal.parameter(default=1)

    @modal.enter()
    def load(self):
        import numpy as np

        weights.reload()
        self.centres = self.scale * np.load(f"{WEIGHTS}/centres.npy")

    @modal.method()
    def predict(self, row: list) -> int:
        import numpy as np

        return int(np.argmin(((self.centres - np.array(row)) ** 2).sum(1)))

    @modal.exit()
    def leave(self):
        print("predictor ends")


@app.local_entrypoint()
def main():
    fit.remote()
    rows = [[float(place == column) for column in range(8)] for place in range(3)]
    print(list(Predictor().predict.map(rows)))
    print(Predictor(scale=2).predict.remote(rows[1]))
