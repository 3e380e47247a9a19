"""What a function gets of what it asks for."""

from homeport.plan.resources import Machine, Request, grant

LAPTOP = Machine(cpus=4, memory_mib=8192)
SERVER = Machine(cpus=64, memory_mib=500_000, gpus=("NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-80GB"))


def test_the_default_reservation_is_modals() -> None:
    given = grant("f", Request(), LAPTOP, gpu_required=False)
    assert (given.cpu, given.memory_mib, given.warnings) == (0.125, 128, ())


def test_requests_above_the_machine_are_cut_with_a_sentence() -> None:
    given = grant("train", Request(cpu=24, memory_mib=65536), LAPTOP, gpu_required=False)
    assert (given.cpu, given.memory_mib) == (4.0, 8192)
    assert given.warnings == (
        "cpu=24 asked for by train: this machine has 4 cores, it gets those.",
        "memory=65536 MiB asked for by train: this machine has 8192 MiB, it gets those.",
    )


def test_what_a_container_counts_for_among_others() -> None:
    for asked, cores in ((0, 1.0), (0.125, 0.125), (0.05, 0.05), (3, 3.0), (24, 4.0)):
        assert grant("f", Request(cpu=asked), LAPTOP, gpu_required=False).cores == cores


def test_limits_are_the_second_values() -> None:
    given = grant("f", Request(1, 2, 128, 300), LAPTOP, gpu_required=False)
    assert (given.cpu_limit, given.memory_limit_mib) == (2, 300)


def test_a_gpu_on_a_machine_without_one() -> None:
    given = grant("train", Request(gpus=[("A100", 1)]), LAPTOP, gpu_required=False)
    assert given.gpu_count == 0
    assert given.warnings == (
        "gpu=A100 asked for by train: this machine has no NVIDIA GPU, it runs on the CPU.",
    )
    assert "--gpu require" in grant("train", Request(gpus=[("A100", 1)]), LAPTOP, gpu_required=True).refusal


def test_a_gpu_that_is_there_takes_no_words() -> None:
    for asked in ("A100", "a100-80gb", "any", ""):
        given = grant("f", Request(gpus=[(asked, 2)]), SERVER, gpu_required=True)
        assert (given.gpu_count, given.warnings, given.refusal) == (2, (), "")


def test_another_model_than_the_one_asked_for_is_said() -> None:
    given = grant("f", Request(gpus=[("H100", 1)]), SERVER, gpu_required=False)
    assert given.gpu_count == 1
    assert given.warnings == ("gpu=H100 asked for by f: it gets this machine's NVIDIA A100-SXM4-80GB.",)


def test_of_alternatives_the_one_that_is_here() -> None:
    given = grant("f", Request(gpus=[("H100", 8), ("A100", 1)]), SERVER, gpu_required=False)
    assert (given.gpu_count, given.warnings) == (1, ())


def test_more_gpus_than_there_are() -> None:
    given = grant("f", Request(gpus=[("A100", 8)]), SERVER, gpu_required=False)
    assert given.gpu_count == 2
    assert "2 GPUs, it gets what there is" in given.warnings[0]
    assert grant("f", Request(gpus=[("A100", 8)]), SERVER, gpu_required=True).refusal
