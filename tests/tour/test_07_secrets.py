"""Secrets: by command, from dictionaries, files and the shell; later ones win, `MODAL_*` cannot be taken."""

import pytest


@pytest.mark.once_as("user")
def test_secrets_of_all_kinds_reach_the_container_and_later_ones_win(modal, write):
    write(".env", "FROM_FILE=dotenv\nSHARED=dotenv\n")
    write(
        "app.py",
        """
        import os

        import modal

        app = modal.App("tour-secrets")
        secrets = [
            modal.Secret.from_name("tour-keys", required_keys=["API_KEY"]),
            modal.Secret.from_dotenv(__file__),
            modal.Secret.from_dict({"SHARED": "dict", "NOTHING": None, "MODAL_TASK_ID": "mine"}),
            modal.Secret.from_local_environ(["WANTED"]),
        ]


        @app.function(secrets=secrets, env={"LAST": "env", "API_KEY_2": "env"})
        def look():
            names = ["API_KEY", "API_KEY_2", "FROM_FILE", "SHARED", "NOTHING", "WANTED", "UNWANTED", "LAST"]
            print("VALUES", *[os.environ.get(name, "-") for name in names])
            print("TASK", os.environ["MODAL_TASK_ID"])
        """,
    )
    modal("secret", "create", "tour-keys", "API_KEY=first", "API_KEY_2=second", "SHARED=named")
    assert "tour-keys" in modal("secret", "list", "--json").out
    modal("secret", "create", "tour-keys", "API_KEY=third", fails=True)
    modal("secret", "create", "--force", "tour-keys", "API_KEY=third", "API_KEY_2=second", "SHARED=named")
    said = modal("run", "app.py", env={"WANTED": "shell", "UNWANTED": "shell"})
    assert "VALUES third env dotenv dict - shell - env" in said.lines
    assert "TASK mine" not in said.lines
    assert "third" not in modal("secret", "list").text
    modal("secret", "delete", "--yes", "tour-keys")
    assert "tour-keys" not in modal("secret", "list", "--json").out


@pytest.mark.once_as("root")
def test_a_secret_that_does_not_exist_or_lacks_a_key_is_named(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-no-secret")


        @app.function(secrets=[modal.Secret.from_name("keys-of-nobody", required_keys=["API_KEY"])])
        def train():
            print("never")
        """,
    )
    said = modal("run", "app.py", fails=True)
    assert "keys-of-nobody" in said.err
    assert "modal secret create keys-of-nobody" in said.err
    modal("secret", "create", "keys-of-nobody", "OTHER=1")
    said = modal("run", "app.py", fails=True)
    assert "API_KEY" in said.err
    modal("secret", "delete", "--yes", "keys-of-nobody")
