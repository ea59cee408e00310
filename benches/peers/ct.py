"""Projections and back-projections on the CPU: scikit-image and, if it installs, ASTRA against crates/physics/examples/ct_peer.rs, alternately in one run.

A square image with as many angles as pixels along a side, detectors along the diagonal. Every side runs a task twice, and the second time counts. ASTRA's CPU projector is `linear` (Joseph's), its back-projection FBP.
"""
import os
import platform
import statistics
import sys
import time

import numpy as np
import skimage
from skimage.data import shepp_logan_phantom
from skimage.transform import iradon, radon, resize

from sides import Side, timed

REPETITIONS = int(os.environ.get("REPETITIONS", "7"))
SIZE = int(os.environ.get("SIZE", "512"))


def second(work):
    """Seconds of a call behind an untimed one, which finds the memory."""
    work()
    return timed(work)


def astra_tasks(image, theta):
    """Projection, its transposed and FBP of ASTRA; none where it is not installed."""
    try:
        import astra
    except ImportError:
        return {}
    detectors = int(np.ceil(np.sqrt(2) * SIZE))
    volume = astra.create_vol_geom(SIZE, SIZE)
    rays = astra.create_proj_geom("parallel", 1.0, detectors, np.deg2rad(theta))
    projector = astra.create_projector("linear", rays, volume)

    def run(kind, given, shape):
        data = {"sino": astra.data2d.create("-sino", rays), "vol": astra.data2d.create("-vol", volume)}
        config = astra.astra_dict(kind)
        config["ProjectorId"] = projector
        config["ProjectionDataId"] = data["sino"]
        config["VolumeDataId" if kind == "FP" else "ReconstructionDataId"] = data["vol"]
        astra.data2d.store(data["vol" if kind == "FP" else "sino"], given)
        algorithm = astra.algorithm.create(config)
        astra.algorithm.run(algorithm)
        start = time.perf_counter()
        astra.algorithm.run(algorithm)
        seconds = time.perf_counter() - start
        found = astra.data2d.get(data["sino" if kind == "FP" else "vol"])
        astra.algorithm.delete(algorithm)
        astra.data2d.delete(list(data.values()))
        return seconds, found

    _, sinogram = run("FP", image, None)
    return {
        "radon": lambda: run("FP", image, None)[0],
        "adjoint": lambda: run("BP", sinogram, None)[0],
        "iradon": lambda: run("FBP", sinogram, None)[0],
    }


def main():
    image = resize(shepp_logan_phantom(), (SIZE, SIZE)).astype(np.float32)
    theta = np.linspace(0, 180, SIZE, endpoint=False)
    sinogram = radon(image, theta, circle=False)
    peers = {
        "scikit-image": {
            "radon": lambda: second(lambda: radon(image, theta, circle=False)),
            "iradon": lambda: second(lambda: iradon(sinogram, theta, circle=False)),
        },
        "ASTRA": astra_tasks(image, theta),
    }
    ours = Side([sys.argv[1]])
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, scikit-image {skimage.__version__}")
    print(f"{SIZE} x {SIZE} pixels, {SIZE} angles, medians of {REPETITIONS} alternating repetitions")
    for task in ["radon", "adjoint", "iradon"]:
        asked = {name: tasks[task] for name, tasks in peers.items() if task in tasks}
        times = {"ours": []} | {name: [] for name in asked}
        for _ in range(REPETITIONS):
            times["ours"].append(ours.ask(task, SIZE, SIZE)[0])
            for name, work in asked.items():
                times[name].append(work())
        medians = {name: statistics.median(seconds) for name, seconds in times.items()}
        peers_said = ", ".join(f"{name} {medians[name]:.3f} s ({medians[name] / medians['ours']:.1f}x)" for name in asked)
        print(f"{task}: ours {medians['ours']:.3f} s, {peers_said}")


if __name__ == "__main__":
    main()
