import modal

OUT = "/out"
out = modal.Volume.from_name("image-helper-out", create_if_missing=True)
VOLUMES = {OUT: out}
