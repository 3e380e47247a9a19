"""Environments keep what has a name apart; one that does not exist is named, wherever it is asked for."""

import json

import pytest


@pytest.mark.once_as("root")
def test_an_environment_has_apps_and_objects_of_its_own(modal, homeport, python, write):
    write(
        "app.py",
        """
        import os
        import sys

        import modal

        app = modal.App("wire-environments")
        box = modal.Volume.from_name("wire-environments", create_if_missing=True)


        @app.function(volumes={"/box": box})
        def where():
            return os.environ["MODAL_ENVIRONMENT"], os.listdir("/box")
        """,
    )
    write(
        "ask.py",
        """
        import modal

        for name in ("wire-dev", None):
            try:
                where = modal.Function.from_name("wire-environments", "where", environment_name=name)
                print(*where.remote())
            except modal.exception.NotFoundError as error:
                print("not found:", error)
        """,
    )
    write(
        "nowhere.py",
        """
        import modal

        asked = {"environment_name": "nowhere"}
        for look in (
            lambda: modal.Function.from_name("wire-environments", "where", **asked).hydrate(),
            lambda: modal.Cls.from_name("wire-environments", "Model", **asked).hydrate(),
            lambda: modal.App.lookup("wire-environments", create_if_missing=True, **asked),
            lambda: modal.Volume.from_name("box", create_if_missing=True, **asked).hydrate(),
            lambda: modal.Volume.from_name("box", version=1, create_if_missing=True, **asked).hydrate(),
            lambda: modal.Secret.from_name("keys", **asked).hydrate(),
            lambda: modal.Secret.objects.create("keys", {"KEY": "value"}, **asked),
            lambda: modal.Dict.from_name("d", create_if_missing=True, **asked).hydrate(),
            lambda: modal.Queue.from_name("q", create_if_missing=True, **asked).hydrate(),
        ):
            try:
                print("found", look())
            except modal.exception.NotFoundError as error:
                print(error)
        """,
    )
    write("notes.txt", "notes")
    modal("environment", "create", "wire-dev")
    modal("deploy", "app.py", "-e", "wire-dev")
    modal("volume", "put", "wire-environments", "notes.txt", env={"MODAL_ENVIRONMENT": "wire-dev"})
    said = python("ask.py").lines
    assert said[0] == "wire-dev ['notes.txt']"
    assert "App 'wire-environments' is not deployed in environment 'main'" in said[1]

    said = python("nowhere.py").lines
    assert len(said) == 9
    named = "Environment 'nowhere' does not exist; `modal environment create nowhere` creates it."
    assert [line for line in said if named not in line] == []
    said = modal("run", "app.py", env={"MODAL_ENVIRONMENT": "nowhere"}, fails=True)
    assert named in " ".join(said.text.split())
    assert named in " ".join(modal("secret", "list", "-e", "nowhere", fails=True).text.split())
    said = homeport("volume", "link", "wire-linked", ".", "-e", "nowhere", fails=True)
    assert "Environment 'nowhere' does not exist" in said.text

    assert "still holds app" in modal("environment", "delete", "wire-dev", "--yes", fails=True).text
    said = modal("environment", "update", "wire-dev", "--set-name", "wire-test", fails=True)
    assert "cannot be renamed while its apps run" in said.text
    modal("app", "stop", "wire-environments", "-e", "wire-dev", "--yes")
    modal("environment", "update", "wire-dev", "--set-name", "wire-test")
    assert "notes.txt" in modal("volume", "ls", "wire-environments", "-e", "wire-test").out
    modal("volume", "delete", "wire-environments", "-e", "wire-test", "--yes")
    modal("environment", "delete", "wire-test", "--yes")
    names = {row["name"] for row in json.loads(modal("environment", "list", "--json").out)}
    assert not names & {"wire-dev", "wire-test"}
