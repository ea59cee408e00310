"""Embedding and clustering: umap-learn and scikit-learn against crates/learn/examples/embed_peer.rs, alternately, each in a process of its own.

Generated gradients: 12 clusters of low intrinsic dimension with heavy tails. UMAP to 10 dimensions with neighbourhoods of 5 and min_dist 0, k-means
with 20 starts and its silhouette for k from 3 to 10, as in a study. A whole round before the first counts for nothing: numba compiles in it. umap-learn
moves points from all threads without order unless it gets a seed; `umap seeded` is what it needs to give the same again, as ours does.
ROWS, COLUMNS and REPETITIONS from the environment; PEER=0 leaves umap-learn out.
"""
import importlib.metadata
import os
import platform
import statistics
import sys
import tempfile

import numpy as np

from sides import Side, peak, timed

ROWS = int(os.environ.get("ROWS", "10000"))
COLUMNS = int(os.environ.get("COLUMNS", "1100"))
REPETITIONS = int(os.environ.get("REPETITIONS", "3"))
NUMBERS = range(3, 11)
JUDGED = 3000
STEPS = ["neighbours", "umap", "k-means", "silhouette"]


class Peer:
    """What `embed_peer.rs` answers, by umap-learn and scikit-learn."""

    def __init__(self):
        self.labels = {}

    def load(self, path):
        self.x = np.load(path)

    def save(self, path):
        np.save(path, self.embedding)

    def neighbours(self):
        from umap.umap_ import nearest_neighbors
        nearest_neighbors(self.x, 5, "euclidean", {}, False, np.random.RandomState(0))

    def umap(self, seed=None):
        from umap import UMAP
        self.embedding = UMAP(n_neighbors=5, min_dist=0.0, n_components=10, random_state=seed).fit_transform(self.x)

    def umap_seeded(self):
        self.umap(seed=0)

    def kmeans(self, k):
        from sklearn.cluster import KMeans
        self.labels[k] = KMeans(int(k), n_init=20, random_state=0).fit_predict(self.embedding)

    def silhouette(self, k):
        from sklearn.metrics import silhouette_score
        silhouette_score(self.embedding, self.labels[k])

    def answer(self):
        import warnings
        warnings.filterwarnings("ignore")
        for line in sys.stdin:
            task, *words = line.split()
            if task == "memory":
                print(peak(), flush=True)
            else:
                print(timed(lambda: getattr(self, task)(*words)), flush=True)


def generate(path):
    rng = np.random.default_rng(0)
    cluster = rng.integers(12, size=ROWS)
    centres = rng.normal(size=(12, COLUMNS))
    axes = rng.normal(size=(12, 8, COLUMNS))
    x = np.empty((ROWS, COLUMNS), np.float32)
    for c in range(12):
        members = np.flatnonzero(cluster == c)
        along = rng.standard_t(3, size=(len(members), 8))
        x[members] = centres[c] + 0.3 * along @ axes[c] + 0.05 * rng.normal(size=(len(members), COLUMNS))
    np.save(path, x)


def ask(side, *words):
    """The number that a side answers with."""
    return side.ask(*words)[0]


def measure(side, umap="umap"):
    """Seconds by step."""
    return {
        "neighbours": ask(side, "neighbours"),
        "umap": ask(side, umap),
        "k-means": sum(ask(side, "kmeans", k) for k in NUMBERS),
        "silhouette": sum(ask(side, "silhouette", k) for k in NUMBERS),
    }


def judged(side, data, folder):
    """Trustworthiness on a sample."""
    from sklearn.manifold import trustworthiness
    path = os.path.join(folder, "embedding.npy")
    ask(side, "save", path)
    sample = np.random.default_rng(1).choice(ROWS, min(JUDGED, ROWS), replace=False)
    return trustworthiness(np.load(data, mmap_mode="r")[sample], np.load(path)[sample], n_neighbors=5)


def report(times, sides):
    medians = {name: {step: statistics.median(run[step] for run in runs) for step in runs[0]} for name, runs in times.items()}
    for seconds in medians.values():
        # UMAP searches its neighbours itself.
        seconds["in all"] = seconds["umap"] + seconds["k-means"] + seconds["silhouette"]
    for step in [*STEPS, "in all"]:
        said = [f"{name} {seconds[step]:.2f} s ({seconds[step] / medians['ours'][step]:.1f}x)" for name, seconds in medians.items()]
        print(f"{step}: " + ", ".join(said))
    print("peak memory: " + ", ".join(f"{name} {ask(side, 'memory'):.0f} MB" for name, side in sides.items()))


def main():
    print(f"{platform.processor() or platform.machine()}, {os.environ.get('RAYON_NUM_THREADS', os.cpu_count())} threads, " + ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ["umap-learn", "pynndescent", "scikit-learn", "numba", "numpy"]))
    print(f"{ROWS} x {COLUMNS}, medians of {REPETITIONS} alternating repetitions")
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "x.npy")
        generate(data)
        peer = [sys.executable, __file__, "--peer"]
        sides = {"ours": Side([sys.argv[1]])}
        if os.environ.get("PEER") != "0":
            sides |= {"umap-learn": Side(peer), "umap-learn seeded": Side(peer)}
        for side in sides.values():
            ask(side, "load", data)
        times = {name: [] for name in sides}
        for repetition in range(REPETITIONS + 1):
            for name, side in sides.items():
                times[name].append(measure(side, "umap_seeded" if "seeded" in name else "umap"))
        report({name: runs[1:] for name, runs in times.items()}, sides)
        print("trustworthiness: " + ", ".join(f"{name} {judged(side, data, folder):.4f}" for name, side in sides.items()))


if __name__ == "__main__":
    Peer().answer() if sys.argv[1:] == ["--peer"] else main()
