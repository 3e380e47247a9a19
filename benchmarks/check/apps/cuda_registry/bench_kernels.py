"""A CUDA image from a registry, with a Python of Modal's.

modal run bench_kernels.py
"""

import subprocess

import modal

cuda_version = "12.4.1"
flavor = "devel"
operating_sys = "ubuntu22.04"
tag = f"{cuda_version}-{flavor}-{operating_sys}"

image = (
    modal.Image.from_registry(f"nvidia/cuda:{tag}", add_python="3.11")
    .entrypoint([])
    .pip_install("numpy", "pyyaml")
    .env({"CUDA_HOME": "/usr/local/cuda"})
    .workdir("/workspace")
    .add_local_file("kernels.py", "/workspace/kernels.py")
    .add_local_file("sizes.yaml", "/workspace/sizes.yaml")
)
app = modal.App("cuda-registry", image=image)
reports = modal.Volume.from_name("cuda-registry-reports", create_if_missing=True)


@app.function(gpu="H100!", timeout=1800, volumes={"/reports": reports})
def bench(repeat: int = 2) -> str:
    subprocess.run(
        ["python", "kernels.py", "--repeat", str(repeat), "--out", "/reports/kernels.txt"], check=True
    )
    reports.commit()
    with open("/reports/kernels.txt") as file:
        return file.read()


@app.local_entrypoint()
def main(repeat: int = 2):
    print(bench.remote(repeat))
