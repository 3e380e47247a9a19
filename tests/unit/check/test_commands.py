"""What shell commands of an image's steps do to packages and files, as far as reading tells."""

import pytest

from homeport.check.container.commands import effects


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pip install torch 'numpy<2' -i https://x.example/simple", ["require torch", "require numpy<2"]),
        ("python -m pip install -U -r /requirements.txt --no-cache-dir", ["requirements /requirements.txt"]),
        ("uv pip install --system 'torch>=2'", ["require torch>=2"]),
        ("/.uv/uv pip install --python /usr/bin/python x", ["require x"]),
        ("pip install -e .", ["packages pip install -e ."]),
        ("pip install --target /lib2 numpy", ["target /lib2"]),
        ("pip install \\\n  a \\\n  b", ["require a", "require b"]),
        ("FLASH=TRUE pip install flash-attn", ["require flash-attn"]),
        ("cd /app && pip install -r requirements.txt", ["requirements /app/requirements.txt"]),
        ("apt-get update && apt-get install -y git python3-numpy", ["apt git", "apt python3-numpy"]),
        ("mkdir -p /app/{src,data}", ["folder /app/src", "folder /app/data"]),
        ("git clone --depth 1 https://example.org/a/b.git", ["files b"]),
        ("git clone https://example.org/a/b /c", ["files /c"]),
        ("cd /opt && git clone git@example.org:a/b.git", ["files /opt/b"]),
        ("cd /x && git init . && git remote add origin https://example.org/a/b && git fetch", []),
        ("cd /x && git checkout 0123", ["files /x/."]),
        ("git -C /y pull", ["files /y"]),
        ("echo hello > /x/y", ["files /x/y"]),
        ("wget https://example.org/m.bin -O /m/m.bin", ["files /m/m.bin"]),
        ("wget -P /m https://example.org/m.bin", ["files /m"]),
        ("curl -Lo /m/x https://example.org", ["files /m/x"]),
        ("curl -s https://example.org", []),
        ("cp -r /a/b /c", ["files /c"]),
        ("tar xf a.tgz -C /data", ["files /data"]),
        ("python -c 'import torch; print(torch.__version__)'", []),
        ("python --version && nvidia-smi && ls -l /", []),
        ("python prepare.py", ["files ", "packages python prepare.py"]),
        ("python -m spacy download en", ["files ", "packages python -m spacy download en"]),
        ("python -c 'import nltk; nltk.download(\"punkt\")'", ["files "]),
        ("curl -sSL https://example.org/i.sh | bash", ["files ", "packages bash"]),
        ("make -j4", ["files ", "packages make -j4"]),
        ("echo 'not closed", ["files "]),
    ],
)  # fmt: skip
def test_effects(command: str, expected: list[str]) -> None:
    assert [f"{effect.kind} {effect.text}" for effect in effects(command)] == expected
