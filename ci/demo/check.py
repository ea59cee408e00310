"""Every network that the demonstration wrote, the repaired one among them, gives the same in ONNX Runtime as here.

Usage: python ci/demo/check.py MODELMEND DEMO_FOLDER
"""
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from both_runtimes import distance, outputs

CASES = 256
TOLERANCE = 1e-5  # relative to the largest logit


def main():
    modelmend, demo = sys.argv[1], pathlib.Path(sys.argv[2])
    with np.load(demo / "data" / "histology.npz") as data:
        images = data["deployment_images"][:CASES].astype(np.float32).transpose(0, 3, 1, 2).copy()
    failed = 0
    models = sorted((demo / "models").glob("*.onnx"))
    for model in models:
        here, there = (next(iter(runtime.values())) for runtime in outputs(modelmend, model, images))
        off = distance(here, there)
        passed = off < TOLERANCE and (here.argmax(1) == there.argmax(1)).all()
        failed += not passed
        print(f"{model.name:28} off by {off:.1e} {'ok' if passed else 'FAILED'}")
    repairs = json.loads((demo / "results.json").read_text())["repairs"]
    written = {model.name for model in models}
    for name, repair in repairs.items():
        failed += pathlib.Path(repair["model"]).name not in written
        print(f"{name}: {'accepted' if repair['accepted'] else 'refused'}, {repair['after']}")
    if failed or not repairs:
        sys.exit("the demonstration's networks are not what they should be")


if __name__ == "__main__":
    main()
