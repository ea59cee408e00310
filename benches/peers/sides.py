"""The sides of a benchmark: processes that answer a line of words with a line of words; and work in this process."""
import os
import signal
import subprocess
import time


class Absent(Exception):
    """A side that does not run here, with its reason."""


class Side:
    """A process of its own, so that its peak memory is that of its work. It is stopped while others work: threads of some libraries wait
    for more by spinning, and would take the processor from the next side."""

    def __init__(self, command, environment=()):
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(list(map(str, command)), env={**os.environ, **dict(environment)}, **streams)

    def answer(self):
        """The words of the next line; a side says `absent` and why instead."""
        line = self.process.stdout.readline().strip()
        if not line or line.startswith("absent"):
            raise Absent(line.removeprefix("absent ") or "it ended without an answer")
        return line.split(" ")

    def ask(self, *words):
        """The numbers that a line of words is answered with."""
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        numbers = [float(word) for word in self.answer()]
        self.process.send_signal(signal.SIGSTOP)
        return numbers

    def close(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


def timed(work, repeats=1):
    """Seconds for one repeat."""
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def peak():
    """The most memory that this process held, in MiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))
