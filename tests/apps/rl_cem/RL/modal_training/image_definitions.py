import modal

IMAGES = {
    "default": modal.Image.debian_slim(python_version="3.12").pip_install("numpy<3", "gymnasium==1.0.0"),
}
