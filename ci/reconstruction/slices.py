"""Writes slices in Hounsfield units, discs of soft tissue and bone in air, for `slices.yaml`.

Usage: python ci/reconstruction/slices.py SLICES.npz
"""
import sys

import numpy as np

SLICES, SIZE = 20, 64


def main():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE] / (SIZE / 2) - 1
    hu = np.full((SLICES, SIZE, SIZE), -1000.0)
    for image in hu:
        for value, size, count in [(40, 0.7, 1), (-700, 0.2, 3), (600, 0.08, 3)]:
            for _ in range(count):
                cx, cy = rng.uniform(-0.35, 0.35, 2) * (count > 1)
                image[((x - cx) / size) ** 2 + ((y - cy) / (size * rng.uniform(0.7, 1))) ** 2 < 1] = value
    np.savez(sys.argv[1], hu=hu.astype(np.int16), patient=np.arange(SLICES) // 2)


if __name__ == "__main__":
    main()
