"""What a machine has, read from files that look like an NVIDIA driver's."""

from pathlib import Path

import pytest

from homeport.control.machine import this_machine


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Devices 1 and 10 of a larger machine, as a rented part of it has them."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "dev").mkdir()
    for name in ("null", "nvidia1", "nvidia10", "nvidiactl", "nvidia-modeset"):
        (tmp_path / "dev" / name).touch()
    for number, model in ((1, "NVIDIA A100-SXM4-80GB"), (2, "NVIDIA T4")):
        folder = tmp_path / f"driver/gpus/0000:0{number}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t {model}\nDevice Minor: \t {number}\n")
    return tmp_path


def test_gpus_are_known_by_their_own_numbers(driver: Path) -> None:
    machine = this_machine(driver / "dev", driver / "driver")
    assert machine.gpu_numbers == (1, 10)
    assert machine.gpus == ("NVIDIA A100-SXM4-80GB", "NVIDIA GPU")
    assert machine.cpus > 0 and machine.memory_mib > 100


def test_the_device_that_the_driver_makes_at_first_use_is_asked_for(driver: Path) -> None:
    program = driver / "bin/nvidia-modprobe"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {driver}/asked\n')
    program.chmod(0o755)
    this_machine(driver / "dev", driver / "driver")
    assert (driver / "asked").read_text() == "-c 0 -u\n"
    (driver / "dev/nvidia-uvm").touch()
    this_machine(driver / "dev", driver / "driver")
    assert (driver / "asked").read_text() == "-c 0 -u\n"


def test_a_machine_without_a_gpu(tmp_path: Path) -> None:
    machine = this_machine(tmp_path, tmp_path / "none")
    assert (machine.gpus, machine.gpu_numbers) == ((), ())
