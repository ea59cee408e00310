"""What the demonstration has to show, on the folder that it wrote.

- Every network, the repaired ones among them, gives the same in ONNX Runtime as here.
- Wrong training labels are found with an average precision of at least .7.
- Repairing the rare tissue raises it from under .2 to over .8, accuracy over all cases rises, the gate accepts (exit code 0).
- Repairing label noise is refused with that reason (exit code 3), under a file name that says so.

Networks differ between kinds of processor, and with them the kinds that are found: the rare tissue may be divided among
several, which are then repaired together. Where no kind is explained by the tissue, or none looks mislabelled, the
claim cannot be shown, and that is a failure that says so. Steps of the demonstration are taken from its cache.

Usage: python ci/demo/check.py MODELMEND DEMO_FOLDER
"""
import json
import pathlib
import re
import subprocess
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from both_runtimes import distance, outputs

CASES = 256
TOLERANCE = 1e-5  # relative to the largest logit
RARE = "signet-ring tumour"
CRITERIA = {"target", "correct", "all", "subgroups", "calibration"}


def same_in_both_runtimes(modelmend, folder, images):
    for model in sorted((folder / "models").glob("*.onnx")):
        here, there = (next(iter(runtime.values())) for runtime in outputs(modelmend, model, images))
        off = distance(here, there)
        same = off < TOLERANCE and (here.argmax(1) == there.argmax(1)).all()
        yield same, f"{folder.name}/{model.name}: off by {off:.1e} between both runtimes"


def repaired(modelmend, demo, targets, name):
    """Repairs these kinds; the exit code, what was printed, the results, and the folder."""
    out = demo / name
    command = [modelmend, "repair", demo / "study.yaml", "--target", ",".join(targets)]
    began = time.monotonic()
    run = subprocess.run(command + ["--cache", demo / "cache", "--out", out], capture_output=True, text=True)
    print(f"repair of {', '.join(targets)} ({name}): exit code {run.returncode}, {time.monotonic() - began:.0f} s")
    if run.returncode not in (0, 3):
        sys.exit(run.stderr)
    (result,) = json.loads((out / "results.json").read_text())["repairs"].values()
    return run, result, out


def causes(demo):
    (result,) = json.loads((demo / "results.json").read_text())["repairs"].values()
    found = result["causes"]["average_precision"].get("label-noise", 0.0)
    yield found >= 0.7, f"wrong training labels are found with an average precision of {found:.2f}, at least .7 asked"


def rare_tissue(modelmend, demo, kinds, images):
    explained = {e["subtype"] for e in kinds["explanations"] if e["value"] == RARE}
    if not explained:
        yield False, f"no kind of failure is explained by `{RARE}`: its repair cannot be shown with this network"
        return
    run, result, out = repaired(modelmend, demo, sorted(explained, key=int), "repair-rare-tissue")
    before, after = result["before"], result["after"]
    yield before["target"] < 0.2 and after["target"] > 0.8, (
        f"the rare tissue's kind goes from {before['target']:.3f} to {after['target']:.3f}, under .2 to over .8 asked")
    # Columns of the same content are judged once, under the name of the first.
    tissue = next(values[RARE] for values in result["subgroups"].values() if RARE in values)
    yield tissue["after"] > tissue["before"], (
        f"all cases of this tissue go from {tissue['before']:.3f} to {tissue['after']:.3f}")
    yield after["all"] > before["all"], f"accuracy over all goes from {before['all']:.3f} to {after['all']:.3f}"
    passed = {name for name, criterion in result["gate"].items() if criterion["passed"]}
    yield run.returncode == 0 and result["accepted"] and passed == CRITERIA, f"accepted, criteria met: {sorted(passed)}"
    yield all(check["passed"] for check in result["audit"].values()), f"{len(result['audit'])} checks of the self-audit"
    model = out / result["model"]
    yield model.is_file() and model.name.startswith("repair-"), f"written as {result['model']}"
    yield from same_in_both_runtimes(modelmend, out, images)


def label_noise(modelmend, demo, kinds):
    suspected = [re.match(r"subtype (\d+): label noise suspected", note) for note in kinds.get("notes", [])]
    suspected = [match.group(1) for match in suspected if match]
    if not suspected:
        yield False, "no kind of failure looks mislabelled: that its repair is refused cannot be shown with this network"
        return
    run, result, out = repaired(modelmend, demo, suspected[:1], "repair-label-noise")
    reasons = [reason for reason in result["refusals"] if "label noise suspected" in reason]
    yield run.returncode == 3 and not result["accepted"], f"refused with exit code {run.returncode}, 3 asked"
    yield bool(reasons) and reasons[0] in run.stdout, f"the reason: {(reasons or ['none'])[0]}"
    model = out / result["model"]
    yield model.is_file() and model.name.startswith("refused-"), f"written as {result['model']}"
    yield "**Refused.**" in (out / "repair.md").read_text(), "the document says that it is refused"


def main():
    modelmend, demo = sys.argv[1], pathlib.Path(sys.argv[2])
    with np.load(demo / "data" / "histology.npz") as data:
        images = data["deployment_images"][:CASES].astype(np.float32).transpose(0, 3, 1, 2).copy()
    kinds = json.loads((demo / "results.json").read_text())["subtypings"]["gradients"]
    checks = [
        *same_in_both_runtimes(modelmend, demo, images),
        *causes(demo),
        *rare_tissue(modelmend, demo, kinds, images),
        *label_noise(modelmend, demo, kinds),
    ]
    for passed, what in checks:
        print(f"{'ok    ' if passed else 'FAILED'} {what}")
    failed = sum(not passed for passed, _ in checks)
    if failed:
        sys.exit(f"the demonstration does not show {failed} of {len(checks)} things that it has to")


if __name__ == "__main__":
    main()
