"""What is written outside every Volume: said where it is a result and nothing is done with it, else not."""

import pytest

from tests.support.check import findings_of

HEAD = """
import os, shutil, subprocess
from pathlib import Path
import modal

app = modal.App("train")
results = modal.Volume.from_name("results", create_if_missing=True)
image = modal.Image.debian_slim().pip_install("torch", "transformers", "pandas")

@app.function(image=image, volumes={"/results": results})
def train(run: str, step: int = 0):
"""


def said(body: str, head: str = HEAD) -> list[tuple[str, int]]:
    """Severity and line of the body."""
    text = head + "\n".join(f"    {line}" for line in body.strip().splitlines()) + "\n"
    first = head.lstrip("\n").count("\n")
    return [
        (finding.severity, finding.site.line - first)
        for finding in findings_of({"app.py": text}, only="HP301")
    ]


@pytest.mark.parametrize(
    "body",
    [
        "import torch\ntorch.save({}, '/checkpoints/last.pt')",
        "import torch\ntorch.save({}, f'/checkpoints/{run}/last.pt')",
        "import torch\ntorch.save({}, Path('/checkpoints') / run / 'last.pt')",
        "import torch\ntorch.save({}, os.path.join('/checkpoints', run, 'last.pt'))",
        "import torch\ntorch.save({}, 'last.pt')",
        "import transformers\nmake().save_pretrained('/out/model')",
        "import transformers\ntransformers.TrainingArguments(output_dir='/checkpoints')",
        "import torch\nsubprocess.run(['python', '-m', 'trainer', '--output_dir', '/checkpoints'])",
        "import torch\nsubprocess.run(['python', '-m', 'trainer', '--out-dir=/checkpoints'], check=True)",
        "if run:\n    Path('/out/metrics.json').write_text('{}')",
        "import pandas\npandas.DataFrame().to_csv('/out/predictions.csv')",
    ],
)
def test_a_result_outside_every_volume_is_a_warning(body: str) -> None:
    assert [severity for severity, _ in said(body)] == ["warning"]


@pytest.mark.parametrize(
    "body",
    [
        "import torch\ntorch.save({}, '/results/last.pt')",
        "import torch\ntorch.save({}, f'/results/{run}/last.pt')",
        "import torch\nos.chdir('/results')\ntorch.save({}, 'last.pt')",
        # where it goes is not known
        "import torch\ntorch.save({}, run)",
        "import torch\ntorch.save({}, os.path.join(run, 'last.pt'))",
        "import torch\ntorch.save({}, Path(run) / '/checkpoints'.lstrip('/') / 'last.pt')",
        # it is used before the function ends
        "import torch\ntorch.save({}, '/out/last.pt')\nshutil.copy('/out/last.pt', '/results/last.pt')",
        "import torch\ntorch.save({}, '/out/last.pt')\nreturn Path('/out/last.pt').read_bytes()",
        "import torch\ntorch.save({}, '/out/last.pt')\nsubprocess.run(['aws', 's3', 'cp', '/out', 's3://x'])",
        "Path('/out/metrics.json').write_text('{}')\nupload(path='/out')",
        "import transformers\ntransformers.TrainingArguments(output_dir='out')\nmake().push_to_hub('me/it')",
        # nobody would keep these
        "Path('/root/.netrc').write_text('')",
        "Path('/tmp/list.txt').write_text('')",
        "Path('/etc/hosts').write_text('')",
        "open('/out/best.txt').read()",
        "subprocess.run(['python', '-m', 'infer', '--checkpoint', '/models/last.pt'])",
        # a link to the Volume
        "os.symlink('/results/out', '/out')\nPath('/out/metrics.json').write_text('{}')",
    ],
)
def test_what_is_kept_or_used_is_not_said(body: str) -> None:
    assert said(body) == []


def test_a_checkpoint_in_tmp_is_a_note() -> None:
    assert [severity for severity, _ in said("import torch\ntorch.save({}, '/tmp/last.pt')")] == ["note"]


def test_what_is_fetched_can_be_fetched_again() -> None:
    top = HEAD.replace("@app", "def download():\n    open('/models/best.bin', 'wb').write(b'')\n\n@app", 1)
    text = top + "    download()\n"
    assert [found.severity for found in findings_of({"app.py": text}, only="HP301")] == ["note"]


def test_a_function_with_volumes_that_are_not_known_is_left_alone() -> None:
    head = HEAD.replace('volumes={"/results": results}', "volumes=volumes_of(app)")
    assert said("import torch\ntorch.save({}, '/checkpoints/last.pt')", head) == []


def test_without_a_volume_the_fix_names_one() -> None:
    head = HEAD.replace(', volumes={"/results": results}', "")
    text = head + "    import torch\n    torch.save({}, '/checkpoints/last.pt')\n"
    (finding,) = findings_of({"app.py": text}, only="HP301")
    assert "there is none" in finding.message
    assert finding.fix == 'Give train a Volume: volumes={"/checkpoints": volume}'
