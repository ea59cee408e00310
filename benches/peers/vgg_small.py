"""vgg-small on the CPU: PyTorch against crates/net/examples/peer.rs, alternately in one run; prints a table of medians."""
import os
import platform
import statistics
import sys

import torch
from torch.func import functional_call, grad, vmap

from sides import Ours, timed

REPETITIONS = int(os.environ.get("REPETITIONS", "7"))
SECONDS = 0.3  # about what one repetition takes on each side
THREADS = int(os.environ.get("THREADS", str(os.cpu_count())))


def vgg_small():
    layers, channels = [], 3
    for width in [16, "M", 32, "M", 128, 128, "M", 256, 256]:
        if width == "M":
            layers.append(torch.nn.MaxPool2d(2))
        else:
            layers += [torch.nn.Conv2d(channels, width, 3, padding=1), torch.nn.ReLU()]
            channels = width
    return torch.nn.Sequential(*layers, torch.nn.Conv2d(channels, 2, 1))


class Peer:
    """PyTorch's side: the same tasks."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = vgg_small()
        self.adam = {k: torch.optim.Adam(self.model.parameters(), lr=1e-4, fused=k) for k in (False, True)}

    def logits(self, x):
        return self.model(x / 255).mean((2, 3))

    def infer(self, x, _):
        with torch.inference_mode():
            return self.logits(x)

    def train(self, x, y, fused=True):
        self.adam[fused].zero_grad()
        torch.nn.functional.cross_entropy(self.logits(x), y).backward()
        self.adam[fused].step()

    def per_sample_vmap(self, x, y, chunk=16):
        parameters = {k: p.detach() for k, p in self.model.named_parameters()}

        def loss(parameters, x, y):
            out = functional_call(self.model, parameters, (x[None] / 255,)).mean((2, 3))
            return torch.nn.functional.cross_entropy(out, y[None])

        norms = 0
        for i in range(0, len(x), chunk):
            each = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, x[i : i + chunk], y[i : i + chunk])
            norms += sum(g.square().sum() for g in each.values())
        return norms

    def per_sample_loop(self, x, y):
        norms = 0
        for i in range(len(x)):
            self.model.zero_grad()
            torch.nn.functional.cross_entropy(self.logits(x[i : i + 1]), y[i : i + 1]).backward()
            norms += sum(p.grad.square().sum() for p in self.model.parameters())
        return norms


def compare(name, ours, task, batch, peers):
    """Seconds of ours and of each peer: alternating repetitions, medians."""
    repeats = max(1, round(SECONDS / ours.seconds(task, batch, 2)))
    works = {label: (work, max(1, round(SECONDS / timed(work, 2)))) for label, work in peers.items()}
    times = {"ours": []} | {label: [] for label in works}
    for _ in range(REPETITIONS):
        times["ours"].append(ours.seconds(task, batch, repeats))
        for label, (work, n) in works.items():
            times[label].append(timed(work, n))
    medians = {label: statistics.median(t) for label, t in times.items()}
    best = min(v for label, v in medians.items() if label != "ours")
    shown = ", ".join(f"{label} {v * 1e3:.2f} ms" for label, v in medians.items() if label != "ours")
    print(f"| {name} | {medians['ours'] * 1e3:.2f} ms | {shown} | {best / medians['ours']:.2f}x |", flush=True)


def on_threads(work, threads):
    def run():
        torch.set_num_threads(threads)
        work()

    return run


def main():
    torch.set_flush_denormal(True)
    peer, ours = Peer(), Ours(sys.argv[1])
    print(f"PyTorch {torch.__version__}, {platform.machine()}, {THREADS} threads, {REPETITIONS} repetitions\n")
    print("| work | ours | PyTorch | ratio to the best |\n|---|---|---|---|")
    wanted = sys.argv[2:]
    cases = [("infer", 64), ("infer", 1), ("train", 64), ("train", 8), ("train", 4), ("train", 1), ("per_sample", 256)]
    for task, batch in cases:
        if wanted and f"{task}{batch}" not in wanted:
            continue
        x = torch.randint(0, 256, (batch, 3, 28, 28)).float()
        y = torch.arange(batch) % 2
        counts = sorted({1, THREADS})
        if task == "per_sample":
            works = {"vmap": lambda: peer.per_sample_vmap(x, y), "loop": lambda: peer.per_sample_loop(x, y)}
        elif task == "train":
            works = {"fused Adam": lambda: peer.train(x, y), "Adam": lambda: peer.train(x, y, fused=False)}
        else:
            works = {"eager": lambda: peer.infer(x, y)}
        peers = {f"{label} ({n})": on_threads(work, n) for label, work in works.items() for n in counts}
        compare(f"{task}, batch {batch}", ours, task, batch, peers)


if __name__ == "__main__":
    main()
