"""The progress line: only on a terminal, only after a while, and gone at the end."""

import io
import sys
import time

from mfh.cli.progress import ProgressLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def wait_for(stream: io.StringIO, text: str) -> None:
    deadline = time.monotonic() + 60
    while text not in stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert text in stream.getvalue()


def test_silent_when_no_terminal_reads_it():
    stream = io.StringIO()
    line = ProgressLine(stream=stream, patience_s=0.0)
    line.start()
    line.update("working", 0.5)
    time.sleep(0.05)
    line.finish()
    assert stream.getvalue() == ""


def test_silent_in_the_first_second():
    stream = Terminal()
    line = ProgressLine(stream=stream, patience_s=60.0)
    line.start()
    line.update("working", 0.5)
    line.finish()
    assert stream.getvalue() == ""


def test_drawn_later_and_wiped():
    stream = Terminal()
    line = ProgressLine(prefix="photo.jpg: ", stream=stream, patience_s=0.0)
    line.update("finding people", 0.5)
    line.start()
    wait_for(stream, "[############............] photo.jpg: finding people ")
    line.finish()
    assert stream.getvalue().endswith(" \r")


def test_fraction_beyond_the_ends_stays_a_bar():
    line = ProgressLine(stream=io.StringIO())
    for fraction in (-1.0, 2.0):
        line.update("x", fraction)
        assert line.text().index("]") == 25


class FewLetters(Terminal):
    """A terminal that knows ASCII alone."""

    encoding = "ascii"

    def write(self, text: str) -> int:
        return super().write(text.encode("ascii").decode())


def test_letters_a_terminal_does_not_have_become_question_marks():
    stream = FewLetters()
    line = ProgressLine(prefix="写真.jpg: ", stream=stream, patience_s=0.0)
    line.update("±5 %")
    line.start()
    wait_for(stream, "??.jpg: ?5 % 0 s")
    line.finish()
    assert "??.jpg: ?5 %" in stream.getvalue() and stream.getvalue().isascii()


class Gone(Terminal):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_gone_is_no_error():
    line = ProgressLine(stream=Gone(), patience_s=0.0)
    line.start()
    line._thread.join(timeout=60)
    assert not line._thread.is_alive(), "it has given up"
    line.finish()


def test_without_a_stream_or_a_thread_there_is_no_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    for stream in (None, Terminal()):
        line = ProgressLine(stream=stream, patience_s=0.0)

        def refuse():
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(line._thread, "start", refuse)
        line.start()
        line.update("working", 0.5)
        line.finish()
        assert not line._thread.is_alive() and (stream is None or stream.getvalue() == "")
