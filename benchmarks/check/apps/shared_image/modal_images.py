import modal

train_image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install("numpy", "pyyaml")
    .env({"PYTHONUNBUFFERED": "1"})
    .add_local_python_source("modal_images", "segment")
    .add_local_dir("configs", "/root/configs")
)
HOURS = 3600
models = modal.Volume.from_name("shared-image-models", create_if_missing=True)
