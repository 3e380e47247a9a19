"""An observer that keeps what it hears."""


class Heard:
    def __init__(self) -> None:
        self.words: list[str] = []
        self.at = self.total = 0

    def begin(self, words: str, total: int) -> None:
        self.at, self.total = 0, total

    def advance(self, amount: int) -> None:
        self.at += amount

    def done(self, path: str, size_bytes: int) -> None:
        self.words.append(path)

    def say(self, words: str) -> None:
        self.words.append(words)
