"""Nothing gets out of a volume: neither by `..` nor by a symlink."""

import grpc
import pytest
from modal_proto import api_pb2

from tests.support.grpc_client import send


def test_dots_in_an_uploads_path_are_refused_and_nothing_is_written(engine, modal):
    modal("volume", "create", "wire-dots")
    request = api_pb2.VolumeGetOrCreateRequest(deployment_name="wire-dots", environment_name="main")
    volume = api_pb2.VolumeGetOrCreateResponse.FromString(
        send(engine, "VolumeGetOrCreate", request.SerializeToString())
    )
    for path in ("../out.txt", "a/../../out.txt", "/../../../out.txt", "a/./../../out"):
        upload = api_pb2.VolumePutFiles2Request(volume_id=volume.volume_id)
        upload.files.append(api_pb2.VolumePutFiles2Request.File(path=path, size=0))
        with pytest.raises(grpc.RpcError) as refusal:
            send(engine, "VolumePutFiles2", upload.SerializeToString())
        assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert not list(engine.home.rglob("out.txt"))
    for path in ("../../token.json", "/../../state.db"):
        assert "token_secret" not in modal("volume", "get", "wire-dots", path, "-", fails=True).out
    modal("volume", "delete", "--yes", "wire-dots")


def test_a_symlink_out_of_a_volume_leads_nowhere(engine, modal, python, write, folder):
    token = engine.home / "token.json"
    write(
        "app.py",
        f"""
        import os

        import modal

        app = modal.App("wire-symlink")
        volume = modal.Volume.from_name("wire-symlink", create_if_missing=True)


        @app.function(volumes={{"/data": volume}})
        def link():
            os.symlink({str(token)!r}, "/data/absolute")
            for up in range(1, 8):
                os.symlink("../" * up + "token.json", f"/data/relative{{up}}")
            os.symlink({str(engine.home)!r}, "/data/folder")
            os.makedirs("/data/in")
            open("/data/in/real.txt", "w").write("inside")
            os.symlink("in/real.txt", "/data/good")
            volume.commit()


        @app.function(volumes={{"/data": volume}})
        def look():
            print("absolute", os.path.exists("/data/absolute"), "good", open("/data/good").read())
        """,
    )
    modal("run", "app.py::link")
    assert "absolute False good inside" in modal("run", "app.py::look").lines
    secret = engine.client_environment()["MODAL_TOKEN_SECRET"]
    names = ["absolute", "folder/token.json", *[f"relative{up}" for up in range(1, 8)]]
    write(
        "read.py",
        f"""
        import modal

        volume = modal.Volume.from_name("wire-symlink")
        for name in {names!r}:
            try:
                print(name, b"".join(volume.read_file(name)))
            except Exception as error:
                print(name, type(error).__name__)
        """,
    )
    assert "good" in modal("volume", "ls", "wire-symlink").out
    assert secret not in python("read.py").text
    engine.account.make_folder(folder / "all")
    modal("volume", "get", "wire-symlink", "/", "all")
    for path in (folder / "all").rglob("*"):
        assert not path.is_file() or secret not in path.read_text(errors="replace"), path
    modal("volume", "delete", "--yes", "wire-symlink")
