"""The user's line in a traceback."""

import pytest

from homeport.record.failing_line import failing_line

CLIENT = '  File "/pkg/modal/_container_entrypoint.py", line 189, in run_input_sync\n    values = call()\n'
APP = '  File "/root/app.py", line 9, in divide\n    return a / b\n           ~~^~~\n'
ELSEWHERE = '  File "/app/src/train.py", line 30, in fit\n    loss.backward()\n'
LIBRARY = '  File "/usr/local/lib/python3.11/site-packages/torch/_tensor.py", line 5, in backward\n'
STANDARD = '  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode\n    raise error\n'
FROZEN = '  File "<frozen importlib._bootstrap>", line 1204, in _gcd_import\n'


@pytest.mark.parametrize(
    ("frames", "line"),
    [
        (CLIENT + APP, "app.py:9"),
        (CLIENT + APP + ELSEWHERE + LIBRARY, "/app/src/train.py:30"),
        (CLIENT + APP + STANDARD + FROZEN, "app.py:9"),
        (CLIENT, ""),
        ("", ""),
        ('said: File "/root/app.py", line 9, in divide', ""),
        (CLIENT + "x" * 100_000 + "\n" + APP, "app.py:9"),
    ],
)
def test_the_innermost_line_of_the_user(frames: str, line: str) -> None:
    assert failing_line(f"Traceback (most recent call last):\n{frames}ZeroDivisionError: division") == line
