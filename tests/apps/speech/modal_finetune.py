"""Fine-tunes a tone recogniser the way speech models are: features by a tool of the system, one config.

modal run modal_finetune.py --num-speakers 3
modal volume get speech-assets acme--tone-tiny/model.npz
"""

import os
import subprocess
import wave
from dataclasses import asdict, dataclass
from pathlib import Path

import modal

CUDA_VERSION, FLAVOR, OS = "12.4.0", "devel", "ubuntu22.04"
TAG = f"nvidia/cuda:{CUDA_VERSION}-{FLAVOR}-{OS}"
PYTHON_VERSION = "3.11"
ASSETS = "/assets"

image = (
    modal.Image.from_registry(TAG, add_python=PYTHON_VERSION)
    .entrypoint([])  # the base's own prints a banner
    .apt_install("file", "git")
    .pip_install("numpy<3", extra_index_url=os.environ.get("EXTRA_INDEX"))
    .env({"HF_HOME": f"{ASSETS}/hf", "CUDA_HOME": "/usr/local/cuda"})
)
app = modal.App("example-speech-finetune", image=image)
assets = modal.Volume.from_name("speech-assets", create_if_missing=True)


@dataclass
class Config:
    model_name: str = "acme/tone-tiny"
    sampling_rate: int = 8000
    num_speakers: int = 3
    max_train_steps: int = 60
    learning_rate: float = 0.5

    @property
    def output_dir(self) -> str:
        return f"{ASSETS}/{self.model_name.replace('/', '--')}"


def features(path: Path):
    import numpy as np

    with wave.open(str(path)) as clip:
        samples = np.frombuffer(clip.readframes(clip.getnframes()), dtype=np.int16)
    power = np.abs(np.fft.rfft(samples)) ** 2
    return np.log1p(power[:800].reshape(-1, 40).sum(axis=1))


@app.function(volumes={ASSETS: assets}, cpu=4.0)
def record(speaker: int, sampling_rate: int):
    import numpy as np

    t = np.arange(sampling_rate) / sampling_rate
    for tone, hz in (("low", 200), ("high", 600)):
        path = Path(ASSETS, "clips", f"{tone}-{speaker}.wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as clip:
            clip.setnchannels(1)
            clip.setsampwidth(2)
            clip.setframerate(sampling_rate)
            clip.writeframes((8000 * np.sin(2 * np.pi * (hz + 10 * speaker) * t)).astype(np.int16).tobytes())
        print(subprocess.check_output(["file", "-b", str(path)], text=True).strip())
    assets.commit()


@app.function(
    gpu=[f"h100:{os.environ.get('GPUS', 1)}", "A100-40GB"],
    cpu=16,
    memory=(1024, 131072),
    ephemeral_disk=900_000,
    timeout=10 * 60 * 60,
    volumes={ASSETS: assets},
    scaledown_window=60 * 5,
)
def train(config: Config):
    import numpy as np

    assets.reload()
    clips = sorted(Path(ASSETS, "clips").glob("*.wav"))
    x = np.stack([features(path) for path in clips])
    x = (x - x.mean(0)) / (x.std(0) + 1e-6)
    y = np.array([path.name.startswith("high") for path in clips]).astype(float)
    w = np.zeros(x.shape[1])
    for step in range(1, config.max_train_steps + 1):
        chance = 1 / (1 + np.exp(-x @ w))
        w += config.learning_rate * x.T @ (y - chance) / len(y)
        if step % 20 == 0:
            print({"step": step, "wer": round(float(((chance > 0.5) != y).mean()), 3)}, flush=True)
    os.makedirs(config.output_dir, exist_ok=True)
    np.savez(f"{config.output_dir}/model.npz", w=w, **{k: str(v) for k, v in asdict(config).items()})
    assets.commit()
    return len(clips)


@app.local_entrypoint()
def main(num_speakers: int = 3, max_train_steps: int = 60):
    config = Config(num_speakers=num_speakers, max_train_steps=max_train_steps)
    list(record.starmap((speaker, config.sampling_rate) for speaker in range(num_speakers)))
    print(f"trained on {train.remote(config)} clips, model in {config.output_dir}")
