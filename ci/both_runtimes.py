"""Runs a network here and in ONNX Runtime."""
import pathlib
import subprocess
import tempfile

import numpy as np
import onnxruntime


def outputs(modelmend, model, array):
    """The outputs of both for one input array: two dictionaries by output name."""
    session = onnxruntime.InferenceSession(model)
    name = session.get_inputs()[0].name
    names = [output.name for output in session.get_outputs()]
    theirs = dict(zip(names, session.run(None, {name: array})))
    with tempfile.TemporaryDirectory() as folder:
        given, out = pathlib.Path(folder, "in.npz"), pathlib.Path(folder, "out.npz")
        np.savez(given, **{name: array})
        subprocess.run([modelmend, "predict", model, given, "--out", out], check=True, stdout=subprocess.DEVNULL)
        with np.load(out) as arrays:
            ours = {name: arrays[name] for name in names}
    return ours, theirs


def distance(ours, theirs):
    """The largest difference, relative to the largest magnitude."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
