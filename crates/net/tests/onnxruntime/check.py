"""Compares this runtime with others, both ways. Needs `onnx==1.16.2` (its node tests are of opset 21 at most),
`onnxruntime` and `numpy`; run from the workspace root:

    python crates/net/tests/onnxruntime/check.py

1. Files written by us load in ONNX Runtime and give our outputs.
2. The official node tests of the `onnx` package give their outputs here.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort

TOLERANCE = 1e-5
# What ONNX Runtime says where a valid model is beyond its own kernels.
BEYOND_ONNX_RUNTIME = ("NOT_IMPLEMENTED", "Unsupported pooling size")


def example(name, *arguments):
    command = ["cargo", "run", "--release", "-q", "-p", "modelmend-net", "--example", name, "--", *map(str, arguments)]
    return subprocess.run(command, check=False).returncode


def compare(path):
    """None, or what differs."""
    onnx.checker.check_model(str(path))
    options = ort.SessionOptions()
    options.log_severity_level = 3
    # The optimiser changes results (it removes active dropout, for one); the kernels are what we compare with.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    arrays = np.load(path.with_suffix(".npz"))
    inputs = {i.name: arrays["in:" + i.name] for i in session.get_inputs()}
    for output, theirs in zip(session.get_outputs(), session.run(None, inputs)):
        ours, theirs = arrays["out:" + output.name], np.asarray(theirs, dtype=np.float64)
        if ours.shape != theirs.shape:
            return f"{output.name}: shape {ours.shape}, ONNX Runtime {theirs.shape}"
        worst = np.abs(ours - theirs).max(initial=0.0)
        if not worst <= TOLERANCE * max(1.0, np.abs(theirs).max(initial=0.0)):
            return f"{output.name}: differs by {worst:.2e}"
    return None


def written_by_us():
    failed = beyond = 0
    with tempfile.TemporaryDirectory() as folder:
        if example("export_samples", folder):
            sys.exit("export_samples failed")
        files = sorted(pathlib.Path(folder).glob("*.onnx"))
        for path in files:
            try:
                problem = compare(path)
            except Exception as error:  # Every reason for which a file is not accepted is a failure of ours.
                problem = str(error).splitlines()[0]
            if problem and any(limit in problem for limit in BEYOND_ONNX_RUNTIME):
                beyond += 1
                print(f"beyond ONNX Runtime: {path.stem}: {problem}")
            elif problem:
                failed += 1
                print(f"FAILED {path.stem}: {problem}")
    print(f"{len(files) - failed - beyond} of {len(files)} files written by us agree with ONNX Runtime {ort.__version__}")
    return failed or beyond == len(files)


def node_tests():
    return example("run_node_tests", pathlib.Path(onnx.__file__).parent / "backend/test/data/node")


if __name__ == "__main__":
    sys.exit(1 if written_by_us() + node_tests() else 0)
