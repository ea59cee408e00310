#!/bin/sh
# Compares with PyTorch on this machine: builds, makes a virtual environment (several GB, once), prints a table.
# Usage: benches/peers/run.sh [task...], e.g. train8; VENV, THREADS and REPETITIONS from the environment.
set -eu
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
venv=${VENV:-$root/target/peers-venv}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import torch' 2>/dev/null || "$venv/bin/pip" install --quiet torch==2.9.1 numpy
cd "$root"
cargo build --quiet --release -p modelmend-net --example peer
RAYON_NUM_THREADS=${THREADS:-$(nproc)} "$venv/bin/python" "$here/vgg_small.py" \
    "${CARGO_TARGET_DIR:-$root/target}/release/examples/peer" "$@"
