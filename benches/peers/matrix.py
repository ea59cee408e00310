"""The fine-tuning matrix in PyTorch, the loop of modelmend_failure::finetune.

One network per subtype: each epoch shuffles its training failures and draws as many correct cases, batches half of each,
Adam with weight decay. After every epoch the validation failures are judged. Training failures, drawn and correct
validation cases are looked at `every epoch`, as the published code does, or `when needed`: every fifth epoch and at the last, and correct
validation cases where the validation failures are better than before (modelmend asks only as many of these as decide). The best network that keeps the
constraint is judged on all cases, the last one, where it is another, on its own subtype and the correct cases, as far as they were held out. Patience is as long as the training and cannot end it.
"""
import os

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from exported import numbers
from networks import network

# Batch and epochs of a task.
TASKS = {"matrix": (4, 40), "finetune": (8, 60)}
KEEP_CORRECT, LOOK_EVERY = 0.9, 5
TRAIN, VALIDATION = 0, 1


def work(name, task, subtypes, folder, way, threads):
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    batch, epochs = TASKS[task]
    cases = Cases(name, folder)
    settings = batch // 2, int(os.environ.get("EPOCHS", epochs)), way == "every epoch"
    return lambda: [cases.finetune(subtype, *settings) for subtype in range(subtypes)]


class Cases:
    def __init__(self, name, folder):
        self.begin = lambda: network(name, folder, "matrix.weights")
        known = torch.from_numpy(numbers(folder, "matrix.cases", np.int32)).view(-1, 3).long()
        self.y, self.part, self.subtype = known.unbind(1)
        images = torch.from_numpy(numbers(folder, "matrix.images", np.uint8))
        self.x = images.view(-1, 28, 28, 3).permute(0, 3, 1, 2).contiguous()
        failed = ~self.right(self.begin(), torch.arange(len(self.y)))
        if not torch.equal(failed, self.subtype >= 0):
            raise ValueError("the network fails on other cases than ours")

    def logits(self, model, cases):
        return model(self.x[cases].float())

    def right(self, model, cases):
        with torch.inference_mode():
            return torch.cat([self.logits(model, part).argmax(1) == self.y[part] for part in cases.split(512)])

    def accuracy(self, model, cases):
        return self.right(model, cases).float().mean().item()

    def of(self, part, subtype):
        return torch.nonzero((self.part == part) & (self.subtype == subtype)).flatten()

    def finetune(self, subtype, half, epochs, always):
        model = self.begin()
        adam = torch.optim.Adam(model.parameters(), lr=2e-5, weight_decay=1e-3, fused=True)
        train, validation = self.of(TRAIN, subtype), self.of(VALIDATION, subtype)
        train_correct, validation_correct = self.of(TRAIN, -1), self.of(VALIDATION, -1)
        best, chosen, at = 0, weights(model), 0
        if always:
            self.accuracy(model, train), self.accuracy(model, validation), self.accuracy(model, validation_correct)
        for epoch in range(1, epochs + 1):
            failures = train[torch.randperm(len(train))]
            correct = train_correct[torch.randperm(len(train_correct))[: len(train)]]
            for pair in zip(failures.split(half), correct.split(half)):
                cases = torch.cat(pair)
                adam.zero_grad()
                cross_entropy(self.logits(model, cases), self.y[cases]).backward()
                adam.step()
            accuracy = self.accuracy(model, validation)
            due = always or epoch % LOOK_EVERY == 0 or epoch == epochs
            if due:
                self.accuracy(model, train), self.accuracy(model, correct)
            if due or accuracy > best:
                kept = self.accuracy(model, validation_correct) >= KEEP_CORRECT
                if kept and accuracy > best:
                    best, chosen, at = accuracy, weights(model), epoch
        asked = (self.part != TRAIN) & ((self.subtype == subtype) | (self.subtype < 0))
        last = None if at == epochs else self.right(model, torch.nonzero(asked).flatten())
        model.load_state_dict(chosen)
        return self.right(model, torch.arange(len(self.y))), last


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}
