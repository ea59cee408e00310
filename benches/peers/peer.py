"""A peer's side: `peer.py NETWORK TASK BATCH FOLDER WAY THREADS` answers as crates/failure/examples/peer does.

FOLDER is what our side exported: networks, weights, outputs. `absent REASON` is the answer of a way that does not run here.
"""
import importlib
import os
import sys

from sides import peak, timed

# The module whose `work` makes a task of a peer; ONNX Runtime does without PyTorch.
MODULES = {"infer": "steps", "train": "steps", "per-sample": "per_sample", "finetune": "matrix", "matrix": "matrix"}


def main():
    network, task, batch, folder, way, threads = sys.argv[1:]
    # What libraries print is no answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        module = importlib.import_module("with_onnxruntime" if way == "ONNX Runtime" else MODULES[task])
        print(peak(), way, file=answers)
        work = module.work(network, task, int(batch), folder, way, int(threads))
        for line in sys.stdin:
            print(timed(work, int(line)), peak(), file=answers)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[:2]
        print("absent", *reason, file=answers)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
