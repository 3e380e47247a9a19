"""What a terminal shows when the client prints what was made of progress bars and lines between them."""

import re

import pytest

from homeport.plan.progress_bars import ProgressBars

STDOUT, STDERR = 1, 2


class Terminal:
    """Rows as client 1.6.4 fills them: it keeps what has no end, and Rich takes carriage returns out."""

    def __init__(self):
        self.bars, self.kept, self.rows, self.row = ProgressBars(), {}, [""], 0

    def hears(self, fd, text, task="ta-1"):
        for part in re.findall(r"[^\n]*\n|[^\n]+", text):
            for stream, piece in self.bars.pieces(task, fd, part):
                self._client(stream, piece)
        return self

    def ends(self):
        for stream, piece in self.bars.end():
            self._client(stream, piece)
        return self

    def _client(self, fd, data):
        chunks = re.split("(\r\n|\r|\n)", self.kept.get(fd, "") + data)
        done, rest = "".join(chunks[:-1]), chunks[-1]
        if done.endswith("\r"):
            done, rest = done[:-1] + "\n", "\x1b[1A\r" + rest
        self.kept[fd] = rest
        self._print(done.replace("\r", ""))

    def _print(self, text):
        column = 0
        for piece in re.split(r"(\x1b\[1?A|\n)", text):
            if piece == "\n":
                self.row, column = self.row + 1, 0
                self.rows += [""] * (self.row + 1 - len(self.rows))
            elif piece.startswith("\x1b"):
                self.row -= 1
            else:
                old = self.rows[self.row]
                self.rows[self.row] = (old[:column] + piece + old[column + len(piece) :]).rstrip()
                column += len(piece)

    @property
    def shown(self):
        return [row for row in self.rows if row]


@pytest.fixture
def terminal():
    return Terminal()


def test_a_bar_stays_in_its_row_and_shows_its_newest_state_at_once(terminal):
    terminal.hears(STDERR, "\r 0%").hears(STDERR, "\r10%\r20%\r30%")
    assert terminal.rows == ["30%", ""]
    terminal.hears(STDERR, "\r100%\n").hears(STDOUT, "done\n")
    assert terminal.rows == ["100%", "done", ""]


def test_a_bar_that_ends_with_its_carriage_return(terminal):
    terminal.hears(STDERR, "1 of 2\r").hears(STDERR, "2 of 2\r")
    assert terminal.rows == ["2 of 2", ""]
    terminal.hears(STDERR, "\n").hears(STDERR, "next\n")
    assert terminal.rows == ["2 of 2", "next", ""]


def test_a_bar_that_goes_on_in_its_line(terminal):
    terminal.hears(STDERR, "\r[#").hears(STDERR, "##").hears(STDERR, "#]")
    assert terminal.rows == ["[####]", ""]
    assert terminal.hears(STDERR, " ok\n").rows == ["[####] ok", ""]


def test_text_before_the_first_carriage_return_is_kept(terminal):
    terminal.hears(STDERR, "loading").hears(STDERR, "\rloaded!\n")
    assert terminal.rows == ["loaded!", ""]


def test_a_line_of_the_other_stream_is_not_written_over(terminal):
    terminal.hears(STDERR, "\r 5%").hears(STDOUT, "step 1\n").hears(STDERR, "\r 6%").hears(STDERR, "\r 7%")
    assert terminal.shown == ["5%", "step 1", "7%"] or terminal.shown == [" 5%", "step 1", " 7%"]


def test_tqdm_write_puts_its_line_where_the_bar_was(terminal):
    for step in (1, 2):
        terminal.hears(STDERR, f"\r{step}0%").hears(STDERR, "\r   \r").hears(STDOUT, f"step {step}\n")
        terminal.hears(STDERR, f"\r{step}0%")
    assert terminal.rows == ["step 1", "step 2", "20%", ""]


def test_bars_of_two_containers_share_a_row_and_lines_of_another_keep_clear_of_it(terminal):
    terminal.hears(STDERR, "\rone 1%", "ta-1").hears(STDERR, "\rtwo 1%", "ta-2")
    assert terminal.shown == ["two 1%"]
    terminal.hears(STDERR, "a warning\n", "ta-1")
    assert terminal.shown == ["two 1%", "a warning"]


def test_nested_bars(terminal):
    for outer in (1, 2):
        terminal.hears(STDERR, f"\router {outer}")
        for inner in (1, 2):
            terminal.hears(STDERR, "\n").hears(STDERR, f"\rinner {inner}").hears(STDERR, "\x1b[A")
    assert terminal.rows[:2] == ["outer 2", "inner 2"]


def test_the_last_bar_stays_when_the_stream_ends(terminal):
    terminal.hears(STDERR, "\r99%").ends()._client(STDOUT, "Stopping app\n")
    assert terminal.shown == ["99%", "Stopping app"]
    assert not list(terminal.bars.end())


@pytest.mark.parametrize("text", ["a line\n", "no end", "", "dos line\r\n"])
def test_what_is_no_bar_passes_as_it_is(text):
    assert list(ProgressBars().pieces("ta-1", STDOUT, text)) == [(STDOUT, text)]
