"""Fine-tuning failure subtypes on the CPU: PyTorch against crates/failure/examples/finetune_peer.rs, alternately in one run.

One network per subtype, vgg-small, batch 8 (4 failures, 4 correct cases drawn anew in each epoch), Adam with weight decay, 60 epochs,
judged on the validation failures after every epoch. The correct validation cases decide only at an epoch that is better on
the failures than any before: `every epoch` looks at them after each epoch, as the published code does, `when needed`
as modelmend does (then and after every fifth epoch). The choice of the epoch is the same.
"""
import os
import platform
import statistics
import sys

import torch

from sides import Ours, timed
from vgg_small import vgg_small

REPETITIONS = int(os.environ.get("REPETITIONS", "7"))
THREADS = int(os.environ.get("THREADS", str(os.cpu_count())))
EPOCHS = int(os.environ.get("EPOCHS", "60"))
FAILURES, CORRECT, SUBTYPES = (48, 12), (3136, 784), 8
LOOK_EVERY = 5


class Peer:
    def __init__(self):
        count = SUBTYPES * sum(FAILURES) + sum(CORRECT)
        self.x = torch.randint(0, 256, (count, 3, 28, 28), dtype=torch.uint8)
        self.y = torch.arange(count) % 2
        self.start = vgg_small().state_dict()

    def logits(self, model, cases):
        return model(self.x[cases].float() / 255).mean((2, 3))

    def accuracy(self, model, cases):
        with torch.inference_mode():
            right = [(self.logits(model, part).argmax(1) == self.y[part]).sum() for part in cases.split(512)]
        return sum(right).item() / len(cases)

    def finetune(self, subtype, lazy):
        model = vgg_small()
        model.load_state_dict(self.start)
        adam = torch.optim.Adam(model.parameters(), lr=2e-5, weight_decay=1e-3, fused=True)
        first = sum(CORRECT) + subtype * sum(FAILURES)
        train = torch.arange(first, first + FAILURES[0])
        validation = torch.arange(first + FAILURES[0], first + sum(FAILURES))
        train_correct, validation_correct = torch.arange(CORRECT[0]), torch.arange(CORRECT[0], sum(CORRECT))
        best, kept = -1.0, None
        for epoch in range(1, EPOCHS + 1):
            failures = train[torch.randperm(len(train))]
            correct = train_correct[torch.randperm(len(train_correct))[: len(train)]]
            for f, c in zip(failures.split(4), correct.split(4)):
                cases = torch.cat([f, c])
                adam.zero_grad()
                torch.nn.functional.cross_entropy(self.logits(model, cases), self.y[cases]).backward()
                adam.step()
            accuracy = self.accuracy(model, validation)
            if not lazy or accuracy > best or epoch % LOOK_EVERY == 0:
                self.accuracy(model, train), self.accuracy(model, correct)
                constraint = self.accuracy(model, validation_correct) >= 0.0
                if constraint and accuracy > best:
                    best, kept = accuracy, {k: v.clone() for k, v in model.state_dict().items()}
        return kept


def main():
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    peer, ours = Peer(), Ours(sys.argv[1])

    print(f"PyTorch {torch.__version__}, {platform.machine()}, {THREADS} threads, {REPETITIONS} repetitions\n")
    print("| work | ours | PyTorch, every epoch | PyTorch, when needed | ratios |\n|---|---|---|---|---|")
    for subtypes in (1, 4):
        times = {}
        for _ in range(REPETITIONS):
            times.setdefault("ours", []).append(ours.seconds(subtypes, EPOCHS))
            for lazy in (False, True):
                for threads in sorted({1, THREADS}):
                    torch.set_num_threads(threads)
                    work = lambda: [peer.finetune(s, lazy) for s in range(subtypes)]
                    times.setdefault((lazy, threads), []).append(timed(work))
        medians = {key: statistics.median(t) for key, t in times.items()}
        best = [min(medians[lazy, n] for n in {1, THREADS}) for lazy in (False, True)]
        own = medians["ours"]
        print(
            f"| {subtypes} subtype(s), {EPOCHS} epochs | {own:.2f} s | {best[0]:.2f} s | {best[1]:.2f} s "
            f"| {best[0] / own:.2f}x, {best[1] / own:.2f}x |",
            flush=True,
        )


if __name__ == "__main__":
    main()
