"""Time, retries, memory, cores and GPUs: what is asked for holds, and what cannot be had is said."""

import shutil
import time

import pytest


@pytest.mark.once_as("root")
def test_a_timeout_ends_one_attempt_and_is_named(modal, write, account):
    limit_s = 10 if account.is_closed else 1  # the start counts, and takes a second under proot
    write(
        "app.py",
        """
        import time

        import modal

        app = modal.App("tour-timeout")


        @app.function(timeout=1)
        def slow():
            time.sleep(60)


        @app.function(timeout=20)
        def fine():
            return "in time"


        @app.local_entrypoint()
        def main():
            try:
                slow.remote()
            except modal.exception.FunctionTimeoutError as error:
                print("TIMEOUT", error)
            print(fine.remote())
        """.replace("timeout=1)", f"timeout={limit_s})"),
    )
    started = time.monotonic()
    said = modal("run", "app.py", timeout_s=60)
    assert any(line.startswith("TIMEOUT") for line in said.lines)
    assert "in time" in said.lines
    assert time.monotonic() - started < (60 if account.is_closed else 30)


@pytest.mark.once_as("user")
def test_a_container_that_takes_too_long_to_start_is_ended_with_that_reason(modal, write):
    write(
        "app.py",
        """
        import time

        import modal

        app = modal.App("tour-startup")

        if not modal.is_local():
            print("loading the model", flush=True)
            time.sleep(60)


        @app.function(startup_timeout=1, timeout=50)
        def infer():
            print("never")
        """,
    )
    said = modal("run", "app.py", fails=True, timeout_s=40)
    assert "loading the model" in said.lines
    assert "start" in said.err.lower()
    assert "never" not in said.lines


@pytest.mark.once_as("root")
def test_retries_run_the_same_input_again_also_after_a_crash(modal, write):
    write(
        "app.py",
        """
        import os

        import modal

        app = modal.App("tour-retries")
        volume = modal.Volume.from_name("tour-retries", create_if_missing=True)
        retries = modal.Retries(max_retries=3, initial_delay=0.1, backoff_coefficient=1.0)


        def attempt(name):
            volume.reload()
            path = f"/data/{name}"
            number = int(open(path).read()) + 1 if os.path.exists(path) else 1
            with open(path, "w") as file:
                file.write(str(number))
            volume.commit()
            return number


        @app.function(volumes={"/data": volume}, retries=retries)
        def raises(name):
            if attempt(name) < 3:
                raise RuntimeError("not yet")
            return "third time"


        @app.function(volumes={"/data": volume}, retries=retries)
        def crashes():
            if attempt("crash") < 2:
                os._exit(1)
            return "second time"


        @app.function(volumes={"/data": volume}, retries=1)
        def hopeless():
            raise RuntimeError(f"attempt {attempt('hopeless')}")


        @app.local_entrypoint()
        def main():
            print("raises", raises.remote("a"), "map", list(raises.map(["b", "c"])))
            print("crashes", crashes.remote())
            try:
                hopeless.remote()
            except RuntimeError as error:
                print("hopeless", error)
        """,
    )
    said = modal("run", "app.py", timeout_s=90)
    assert "raises third time map ['third time', 'third time']" in said.lines
    assert "crashes second time" in said.lines
    assert "hopeless attempt 2" in said.lines
    modal("volume", "delete", "--yes", "tour-retries")


def test_more_than_the_machine_has_is_cut_with_a_warning(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-cut")


        @app.function(cpu=200, memory=64 << 20, ephemeral_disk=600 << 10)
        def train():
            print("it runs")
        """,
    )
    said = modal("run", "app.py")
    assert "it runs" in said.lines
    words = " ".join(said.text.replace("│", " ").split())
    assert "cpu=200 asked for by train: this machine has" in words
    assert f"memory={64 << 20} MiB asked for by train: this machine has" in words
    assert "ephemeral_disk= is not enforced" in words


@pytest.mark.once_as("user")
@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine has a GPU")
def test_without_a_gpu_the_function_runs_on_the_cpu_with_one_plain_warning(modal, write):
    write(
        "app.py",
        """
        import os

        import modal

        app = modal.App("tour-gpu")


        @app.function(gpu="a100-80gb:2")
        def train():
            print("trains on", "a GPU" if os.path.exists("/dev/nvidia0") else "the CPU")


        @app.local_entrypoint()
        def main():
            train.remote()
            train.remote()
        """,
    )
    said = modal("run", "app.py")
    assert said.lines.count("trains on the CPU") == 2
    warnings = [line for line in said.text.splitlines() if "GPU" in line and "CPU" in line]
    assert len(warnings) == 1, said


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="this machine has no GPU")
def test_with_a_gpu_torch_sees_it_and_trains_on_it(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-cuda", image=modal.Image.debian_slim().pip_install("torch"))


        @app.function(gpu="any", timeout=600)
        def train():
            import torch

            assert torch.cuda.is_available()
            model = torch.nn.Linear(64, 2).cuda()
            optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
            x, y = torch.randn(256, 64).cuda(), torch.randint(0, 2, (256,)).cuda()
            losses = []
            for _ in range(20):
                loss = torch.nn.functional.cross_entropy(model(x), y)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                losses.append(loss.item())
            print("trained on", torch.cuda.device_count(), "GPU, better:", losses[-1] < losses[0])
        """,
    )
    assert "trained on 1 GPU, better: True" in modal("run", "app.py", timeout_s=900).lines


@pytest.mark.slow
def test_a_pytorch_dataloader_with_four_workers_runs(modal, write, torch_wheel, account):
    if account.name == "root":
        pytest.skip("shown as the ordinary user: the image alone takes half a minute")
    write(
        "app.py",
        f"""
        import modal

        image = modal.Image.debian_slim().pip_install({torch_wheel!r}, "numpy==2.3.4")
        app = modal.App("tour-torch", image=image)


        @app.function(cpu=2, timeout=600)
        def train():
            import torch
            from torch.utils.data import DataLoader, TensorDataset

            data = TensorDataset(torch.randn(512, 64, 64), torch.randint(0, 2, (512,)))
            model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64 * 64, 2))
            optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
            seen = 0
            for x, y in DataLoader(data, batch_size=64, num_workers=4, shuffle=True):
                loss = torch.nn.functional.cross_entropy(model(x), y)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                seen += len(x)
            print("SEEN", seen, "loss is finite:", bool(torch.isfinite(loss)))
        """,
    )
    assert "SEEN 512 loss is finite: True" in modal("run", "app.py", timeout_s=400).lines
