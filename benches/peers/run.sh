#!/bin/sh
# Compares with other libraries on this machine: builds, makes a virtual environment (several GB, once), prints tables.
# Usage: benches/peers/run.sh [word...]: rows of table.py whose name has one of the words, as train, vgg-small-infer-64, per-sample or
# matrix; all without a word; ct alone for tomography, embed alone for UMAP and clustering. VENV, THREADS, REPETITIONS and MODELMEND_SHARED from the environment; EPOCHS=2 for a short matrix.
set -eu
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
venv=${VENV:-$root/target/peers-venv}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
cd "$root"
built=${CARGO_TARGET_DIR:-$root/target}/release/examples
export RAYON_NUM_THREADS="${THREADS:-$(nproc)}"

# install MODULE PACKAGE: where the module is missing; a package that does not install is left out of the table.
install() {
    "$venv/bin/python" -c "import $1" 2>/dev/null || "$venv/bin/pip" install --quiet "$2" || echo "$2 does not install here"
}

if [ "$*" = ct ]; then
    install skimage scikit-image==0.26.0
    install astra astra-toolbox
    cargo build --quiet --release -p modelmend-physics --example ct_peer
    exec "$venv/bin/python" "$here/ct.py" "$built/ct_peer"
fi
if [ "$*" = embed ]; then
    install umap umap-learn==0.5.12
    install sklearn scikit-learn==1.9.1
    cargo build --quiet --release -p modelmend-learn --example embed_peer
    exec "$venv/bin/python" "$here/embed.py" "$built/embed_peer"
fi
install numpy numpy
install torch torch==2.9.1
install onnxruntime onnxruntime==1.32.0
install trak traker==0.3.2
cargo build --quiet --release -p modelmend-failure --example peer
exported=$(mktemp -d)
trap 'rm -rf "$exported"' EXIT
"$built/peer" export "$exported"
"$venv/bin/python" "$here/table.py" "$built/peer" "$exported" "$@"
