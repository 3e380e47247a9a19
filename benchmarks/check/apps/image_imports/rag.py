"""Heavy imports stand at the top, for the container only.

modal run rag.py::index_documents
modal run rag.py::Retriever.ask --question cats
"""

import pathlib

import modal

here = pathlib.Path(__file__).parent
app = modal.App("image-imports")

image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install("numpy", "regex")
    .add_local_dir(here / "documents", remote_path="/root/documents")
    .add_local_python_source("tokens")
)

with image.imports():
    import numpy as np
    import regex

    from tokens import split_tokens

store = modal.Volume.from_name("image-imports-store", create_if_missing=True)


def vector(text, words):
    found = split_tokens(text)
    return np.array([found.count(word) for word in words], dtype=float)


@app.function(image=image, volumes={"/store": store}, timeout=900)
def index_documents() -> int:
    texts = [
        regex.sub(r"\s+", " ", path.read_text())
        for path in sorted(pathlib.Path("/root/documents").glob("*.md"))
    ]
    words = sorted({word for text in texts for word in split_tokens(text)})
    np.savez(
        "/store/index.npz", words=words, texts=texts, rows=np.stack([vector(text, words) for text in texts])
    )
    store.commit()
    return len(texts)


@app.cls(image=image, volumes={"/store": store}, timeout=900, min_containers=0)
class Retriever:
    @modal.enter()
    def load(self):
        store.reload()
        with np.load("/store/index.npz") as saved:
            self.words, self.texts, self.rows = list(saved["words"]), list(saved["texts"]), saved["rows"]

    @modal.method()
    def ask(self, question: str = "cats") -> str:
        answer = str(self.texts[int(np.argmax(self.rows @ vector(question, self.words)))])
        print(answer)
        return answer


@app.local_entrypoint()
def main():
    print(index_documents.remote(), "documents")
    Retriever().ask.remote("mats")
