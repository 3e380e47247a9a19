"""Timeouts, retries, GPUs, removed options: the harder cases, and what must not be said."""

import textwrap

import pytest

from homeport.check.findings import Finding
from tests.support.check import findings_of

TRAINS = """
        import torch

        model = torch.nn.Linear(8, 2)
        optimizer = torch.optim.AdamW(model.parameters())
        for batch in range(10):
            model(torch.randn(4, 8)).square().mean().backward()
            optimizer.step()
"""


def app(
    decorator: str = "",
    body: str = "print(1)",
    *,
    top: str = "",
    signature: str = "",
    name: str = "work",
) -> str:
    return f"""
import modal
{top}
app = modal.App("any")


@app.function({decorator})
def {name}({signature}):
{textwrap.indent(textwrap.dedent(body).strip(), "    ")}
"""


def codes(text: str, only: str, **options: object) -> list[str]:
    return [f"{one.code} {one.severity}" for one in said(text, only, **options)]


def said(text: str, only: str, **options: object) -> list[Finding]:
    return findings_of({"app.py": text}, only=only, **options)  # type: ignore[arg-type]


# ---- the default timeout


def test_a_module_of_ones_own_that_trains_is_followed() -> None:
    found = findings_of(
        {
            "app.py": """
                import modal

                image = modal.Image.debian_slim().pip_install("torch").add_local_python_source("loop")
                app = modal.App("any", image=image)

                @app.function()
                def train():
                    from loop import fit
                    fit()
                """,
            "loop.py": """
                def fit():
                    import torch
                    model = torch.nn.Linear(1, 1)
                    model(torch.ones(1)).sum().backward()
                """,
        },
        only="HP401",
    )
    assert [finding.function for finding in found] == ["train"]
    assert found[0].related[0][0].path.name == "loop.py"


@pytest.mark.parametrize(
    "body",
    [
        "import subprocess; subprocess.run(['torchrun', '--standalone', 'ddp.py'])",
        "import subprocess, sys; subprocess.run([sys.executable, 'src/train.py', '--lr', '1'])",
        "import transformers; transformers.Trainer(model=None).train()",
        "import lightning as L; trainer = L.Trainer(); trainer.fit(None)",
        "from ultralytics import YOLO; YOLO('a.pt').train(data='x', epochs=3)",
    ],
)
def test_what_trains(body: str) -> None:
    assert codes(app("", body), "HP401") == ["HP401 warning"]


@pytest.mark.parametrize(
    "body",
    [
        "import torch; model = torch.nn.Linear(1, 1); model.train(); model.eval()",
        "import subprocess; subprocess.run(['nvidia-smi'])",
        "import subprocess; subprocess.run(['python', 'evaluate.py', '--model', 'trained.pt'])",
        "scheduler = object(); scheduler.step()",
        "print('training')",
        "import sklearn.linear_model as m; m.LinearRegression().fit([[1]], [1])",
    ],
)
def test_what_does_not_train(body: str) -> None:
    assert not codes(app("", body), "HP401")


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("train", 'gpu="T4"', ["HP401"]),
        ("train_model", "volumes={'/out': modal.Volume.from_name('out')}", ["HP401"]),
        ("finetune", "gpu='L4'", ["HP401"]),
        ("train", "volumes={'/data': modal.Volume.from_name('data').read_only()}", []),
        ("train", "", []),
        ("trainable", 'gpu="T4"', []),
        ("constraint", 'gpu="T4"', []),
    ],
)
def test_a_name_says_that_it_trains_where_there_is_a_gpu_or_a_volume(
    name: str, options: str, expected: list[str]
) -> None:
    text = app(options, "work()", name=name)
    assert [one.code for one in said(text, "HP401")] == expected


@pytest.mark.parametrize("body", ["latest.exists()", "CKPT_PATH.is_file()"])
def test_a_training_that_looks_for_its_last_state_begins_where_it_was(body: str) -> None:
    assert not codes(app('gpu="T4", retries=3', body, name="train"), "HP405")
    assert codes(app('gpu="T4", retries=3', "work()", name="train"), "HP405") == ["HP405 warning"]


def test_a_child_process_whose_code_is_here_is_read_for_a_checkpoint() -> None:
    loop = "import torch\nfor epoch in range(3):\n    torch.ones(1).backward()\n"
    image = "modal.Image.debian_slim().pip_install('torch').add_local_file('train.py', '/root/train.py')"
    text = app(f"retries=3, image={image}", "import subprocess; subprocess.run(['python', 'train.py'])")
    assert [one.code for one in findings_of({"app.py": text, "train.py": loop}, only="HP405")] == ["HP405"]
    resumes = f"{loop}torch.load('/ckpt/last.pt')\n"
    assert not findings_of({"app.py": text, "train.py": resumes}, only="HP405")
    assert not findings_of(
        {"app.py": app("retries=3", "import subprocess; subprocess.run(['torchrun', 'x.py'])")}, only="HP405"
    )


def test_options_that_are_not_known_may_have_a_timeout() -> None:
    text = app("**options()", "import torch; torch.ones(1).backward()", top="from other import options")
    assert not codes(text, "HP401")


# ---- limits


@pytest.mark.parametrize(
    ("decorator", "expected"),
    [
        ("timeout=86400", []),
        ("timeout=24 * 60 * 60", []),
        ("timeout=86401", ["HP402 error"]),
        ("timeout=0", ["HP402 warning"]),
        ("timeout=-1", ["HP402 error"]),
        ("timeout=90.5", ["HP402 error"]),
        ("timeout='600'", ["HP402 error"]),
        ("timeout=None", ["HP402 error"]),
        ("startup_timeout=None", []),
        ("startup_timeout=90000", ["HP402 error"]),
        ("retries=0", []),
        ("retries=10", []),
        ("retries=11", ["HP403 note"]),
        ("retries=-1", ["HP403 error"]),
        ("retries='3'", ["HP403 error"]),
        ("retries=modal.Retries(max_retries=3, initial_delay=0.0)", []),
        ("retries=modal.Retries(max_retries=3, initial_delay=61)", ["HP403 error"]),
        ("retries=modal.Retries(max_retries=3, max_delay=0.5)", ["HP403 error"]),
        ("retries=modal.Retries(max_retries=3, backoff_coefficient=11)", ["HP403 error"]),
        ("retries=modal.Retries(3)", ["HP403 error"]),
        ("retries=modal.Retries(initial_delay=1.0)", ["HP403 error"]),
        ("scaledown_window=2", []),
        ("scaledown_window=1", ["HP404 error"]),
        ("scaledown_window=60 * 5", []),
        ("scaledown_window=2.5", ["HP404 error"]),
        ("max_containers=-1", ["HP404 error"]),
        ("min_containers=2, max_containers=2", []),
        ("min_containers=3, max_containers=2", ["HP404 error"]),
        ("cpu=(0.5, 2.0), memory=(512, 1024)", []),
        ("memory=(2048, 1024)", ["HP404 error"]),
        ("cpu=-1", ["HP404 error"]),
        ('cpu="2"', ["HP404 warning"]),
        ('memory="16GB"', ["HP404 warning"]),
        ("memory=512.0", ["HP404 warning"]),
    ],
)
def test_a_limit(decorator: str, expected: list[str]) -> None:
    found = [each for code in ("HP402", "HP403", "HP404") for each in codes(app(decorator), code)]
    assert found == expected


def test_more_retries_than_ten_are_refused_by_the_cloud_and_by_older_clients() -> None:
    assert codes(app("retries=11"), "HP403", target="modal") == ["HP403 error"]
    assert codes(app("retries=11"), "HP403", client_version="1.3.0") == ["HP403 error"]


def test_a_generator_and_a_web_function_cannot_be_retried() -> None:
    assert codes(app("retries=2", "yield 1"), "HP403") == ["HP403 error"]
    inner = "def inner():\n    yield 1\nreturn list(inner())"
    assert not codes(app("retries=2", inner), "HP403")
    web = app("retries=2").replace("\ndef work", "\n@modal.fastapi_endpoint()\ndef work")
    assert codes(web, "HP403") == ["HP403 error"]


# ---- retries that begin anew


@pytest.mark.parametrize(
    ("decorator", "resume", "expected"),
    [
        ("timeout=60, retries=2", "", ["HP405 warning"]),
        ("timeout=60, retries=modal.Retries(max_retries=2)", "", ["HP405 warning"]),
        ("timeout=60, retries=0", "", []),
        ("timeout=60", "", []),
        ("timeout=60, retries=2", "        model.load_state_dict(torch.load('/out/last.pt'))\n", []),
    ],
)
def test_retries_go_on_from_a_checkpoint(decorator: str, resume: str, expected: list[str]) -> None:
    body = TRAINS.replace("        for", f"{resume}        for")
    assert codes(app(decorator, body), "HP405") == expected


def test_a_child_process_may_resume_by_itself() -> None:
    body = "import subprocess; subprocess.run(['python', 'train.py'])"
    assert not codes(app("retries=3, timeout=60", body), "HP405")


# ---- longer than the timeout


@pytest.mark.parametrize(
    ("decorator", "body", "signature", "expected"),
    [
        ("", "import time; time.sleep(301)", "", ["HP407 error"]),
        ("", "import time; time.sleep(300)", "", []),
        ("timeout=3600", "import time; time.sleep(20 * 60)", "", []),
        ("timeout=3600", "print(1)", "max_hours: float = 2", ["HP407 warning"]),
        ("timeout=3600", "print(1)", "max_minutes: int = 59", []),
        ("timeout=3600", "print(1)", "time_limit_s: int = 4000", ["HP407 warning"]),
        ("timeout=3600", "print(1)", "poll_seconds: int = 4000", []),
        ("timeout=3600", "print(1)", "max_seconds: int = 4000", []),
        (
            "timeout=3600",
            "import lightning; lightning.Trainer(max_time='00:02:00:00')",
            "",
            ["HP407 warning"],
        ),
        ("timeout=unknown()", "print(1)", "max_hours: float = 200", []),
    ],
)
def test_a_job_by_its_own_measure(decorator: str, body: str, signature: str, expected: list[str]) -> None:
    assert codes(app(decorator, body, signature=signature), "HP407") == expected


def test_a_sleep_that_may_not_come_is_no_error() -> None:
    body = "import sys, time\nif len(sys.argv) > 3:\n    time.sleep(4000)"
    assert codes(app("", body), "HP407") == ["HP407 warning"]


def test_a_configuration_file_says_how_long() -> None:
    files = {
        "app.py": """
            import modal

            image = modal.Image.debian_slim().add_local_dir("configs", "/root/configs")
            app = modal.App("any", image=image)

            @app.function(timeout=3600)
            def train(config_path: str = "configs/full.yaml"):
                print(open(config_path).read())
            """,
        "configs/full.yaml": """
            name: full
            training:
              max_hours: 20
            """,
    }
    found = findings_of(files, only="HP407")
    assert [(finding.site.path.name, finding.site.line) for finding in found] == [("full.yaml", 3)]


# ---- GPUs


@pytest.mark.parametrize(
    "gpu",
    ["'T4'", "'a10g'", "'H100!'", "'B200+:2'", "'A100-80GB:4'", "'any'", "['H100:8', 'A100']", "None", "''"],
)
@pytest.mark.parametrize("target", ["homeport", "modal"])
def test_a_gpu_that_there_is(gpu: str, target: str) -> None:
    assert not codes(app(f"gpu={gpu}"), "HP409", target=target)


@pytest.mark.parametrize(
    ("gpu", "here", "there"),
    [
        ("'A100-80G'", "error", "error"),
        ("'A1000'", "warning", "error"),
        ("'RTX4090'", "warning", "error"),
        ("'V100'", "warning", "error"),
        ("'A100:none'", "error", "error"),
        ("'A100:0'", "error", "error"),
        ("'A10G:8'", "note", "error"),
        ("2", "error", "error"),
        ("'TPU'", "error", "error"),
    ],
)
def test_a_gpu_that_there_is_not(gpu: str, here: str, there: str) -> None:
    assert codes(app(f"gpu={gpu}"), "HP409") == [f"HP409 {here}"]
    assert codes(app(f"gpu={gpu}"), "HP409", target="modal") == [f"HP409 {there}"]


def test_the_nearest_gpu_is_an_edit() -> None:
    (found,) = said(app("gpu='H100-80G'"), "HP409") or [None]
    assert found is not None and found.fix.startswith("Write gpu=")


# ---- what the client has no longer


@pytest.mark.parametrize(
    ("old", "new"),
    [("keep_warm", "min_containers"), ("concurrency_limit", "max_containers"), ("timout", "timeout")],
)
def test_a_renamed_option_is_an_edit(old: str, new: str) -> None:
    (found,) = said(app(f"cpu=1, {old}=2"), "HP410")
    (edit,) = found.edits
    line = app(f"cpu=1, {old}=2").lstrip("\n").splitlines()[edit.site.line - 1]
    assert line[edit.site.column : edit.site.end_column] == old
    assert edit.text == new


def test_an_older_client_takes_what_a_newer_one_refuses() -> None:
    assert not codes(app("keep_warm=1"), "HP410", client_version="1.1.0")
    assert codes(app("env={'A': '1'}"), "HP410", client_version="1.1.0") == ["HP410 error"]


def test_a_server_has_options_of_its_own() -> None:
    text = """
import modal

app = modal.App("any")


@app.server(port=8000, target_concurrency=4, {more})
class Server:
    pass
"""
    assert not codes(text.replace("{more}", "scaledown_window=60"), "HP410")
    assert codes(text.replace("{more}", "timeout=60"), "HP410") == ["HP410 warning"]


def test_a_newer_client_than_the_table_may_have_more() -> None:
    assert codes(app("teleport=True"), "HP410", client_version="9.0.0") == ["HP410 warning"]
    assert codes(app("teleport=True"), "HP410") == ["HP410 error"]


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ("from modal import Stub", "error"),
        ("import modal as m\nx = m.gpu.T4()", "error"),
        ("x = modal.Mount.from_local_dir('a', remote_path='/a')", "error"),
        ("def later():\n    return modal.Function.lookup('a', 'b')", "warning"),
        ("try:\n    x = modal.gpu.T4()\nexcept AttributeError:\n    x = 'T4'", "warning"),
    ],
)
def test_a_removed_name(top: str, expected: str) -> None:
    assert codes(app(top=top), "HP412") == [f"HP412 {expected}"]


@pytest.mark.parametrize(
    "top",
    [
        "from modal import App, Image",
        "import modal.experimental\nx = modal.experimental",
        "x = modal.exception.Error",
        "class Own:\n    lookup = 1\nx = Own.lookup",
        "modal.__version__",
    ],
)
def test_a_name_that_is_there(top: str) -> None:
    assert not codes(app(top=top), "HP412")


# ---- CI


def workflow(run: str, job: str = "", step: str = "") -> str:
    return f"""
on: push
jobs:
  train:
    runs-on: ubuntu-latest
{job}
    steps:
      - uses: actions/checkout@v4
      - run: |
          pip install modal
          {run}
{step}
"""


@pytest.mark.parametrize(
    ("run", "job", "step", "expected"),
    [
        ("modal run app.py", "", "", 1),
        ("modal run app.py::work --x 1", "", "", 1),
        ("python -m modal run app.py", "", "", 1),
        ("modal run --detach app.py", "", "", 0),
        ("modal run -d app.py", "", "", 0),
        ("modal deploy app.py", "", "", 0),
        ("modal run other.py", "", "", 0),
        ("modal run app.py::short", "", "", 0),
        ("modal run app.py", "    timeout-minutes: 1440", "", 0),
        ("modal run app.py", "    timeout-minutes: ${{ inputs.minutes }}", "", 0),
        ("modal run app.py", "    timeout-minutes: 1440", "        timeout-minutes: 30", 1),
    ],
)
def test_a_job_in_ci_waits_long_enough(run: str, job: str, step: str, expected: int) -> None:
    text = app("timeout=86400") + "\n\n@app.function(timeout=60)\ndef short():\n    pass\n"
    files = {"app.py": text, ".github/workflows/train.yml": workflow(run, job, step)}
    found = findings_of(files, only="HP411")
    assert len(found) == expected
    assert all(finding.site.path.name == "train.yml" and finding.site.line == 10 for finding in found)


# ---- detached


def chain(body: str) -> str:
    return f"""
import modal

app = modal.App("any")

@app.function(timeout=3600)
def one(x=0):
    pass

@app.function(timeout=3600)
def two(x=0):
    pass

@app.local_entrypoint()
def main():
    {body}
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("one.remote(); two.remote()", "warning"),
        ("[one.spawn(x) for x in range(3)]", "warning"),
        ("for call in [one.spawn(), two.spawn()]: call.get()", "warning"),
        ("for x in one.map(range(3)): print(x)", ""),
        ("two.remote()", ""),
        ("one.local(); two.remote()", ""),
        ("call = one.spawn(); call.get()", ""),
    ],
)
def test_only_the_last_call_outlives_the_command(body: str, expected: str) -> None:
    found = findings_of({"app.py": chain(body)}, run="--detach app.py", only="HP406")
    assert [finding.severity for finding in found] == ([expected] if expected else [])
    assert not findings_of({"app.py": chain(body)}, run="app.py", only="HP406")
