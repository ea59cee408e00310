#!/bin/sh
# Compares with PyTorch on this machine: builds, makes a virtual environment (several GB, once), prints tables.
# Usage: benches/peers/run.sh [task...], e.g. train8, finetune or ct; VENV, THREADS and REPETITIONS from the environment.
set -eu
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
venv=${VENV:-$root/target/peers-venv}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
cd "$root"
built=${CARGO_TARGET_DIR:-$root/target}/release/examples
export RAYON_NUM_THREADS="${THREADS:-$(nproc)}"
if [ "$*" = ct ]; then
    "$venv/bin/python" -c 'import skimage' 2>/dev/null || "$venv/bin/pip" install --quiet scikit-image==0.26.0
    "$venv/bin/python" -c 'import astra' 2>/dev/null || "$venv/bin/pip" install --quiet astra-toolbox || echo "ASTRA does not install here"
    cargo build --quiet --release -p modelmend-physics --example ct_peer
    exec "$venv/bin/python" "$here/ct.py" "$built/ct_peer"
fi
"$venv/bin/python" -c 'import torch' 2>/dev/null || "$venv/bin/pip" install --quiet torch==2.9.1 numpy
cargo build --quiet --release -p modelmend-net -p modelmend-failure --example peer --example finetune_peer
if [ "$*" != finetune ]; then
    "$venv/bin/python" "$here/vgg_small.py" "$built/peer" "$@"
fi
if [ $# -eq 0 ] || [ "$*" = finetune ]; then
    "$venv/bin/python" "$here/finetune.py" "$built/finetune_peer"
fi
