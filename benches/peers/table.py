"""Our networks against PyTorch and ONNX Runtime on the CPU: `table.py OUR_PROGRAM FOLDER [row...]` prints a table of medians.

Every side of a row is a process of its own that does nothing else, so that its peak memory is that of the row; they
take turns, and all but one are stopped. A peer is tried with one thread and with all of ours, and the summary counts the best. Peak memory is that
of the whole process, with the libraries that it loads, in brackets what it held before the work.
"""
import os
import platform
import statistics
import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sides import Absent, Side

REPETITIONS = int(os.environ.get("REPETITIONS", "7"))
THREADS = int(os.environ.get("THREADS", str(os.cpu_count())))
SECONDS = 0.3  # about what one repetition takes on each side
FINETUNING = ["finetune", "matrix"]  # take so long that they need no warming up
PEER = Path(__file__).with_name("peer.py")

PREDICTION = ["PyTorch", "torch.compile", "ONNX Runtime"]
TRAINING = ["PyTorch", "torch.compile"]
GRADIENTS = ["vmap(grad)", "vmap(grad), drawn", "hooks and bmm", "hooks and bmm, drawn", "TRAK"]
LOOKS = ["every epoch", "when needed"]
# Network, task, size (images, subtypes) and the ways of the peers. A new task is an arm of `prepare` on our side and a module of `peer.py`.
ROWS = [
    ("vgg-small", "infer", 64, PREDICTION),
    ("vgg-small", "infer", 1, PREDICTION),
    ("vgg-small", "train", 64, TRAINING),
    ("vgg-small", "train", 8, TRAINING),
    ("vgg-small", "train", 1, TRAINING),
    ("unet", "train", 2, TRAINING),
    ("unet", "infer", 1, PREDICTION),
    ("unet", "infer", 2, PREDICTION),
    ("dncnn", "infer", 1, PREDICTION),
    ("vgg-small", "per-sample", 256, GRADIENTS),
    ("vgg-small", "finetune", 1, LOOKS),
    ("vgg-small", "matrix", 8, LOOKS),
]


@dataclass
class Runner:
    """A side of a row with what was measured."""

    label: str
    side: Side
    ours: bool = False
    before: float = 0.0
    peak: float = 0.0
    warm: bool = True
    repeats: int = 1
    seconds: list = field(default_factory=list)

    def begin(self):
        """Waits until it is ready, warms up and finds how often to repeat."""
        before, *words = self.side.answer()
        self.before = float(before)
        if self.ours:
            self.label += ", " + " ".join(words)
        if self.warm:
            self.side.ask(1)
            self.repeats = max(1, round(SECONDS / self.side.ask(1)[0]))

    def measure(self):
        seconds, self.peak = self.side.ask(self.repeats)
        self.seconds.append(seconds)

    @property
    def median(self):
        return statistics.median(self.seconds)


def runners(program, folder, row):
    network, task, size, ways = row
    words = [network, task, size, folder]
    warm = task not in FINETUNING
    found = [Runner("modelmend", Side([program, *words]), ours=True, warm=warm)]
    if task in ("train", *FINETUNING):
        portable = {"MODELMEND_PORTABLE": "1"}
        found.append(Runner("modelmend", Side([program, *words], portable), ours=True, warm=warm))
    for way in ways:
        for threads in sorted({1, THREADS}):
            command = [sys.executable, PEER, *words, way, threads]
            side = Side(command, {"OMP_NUM_THREADS": str(threads)})
            found.append(Runner(f"{way} ({threads})", side, warm=warm))
    return found


def measured(name, sides):
    """Runs the sides in turns and prints a line for each; returns those that ran, ours first."""
    ready = []
    for runner in sides:
        try:
            runner.begin()
            # Without a matrix unit our two ways to compute are one.
            if any(runner.label == other.label for other in ready):
                runner.side.close()
                continue
            ready.append(runner)
        except Absent as reason:
            if runner.ours:
                raise
            print(f"| {name} | {runner.label} | does not run here: {reason} | | |")
    for _ in range(REPETITIONS):
        for runner in ready:
            runner.measure()
    for runner in ready:
        runner.side.close()
        ratio = runner.median / ready[0].median
        memory = f"{runner.peak:.0f} MiB ({runner.before:.0f})"
        print(f"| {name} | {runner.label} | {milliseconds(runner)} | {ratio:.2f}x | {memory} |", flush=True)
    return ready


def milliseconds(runner):
    return f"{runner.median * 1e3:.2f} ms"


def summary(name, ready):
    """Time and memory beside those of the best peers; of ours without the variable that leaves the matrix unit unused."""
    ours, peers = ready[0], [runner for runner in ready if not runner.ours]
    if not peers:
        return f"| {name} | {milliseconds(ours)} | none runs here | | {ours.peak:.0f} MiB | | |"
    fastest = min(peers, key=lambda runner: runner.median)
    leanest = min(peers, key=lambda runner: runner.peak)
    times = f"{milliseconds(ours)} | {fastest.label} {milliseconds(fastest)} | {fastest.median / ours.median:.2f}x"
    memory = f"{ours.peak:.0f} MiB | {leanest.label} {leanest.peak:.0f} MiB | {ours.peak / leanest.peak:.2f}"
    return f"| {name} | {times} | {memory} |"


def versions():
    for package in ["torch", "onnxruntime", "traker"]:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"no {package}"


def main():
    program, folder, *wanted = sys.argv[1:]
    print(f"{platform.machine()}, {THREADS} threads, Python {platform.python_version()}, {', '.join(versions())}")
    print(f"Medians of {REPETITIONS} alternating repetitions\n")
    print("| work | side (threads of peers) | time | ratio to ours | peak memory (before) |\n|---|---|---|---|---|")
    lines = []
    for row in ROWS:
        name = "-".join(map(str, row[:3]))
        if wanted and not any(word in name for word in wanted):
            continue
        if row[1] in FINETUNING and not Path(folder, "matrix.cases").exists():
            continue
        lines.append(summary(name, measured(name, runners(program, folder, row))))
    print("\n| work | ours | fastest peer | ratio | our memory | leanest peer | share |\n|---|---|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
