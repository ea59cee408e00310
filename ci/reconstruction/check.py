"""The networks that a reconstruction study wrote give the same in ONNX Runtime as here, and the bounds of its interval network hold what
the network says.

Usage: python ci/reconstruction/check.py MODELMEND STUDY_FOLDER [SHAPE], e.g. 4,1,96 (the default) for signals.
"""
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from both_runtimes import distance, outputs

# Relative to the largest value of an output: where an output crosses 0 no rounding is small beside it, neither of a bound nor of a point.
TOLERANCE = 1e-5


def main():
    modelmend, study = sys.argv[1], pathlib.Path(sys.argv[2])
    shape = [int(size) for size in (sys.argv[3] if len(sys.argv) > 3 else "4,1,96").split(",")]
    array = np.random.default_rng(0).random(shape, dtype=np.float32)
    failed, enclosing = 0, 0
    for model in sorted((study / "models").glob("*.onnx")):
        here, there = outputs(modelmend, model, array)
        for name, theirs in there.items():
            off = distance(here[name], theirs)
            passed = off < TOLERANCE
            failed += not passed
            print(f"{model.name:16} {name:16} off by {off:.1e} {'ok' if passed else 'FAILED'}")
        for name in [n for n in there if n + "/lo" in there]:
            for runtime, values in (("here", here), ("ONNX Runtime", there)):
                holds = ((values[name + "/lo"] <= values[name]) & (values[name] <= values[name + "/hi"])).all()
                wide = (values[name + "/lo"] < values[name + "/hi"]).mean()
                failed += not holds or wide < 0.5
                enclosing += 1
                print(f"{model.name:16} {name:16} {'enclosed' if holds else 'NOT ENCLOSED'} in {runtime}, {wide:.0%} of pixels not points")
    if failed or not enclosing:
        sys.exit("the study's networks are not what they should be")


if __name__ == "__main__":
    main()
