"""Which GPU a name means, and which names there are."""

import pytest

from homeport.plan.gpus import NAMES, fits, mistake

HERE = {
    "T4": "Tesla T4",
    "L4": "NVIDIA L4",
    "A10": "NVIDIA A10",
    "A10G": "NVIDIA A10G",
    "L40S": "NVIDIA L40S",
    "A100-40GB": "NVIDIA A100-PCIE-40GB",
    "A100-80GB": "NVIDIA A100 80GB PCIe",
    "RTX-PRO-6000": "NVIDIA RTX PRO 6000 Blackwell Server Edition",
    "H100": "NVIDIA H100 80GB HBM3",
    "H200": "NVIDIA H200",
    "B200": "NVIDIA B200",
    "B300": "NVIDIA B300 SXM6 AC",
}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("T4", {"T4"}),
        ("L4", {"L4"}),
        ("A10", {"A10", "A10G"}),
        ("A10G", {"A10", "A10G"}),
        ("L40S", {"L40S"}),
        ("A100", {"A100-40GB", "A100-80GB"}),
        ("a100-80gb", {"A100-80GB"}),
        ("A100-40GB", {"A100-40GB"}),
        ("RTX-PRO-6000", {"RTX-PRO-6000"}),
        ("H100", {"H100", "H200"}),
        ("H100!", {"H100"}),
        ("H200", {"H200"}),
        ("B200", {"B200"}),
        ("b200+", {"B200", "B300"}),
        ("B300", {"B300"}),
        ("ANY", set(HERE)),
        ("", set(HERE)),
    ],
)
def test_a_name_means_whole_words_of_a_device(asked: str, found: set[str]) -> None:
    assert {name for name, device in HERE.items() if fits(asked, device)} == found


def test_every_known_name_is_right_in_each_spelling_and_others_are_told_the_known_ones() -> None:
    for name in NAMES:
        assert mistake(name, 1, ()) == mistake(name.lower(), 8, ()) == ""
    said = mistake("H1000", 1, HERE.values())
    assert said.startswith("is no GPU that Modal knows; it knows T4, L4, A10,")
    assert "H100!" in said and "B200+" in said


def test_a_device_of_this_machine_may_be_asked_for_though_modal_has_none() -> None:
    assert mistake("RTX-4090", 1, ["NVIDIA GeForce RTX 4090"]) == ""
    assert fits("RTX-4090", "NVIDIA GeForce RTX 4090")
    assert mistake("RTX-4090", 1, ["NVIDIA GeForce RTX 3090"])


def test_none_of_a_gpu_is_a_mistake() -> None:
    assert mistake("H100", 0, ()) == "asks for no GPU; leave gpu= out to run on the CPU"
