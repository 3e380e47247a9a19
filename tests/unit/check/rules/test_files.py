"""Files that code opens, enters or runs in a container: what is said of those that are not there."""

import pytest

from homeport.check.findings import Finding
from tests.support.check import findings_of

TOP = "import os, subprocess, sys, json, shutil\nfrom pathlib import Path\nimport modal\n"
CODES = ("HP104", "HP150", "HP151")


def found(body: str, image: str = "", options: str = "", top: str = "", **files: str) -> list[Finding]:
    text = (
        f"{TOP}{top}\nvolume = modal.Volume.from_name('v')\nimage = modal.Image.debian_slim(){image}\n"
        f"app = modal.App('a')\n@app.function(image=image{options})\ndef train(config):\n"
    )
    text += "".join(f"    {line}\n" for line in body.splitlines())
    named = {name.replace("__", "/").replace("_", "."): content for name, content in files.items()}
    return [finding for finding in findings_of({"app.py": text, **named}) if finding.code in CODES]


@pytest.mark.parametrize(
    "body",
    [
        'open("conf/a.yaml")',
        'open("/root/conf/a.yaml", "rb")',
        'Path("conf/a.yaml").read_text()',
        '(Path("conf") / "a.yaml").open()',
        '(Path(__file__).parent / "conf" / "a.yaml").read_bytes()',
        'open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "conf", "a.yaml"))',
        "with open(f\"conf/{'a'}.yaml\") as f:\n    json.load(f)",
        'import yaml\nyaml.safe_load(open("conf/a.yaml"))',
        'name = "a"\nopen("conf/" + name + ".yaml")',
        'for name in ("a",):\n    open(f"conf/{name}.yaml")',
        'def read(path):\n    return open(path)\nread("conf/a.yaml")',
        'os.chdir("/")\nopen("root/conf/a.yaml")',
        'try:\n    open("conf/a.yaml")\nexcept ValueError:\n    pass',
        'shutil.copy("conf/a.yaml", "/tmp/a.yaml")',
        'subprocess.run(["python", "-c", "pass"], check=True)\nopen("conf/a.yaml")',
    ],
)
def test_a_file_that_is_not_shipped(body: str) -> None:
    (finding,) = found(body, conf__a_yaml="x: 1")
    assert finding.code == "HP150"
    assert finding.severity == ("warning" if "subprocess" in body else "error")
    assert (
        finding.message
        == "file /root/conf/a.yaml is not in the container of train: nothing ships conf/a.yaml"
    )
    assert finding.fix == 'Add it to the image: .add_local_file("conf/a.yaml", "/root/conf/a.yaml").'


@pytest.mark.parametrize(
    "body",
    [
        'open("conf/a.yaml", "w").write("x")',
        'open("conf/a.yaml", "w").write("x")\nopen("conf/a.yaml")',
        'Path("conf/a.yaml").write_text("x")\nPath("conf/a.yaml").read_text()',
        'if os.path.exists("conf/a.yaml"):\n    open("conf/a.yaml")',
        'if Path("conf/a.yaml").is_file():\n    open("conf/a.yaml")',
        'try:\n    open("conf/a.yaml")\nexcept FileNotFoundError:\n    pass',
        'try:\n    open("conf/a.yaml")\nexcept Exception as error:\n    print(error)',
        'shutil.copytree("/data/conf", "conf")\nopen("conf/a.yaml")',
        'import urllib.request\nurllib.request.urlretrieve("http://x/a", "conf/a.yaml")\nopen("conf/a.yaml")',
        'import torch\ntorch.save({}, "conf/a.yaml")\ntorch.load("conf/a.yaml")',
        'os.makedirs("conf")\nfill("conf")\nopen("conf/a.yaml")',
        "open(config)",
        'open("/data/conf/a.yaml")',
        'open("/tmp/a.yaml")\nopen("/proc/cpuinfo")\nopen(Path.home() / ".cache/x/a.yaml")',
        'open("https://example.org/a.yaml")',
        "open(0)\nopen(sys.argv[1])",
        'for part in os.listdir("/data"):\n    open(part)',
        'if modal.is_local():\n    open("conf/a.yaml")',
        'def unused():\n    open("conf/a.yaml")',
        'os.chdir("/data")\nopen("conf/a.yaml")',
    ],
)
def test_a_file_that_may_be_there(body: str) -> None:
    assert found(body, options=", volumes={'/data': volume}", conf__a_yaml="x: 1") == []


@pytest.mark.parametrize(
    "image",
    [
        '.add_local_dir("conf", "/root/conf")',
        '.add_local_file("conf/a.yaml", "/root/conf/a.yaml")',
        '.add_local_file("conf/a.yaml", "/root/conf/")',
        '.run_commands("mkdir -p conf && echo x > /root/conf/a.yaml")',
        '.run_commands("git clone https://example.org/x /root/conf")',
        '.workdir("/app").add_local_dir("conf", "/app/conf")',
    ],
)
def test_a_file_that_the_image_has(image: str) -> None:
    assert found('open("conf/a.yaml")', image=image, conf__a_yaml="x: 1") == []


def test_the_working_folder_of_the_image_counts() -> None:
    (finding,) = found('open("conf/a.yaml")', image='.workdir("/app")', conf__a_yaml="x: 1")
    assert "/app/conf/a.yaml" in finding.message


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ('subprocess.run(["python", "run.py"], check=True)', "/root/run.py"),
        ('subprocess.run([sys.executable, "-u", "run.py", "--x", config])', "/root/run.py"),
        ('subprocess.check_call("python run.py --x 1", shell=True)', "/root/run.py"),
        ('os.system("cd /app && python run.py")', "/app/run.py"),
        ('subprocess.run(["torchrun", "--standalone", "--nproc_per_node=2", "run.py"])', "/root/run.py"),
        ('cmd = ["python", "run.py"]\ncmd.append(config)\nsubprocess.Popen(cmd).wait()', "/root/run.py"),
        ('subprocess.run(["python", "run.py"], cwd="/app")', "/app/run.py"),
        ('subprocess.run(["bash", "-lc", "python /app/run.py"])', "/app/run.py"),
    ],
)
def test_a_script_that_is_not_shipped(body: str, path: str) -> None:
    findings = found(body, image='.add_local_file("a.txt", "/app/a.txt")', run_py="", a_txt="")
    assert [(finding.code, finding.severity) for finding in findings] == [("HP151", "error")]
    assert findings[0].message.startswith(f"script {path} is not in the container of train: nothing")


def test_commands_that_run_no_script_of_ones_own() -> None:
    body = "\n".join(
        [
            'subprocess.run(["nvidia-smi"])',
            'subprocess.run(["python", "-m", "pip", "list"])',
            "subprocess.run(\"python -c 'print(1)' | wc\", shell=True)",
            'subprocess.run(["python", config])',
            'subprocess.run(["python", f"{config}/x.py"])',
            'subprocess.run(["git", "clone", "https://example.org/x.git"])',
            'subprocess.run(["python", "x/run.py"])',
        ]
    )
    assert [finding.severity for finding in found(body)] == []


@pytest.mark.parametrize(
    "body", ['os.chdir("/app")', 'subprocess.run(["ls"], cwd="/app")', 'os.listdir("/app")']
)
def test_a_folder_that_is_not_there(body: str) -> None:
    (finding,) = found(body)
    assert (finding.code, finding.severity) == ("HP150", "error")
    assert finding.message.startswith("folder /app is not in the container of train")
    for mended in (
        f'os.makedirs("/app", exist_ok=True)\n{body}',
        f'Path("/app/x").mkdir(parents=True)\n{body}',
    ):
        assert found(mended) == []
    assert found(body, image='.run_commands("mkdir /app")') == []
    assert found(body, image='.workdir("/app")') == []


def test_a_data_file_of_a_package_that_is_shipped_by_its_name() -> None:
    code = "from pathlib import Path\nHERE = Path(__file__).resolve().parent\n"
    code += "def read(): return open(HERE / 'a.txt')\n"
    image = "image = modal.Image.debian_slim().add_local_python_source('cats')\n"
    (finding,) = findings_of(
        {
            "app.py": f"{TOP}app = modal.App('a')\n{image}"
            "@app.function(image=image)\ndef train():\n    import cats\n    cats.read()\n",
            "cats/__init__.py": code,
            "cats/a.txt": "x",
        },
        only="HP104",
    )
    assert finding.severity == "error"
    assert finding.message.startswith("/root/cats/a.txt is not in the container of train")
    assert finding.others == ('Add the file alone: .add_local_file("cats/a.txt", "/root/cats/a.txt").',)


@pytest.mark.parametrize(
    "body",
    [
        'subprocess.run(["bash", "setup.sh"], check=True)',
        'subprocess.run(["sh", "/root/setup.sh", "--fast"])',
        'subprocess.run("bash setup.sh --fast", shell=True)',
        'os.system("bash /root/setup.sh")',
        'subprocess.check_call(["./setup.sh"])',
        'subprocess.run(["bash", "setup.sh"], cwd="/root")',
    ],
)
def test_a_shell_script_that_is_not_shipped(body: str) -> None:
    (finding,) = found(body, setup_sh="echo ready")
    assert finding.code == "HP151"
    assert "/root/setup.sh is not in the container of train" in finding.message
    assert not found(body, image='.add_local_file("setup.sh", "/root/setup.sh")', setup_sh="echo ready")


@pytest.mark.parametrize(
    "body",
    ['subprocess.run(["bash", "-c", "setup.sh"])', 'subprocess.run("curl x | bash setup.sh", shell=True)'],
)
def test_what_a_shell_makes_of_its_words_is_left_to_it(body: str) -> None:
    assert not found(body, setup_sh="echo ready")


def test_the_fallback_of_an_import_that_surely_fails_opens_its_files_for_certain() -> None:
    body = "try:\n    import flash_attn\nexcept ImportError:\n    open('conf/a.yaml')"
    assert [finding.severity for finding in found(body, conf__a_yaml="x: 1")] == ["error"]
    body = "try:\n    risk()\nexcept ValueError:\n    open('conf/a.yaml')"
    assert not found(body, conf__a_yaml="x: 1", top="def risk(): ...")


BASE = "modal.Image.from_registry('pytorch/pytorch:2.4.0-cuda12.4-cudnn9-devel').workdir('/workspace')"


def test_an_image_of_a_registry_may_hold_scripts_but_none_of_ones_own_files() -> None:
    text = f"{TOP}image = {BASE}\napp = modal.App('a')\n@app.function(image=image)\ndef train():\n    "
    for body, files, said in (
        ("open('conf.yaml')", {"conf.yaml": ""}, ("HP150", "warning")),
        ("os.system('python run.py')", {"run.py": ""}, ("HP151", "warning")),
        ("os.system('python bench.py')", {}, ("HP151", "note")),
    ):
        findings = findings_of({"app.py": text + body, **files})
        assert [(each.code, each.severity) for each in findings if each.code in CODES] == [said]


TASKS = {
    "app.py": TOP
    + """image = modal.Image.debian_slim().add_local_dir("tasks", "/root/tasks")
app = modal.App('a')
@app.function(image=image)
def train(task: str = "rank", conf: str = "conf/full.yaml", resume: bool = True):
    import importlib
    importlib.import_module(f"tasks.{task}")
    command = [sys.executable, "run.py", conf]
    if resume:
        command.append("--resume")
    open(conf)
    subprocess.run(command)
@app.local_entrypoint()
def main(task: str = "other"):
    train.remote(task)
""",
    "tasks/__init__.py": "",
    "tasks/rank.py": "import nothing_at_all",
    "tasks/other.py": "import something_else",
    "conf/full.yaml": "",
    "conf/smoke.yaml": "",
}


@pytest.mark.parametrize(
    ("command", "severity", "module", "conf"),
    [
        ("", "warning", "something_else", "full"),
        ("app.py::train --", "error", "nothing_at_all", "full"),
        ("app.py::train -- --task other --conf conf/smoke.yaml", "error", "something_else", "smoke"),
        ("app.py::main -- --task rank", "error", "nothing_at_all", "full"),
    ],
)
def test_arguments_of_the_command_name_modules_and_files(
    command: str, severity: str, module: str, conf: str
) -> None:
    every = findings_of(TASKS, command=command)
    assert [each.severity for each in every if module in each.message] == [severity]
    findings = {each.code: each for each in every if each.code in CODES}
    assert sorted(findings) == ["HP150", "HP151"]
    assert f"/root/conf/{conf}.yaml" in findings["HP150"].message
    assert findings["HP150"].severity == severity
    assert findings["HP151"].severity == "error"


def test_a_package_of_which_a_part_is_imported_by_a_name_that_is_not_known() -> None:
    text = f"{TOP}app = modal.App('a')\n@app.function()\ndef train(task):\n    import importlib\n"
    text += "    importlib.import_module(f'tasks.{task}')\n"
    (finding,) = findings_of({"app.py": text, "tasks/__init__.py": "", "tasks/a.py": ""}, only="HP10")
    assert (finding.code, finding.severity) == ("HP101", "error") and "'tasks'" in finding.message


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("bash /root/setup.sh", ["HP151"]),
        ("git clone https://x/y /root/y && python /root/y/train.py", []),
        ("nvidia-smi; python /root/train.py", ["HP151"]),
        ("wget -q https://x/train.py; python train.py", []),
    ],
)
def test_a_shells_line_may_bring_what_it_runs_last(line: str, codes: list[str]) -> None:
    assert [finding.code for finding in found(f'subprocess.run("{line}", shell=True)')] == codes


@pytest.mark.parametrize(("given", "meant"), [("confg", " Did you mean conf?"), ("model.onnx", "")])
def test_a_path_that_is_not_there_may_be_one_that_another_step_names(given: str, meant: str) -> None:
    steps = f'.add_local_dir("conf", "/conf").add_local_dir("{given}", "/other")'
    app = f"import modal\nimage = modal.Image.debian_slim(){steps}\napp = modal.App('a', image=image)\n"
    files = {"app.py": app + "@app.function()\ndef f(): ...\n", "conf/a.yaml": ""}
    (finding,) = findings_of(files, only="HP120")
    assert finding.fix.partition("correct it.")[2] == meant
