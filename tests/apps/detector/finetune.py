"""Fine-tunes a blob detector on a dataset of the Volume, then runs it over a folder of pictures.

modal run finetune.py                      train on all datasets, infer, count in a stream
modal run finetune.py::only_train --name blobs-small
modal run finetune.py::Detector.classes    what a model knows
"""

import csv
import time
from dataclasses import dataclass, field
from pathlib import Path

import modal

image = (
    modal.Image.debian_slim(python_version="3.11")
    .apt_install(["git", "ca-certificates"])
    .pip_install(["numpy~=2.0", "tqdm"])
    .env({"YOLO_CONFIG_DIR": "/tmp/Ultralytics"})
)
volume = modal.Volume.from_name("blob-finetune", create_if_missing=True)
volume_path = Path("/root") / "data"
app = modal.App("blob-finetune", image=image, volumes={volume_path: volume})

with image.imports():
    import numpy as np
    from tqdm import tqdm

MINUTES = 60
TRAIN_GPU_COUNT = 1
TRAIN_GPU = [f"H100:{TRAIN_GPU_COUNT}", "a100-80gb", "any"]
TRAIN_CPU_COUNT = 64


@dataclass
class DatasetConfig:
    name: str
    pictures: int
    classes: list[str] = field(default_factory=lambda: ["circle", "square"])

    @property
    def folder(self) -> Path:
        return volume_path / "dataset" / self.name


def draw(kind: str, seed: int):
    random = np.random.default_rng(seed)
    picture = random.normal(0, 0.2, size=(16, 16))
    y, x = np.mgrid[:16, :16] - random.integers(6, 10)
    inside = (x**2 + y**2 < 20) if kind == "circle" else (np.maximum(abs(x), abs(y)) < 3)
    return (picture + inside).astype(np.float32)


@app.function(timeout=20 * MINUTES, cpu=2.5)
def download(dataset: DatasetConfig):
    dataset.folder.mkdir(parents=True, exist_ok=True)
    for number in range(dataset.pictures):
        kind = dataset.classes[number % len(dataset.classes)]
        np.save(dataset.folder / f"{kind}_{number:03d}.npy", draw(kind, number))
    (dataset.folder / "labels – übersicht.csv").write_text(",".join(dataset.classes))
    volume.commit()


@app.function(gpu=TRAIN_GPU, cpu=TRAIN_CPU_COUNT, memory=65536, timeout=240 * MINUTES, max_containers=2)
def train(dataset: DatasetConfig, model_id: str, epochs: int = 5, resume: bool = False):
    volume.reload()
    files = sorted(dataset.folder.glob("*.npy"))
    pictures = np.stack([np.load(path).ravel() for path in files])
    labels = np.array([dataset.classes.index(path.name.split("_")[0]) for path in files])
    run = volume_path / "runs" / model_id
    (run / "weights").mkdir(parents=True, exist_ok=True)
    weights = np.zeros(pictures.shape[1])
    if resume:
        weights = np.load(run / "weights" / "last.npy")
    with open(run / "results.csv", "a", newline="") as file:
        rows = csv.writer(file)
        for epoch in range(epochs):
            for i in tqdm(
                range(len(files)), desc=f"{model_id} {epoch + 1}/{epochs}", leave=epoch == epochs - 1
            ):
                chance = 1 / (1 + np.exp(-pictures[i] @ weights))
                weights += 0.05 * (labels[i] - chance) * pictures[i]
            accuracy = float((((pictures @ weights) > 0) == labels).mean())
            rows.writerow([epoch + 1, accuracy])
            np.save(run / "weights" / "last.npy", weights)
            print(f"{model_id}: epoch {epoch + 1}: accuracy {accuracy:.2f}")
    volume.commit()
    return accuracy


@app.cls(gpu="t4", scaledown_window=10, max_containers=1)
class Detector:
    weights_path: str = modal.parameter()

    @modal.enter()
    def load(self):
        self.weights = np.load(self.weights_path)
        print(f"loaded {self.weights_path}")

    @modal.method()
    def predict(self, picture) -> str:
        return "square" if picture.ravel() @ self.weights > 0 else "circle"

    @modal.method()
    def streaming_count(self, folder: str, rows: int = 4):
        counts = {"circle": 0, "square": 0}
        for number, path in enumerate(sorted(Path(folder).glob("*.npy")), 1):
            counts[self.predict.local(np.load(path))] += 1
            if number % rows == 0:
                yield dict(counts)

    @modal.exit()
    def bye(self):
        print("detector leaves")


@app.local_entrypoint()
def main(quick: bool = True):
    start = time.monotonic()
    datasets = [DatasetConfig("blobs-small", 12), DatasetConfig("blobs-large", 12 if quick else 500)]
    for _ in download.map(datasets):
        pass
    scores = list(train.starmap([(dataset, dataset.name) for dataset in datasets], kwargs={"epochs": 3}))
    print("final", dict(zip([d.name for d in datasets], scores)))
    detector = Detector(weights_path=str(volume_path / "runs" / "blobs-large" / "weights" / "last.npy"))
    for counts in detector.streaming_count.remote_gen(str(datasets[0].folder)):
        print("seen", counts)
    print(f"took {time.monotonic() - start:.0f} s")


@app.local_entrypoint()
def only_train(name: str, epochs: int = 1, resume: bool = True):
    print(f"accuracy {train.remote(DatasetConfig(name, 0), name, epochs, resume):.2f}")
