"""What containers print arrives whole: floods, long lines, bytes that are no text, several at once."""

import pytest

pytestmark = pytest.mark.once_as("user")


def test_a_flood_of_lines_arrives_whole_and_in_order(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("wire-flood")


        @app.function()
        def flood():
            for number in range(30_000):
                print("line", number)
            print("LONG", "x" * 300_000)
        """,
    )
    said = modal("run", "app.py")
    numbers = [int(line.split()[1]) for line in said.lines if line.startswith("line ")]
    assert numbers == list(range(30_000))
    assert f"LONG {'x' * 300_000}" in said.out


def test_bytes_that_are_no_text_and_characters_cut_in_two_do_no_harm(modal, write):
    write(
        "app.py",
        r"""
        import os
        import time

        import modal

        app = modal.App("wire-bytes")


        @app.function()
        def speak():
            os.write(1, b"broken \xff\xfe here\n")
            cat = "\N{CAT}\n".encode()
            os.write(1, b"cat " + cat[:2])
            time.sleep(0.3)
            os.write(1, cat[2:])
            os.write(1, b"no newline at the end")
        """,
    )
    said = modal("run", "app.py")
    assert any(line.startswith("broken ") and line.endswith(" here") for line in said.lines)
    assert "cat \N{CAT}" in said.lines
    assert "no newline at the end" in said.out


def test_two_runs_at_once_have_their_own_containers_and_logs(modal, write):
    for name in ("one", "two"):
        write(
            f"{name}.py",
            f"""
            import time

            import modal

            app = modal.App("wire-{name}")


            @app.function()
            def talk():
                for number in range(10):
                    print("{name}", number, flush=True)
                    time.sleep(0.05)
            """,
        )
    both = [modal.start("run", f"{name}.py") for name in ("one", "two")]
    assert [running.wait(60) for running in both] == [0, 0]
    one, two = (running.text for running in both)
    assert one.count("one ") == 10
    assert "two " not in one
    assert two.count("two ") == 10
    assert "one " not in two
