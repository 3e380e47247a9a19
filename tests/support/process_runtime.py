"""A runtime for tests of the protocol alone: a container is a plain process of this machine, with no walls.

Never selectable in the product. It runs the container's entrypoint on the Python that runs the tests, with
the mounts' /root put on its path, so a call goes all the way in the time that an import takes.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from modal_proto import api_pb2

from homeport.model.home import Home
from homeport.model.ids import IMAGE, new_id
from homeport.runtime.engine import (
    ContainerEvents,
    ContainerExit,
    ContainerSpec,
    ImageView,
    VolumeAttachment,
)


class ProcessRuntime:
    copies_volumes = False

    def __init__(self, home: Home) -> None:
        self._home = home
        self._events = ContainerEvents()
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self.reasons: dict[str, str] = {}
        self.warmed: list[str] = []

    async def open(self, events: ContainerEvents) -> None:
        self._events = events

    async def warm(self, image: ImageView, overlays: tuple[Path, ...], env: dict[str, str]) -> None:
        self.warmed.append(image.image_id)

    async def start(self, spec: ContainerSpec) -> None:
        folder = self._home.tasks / spec.task_id
        run = folder / "run"
        run.mkdir(parents=True, exist_ok=True)
        (run / "arguments.pb").write_bytes(spec.container_arguments)
        roots = [str(overlay / "root") for overlay in spec.overlays]
        env = {
            **spec.env,
            "MODAL_TASK_ID": spec.task_id,
            "MODAL_SERVER_URL": f"unix://{self._home.tasks}/{spec.task_id}/run/api.sock",
            "MODAL_CONTAINER_ARGUMENTS_PATH": str(run / "arguments.pb"),
            "PYTHONPATH": ":".join(roots),
            "HOME": str(folder),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "modal._container_entrypoint"),
            env=env,
            cwd=next((r for r in roots if Path(r).is_dir()), str(folder)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._processes[spec.task_id] = process
        job = asyncio.create_task(self._follow(spec.task_id, process))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    def api_socket(self, task_id: str) -> str:
        folder = self._home.tasks / task_id / "run"
        folder.mkdir(parents=True, exist_ok=True)
        return f"unix:{folder}/api.sock"

    def share_socket(self, task_id: str) -> None:
        """The container is the same user."""

    def running(self) -> set[str]:
        return set(self._processes)

    async def kill(
        self, task_id: str, *, grace_s: float = 0.0, reason: str = "", interrupt: bool = False
    ) -> None:
        process = self._processes.get(task_id)
        if process is None or process.returncode is not None:
            return
        self.reasons[task_id] = reason
        gentle = signal.SIGINT if interrupt else signal.SIGTERM
        _signal(process, gentle if grace_s else signal.SIGKILL)
        if grace_s:
            try:
                await asyncio.wait_for(process.wait(), grace_s)
            except TimeoutError:
                _signal(process, signal.SIGKILL)

    async def remount(self, task_id: str, attachment: VolumeAttachment) -> None:
        raise NotImplementedError

    async def forget(self, task_id: str) -> None:
        shutil.rmtree(self._home.tasks / task_id, ignore_errors=True)

    async def close(self, *, kill_containers: bool) -> None:
        for task_id in list(self._processes):
            await self.kill(task_id)
        await asyncio.gather(*self._jobs)

    async def _follow(self, task_id: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None and process.stderr is not None
        await asyncio.gather(self._log(task_id, process.stdout, 1), self._log(task_id, process.stderr, 2))
        code = await process.wait()
        del self._processes[task_id]
        self._events.on_exit(
            ContainerExit(
                task_id,
                code if code >= 0 else 128 - code,
                signal=-code if code < 0 else None,
                reason=self.reasons.get(task_id, ""),
                ended_at=time.time(),
            )
        )

    async def _log(self, task_id: str, stream: asyncio.StreamReader, descriptor: int) -> None:
        path = self._home.logs / f"{task_id}.log"
        while data := await stream.read(65536):
            with path.open("ab") as file:
                file.write(f"{time.time():.6f} {descriptor} {len(data)}\n".encode() + data)
            self._events.on_log(task_id)


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


class FakeImages:
    """Every image is this machine's Python; the servicer says at once that it is built."""

    functions = None

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    def env_origins(self, image_id: str) -> dict[str, str]:
        return {}

    async def clear_packages(self, *, dry_run: bool) -> int:
        return 0

    async def prune(self, before: float, *, dry_run: bool) -> None:
        return None

    def named(self, before: float) -> frozenset[str]:
        return frozenset()

    def app_stopped(self, app_id: str) -> None:
        return None

    async def sweep(self, before: float, named: frozenset[str]) -> int | None:
        return 0

    def record(self, image_id: str) -> dict[str, object]:
        return {"image_id": image_id}

    def view(self, image_id: str) -> ImageView:
        return ImageView(
            image_id=image_id,
            layers=(),
            env={"PATH": os.environ["PATH"]},
            workdir=None,
            python=sys.executable,
            host_usr=True,
        )

    async def client_bundle(self, image_id: str, client_version: str) -> tuple[Path, ...]:
        return ()

    async def ImageGetOrCreate(
        self, request: api_pb2.ImageGetOrCreateRequest, caller: object
    ) -> api_pb2.ImageGetOrCreateResponse:
        return api_pb2.ImageGetOrCreateResponse(
            image_id=new_id(IMAGE),
            result=api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS),
            metadata=api_pb2.ImageMetadata(image_builder_version="2025.06"),
        )

    async def ImageJoinStreaming(self, request: api_pb2.ImageJoinStreamingRequest, caller: object):  # type: ignore[no-untyped-def]
        yield api_pb2.ImageJoinStreamingResponse(
            result=api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS), eof=True
        )


def main() -> None:
    """An engine with this runtime: `python -m tests.support.process_runtime HOME PORT`."""
    from homeport import main as product
    from homeport.build import Parts

    images = FakeImages()
    parts = Parts(runtime=ProcessRuntime, images=lambda *given: (images, [images]))
    product.run(Home(Path(sys.argv[1])), int(sys.argv[2]), parts)


if __name__ == "__main__":
    main()
