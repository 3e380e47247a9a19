"""An exported folder on a model hub: an optional extra, by huggingface_hub (dependency group cats-hub)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiny_cats.errors import ExportError

TOKEN = "HF_TOKEN"


def publisher(repo: str) -> Callable[[Path], str]:
    """A function that uploads a folder to `repo` and gives its address.

    Raises ExportError where the library or the token is not there; the function, where the hub refuses.
    """
    try:
        import huggingface_hub
    except ImportError:
        raise ExportError("--push needs huggingface_hub: pip install huggingface_hub") from None
    token = os.environ.get(TOKEN)
    if not token:
        raise ExportError(f"--push needs a token that may write to {repo}, in the environment as {TOKEN}")
    hub: Any = huggingface_hub

    def push(folder: Path) -> str:
        try:
            api = hub.HfApi(token=token)
            api.create_repo(repo, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repo, folder_path=folder, commit_message="Upload an exported model"
            )
        except Exception as error:  # its HTTP library, and its checks, have errors of their own
            words = (str(error).splitlines() or [type(error).__name__])[0].replace(token, "***")
            raise ExportError(
                f"{folder} is exported, but the hub did not take it as {repo}: {words}"
            ) from None
        return str(commit.commit_url)

    return push
