"""The networks that a reconstruction study wrote give the same in ONNX Runtime as here, the bounds of its interval network hold what
the network says, its uncertainty grows with the noise, and every interval in the results holds its number.

Usage: python ci/reconstruction/check.py MODELMEND STUDY_FOLDER [SHAPE], e.g. 4,1,96 (the default) for signals.
"""
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from both_runtimes import distance, outputs

# Relative to the largest value of an output: where an output crosses 0 no rounding is small beside it, neither of a bound nor of a point.
TOLERANCE = 1e-5


# Least Spearman correlation of the interval network's mean u with the level of noise, in every run of a study that has levels.
GROWTH = 1.0


def values(number):
    """A number of each run: one run gives it as it is."""
    return number["values"] if isinstance(number, dict) else [number]


def grows(results):
    """Whether u grows with the noise, where the study has several levels."""
    failed = 0
    for method, score in results["uncertainty"].items():
        found = values(score["noise_spearman"]) if "noise_spearman" in score else []
        wanted = GROWTH if method == "inn" else -1
        passed = all(value is not None and value > wanted - 1e-9 for value in found)
        failed += not passed
        if found:
            print(f"{method:16} Spearman of u and noise {found} {'ok' if passed else 'FAILED'}")
    return failed


def held(results):
    """Whether every number with an interval lies inside it, in every run."""
    failed, seen = 0, 0
    for method, score in results["uncertainty"].items():
        for name, ends in score.get("intervals", {}).items():
            low, high = (values(end) for end in ends)
            inside = all(a <= value <= b for a, value, b in zip(low, values(score[name]), high) if None not in (a, value, b))
            # Ranks and areas of a set of items are no means: they may lie at an end of what resampling gives, or beyond it.
            failed += not inside and name not in ("noise_spearman", "aurc", "aurc_optimal", "augrc", "augrc_optimal")
            seen += 1
        print(f"{method:16} {score['calibration']['promise']} promised of {score['calibration']['units']} units, coverage {score['calibrated_coverage']}")
    print(f"{seen} intervals, {failed} without their number")
    return failed or not seen


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
    results = json.loads((study / "results.json").read_text())
    failed += grows(results) + held(results)
    if failed or not enclosing:
        sys.exit("the study's networks or numbers are not what they should be")


if __name__ == "__main__":
    main()
