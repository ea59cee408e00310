//! Reference vectors: where they are, and arrays out of their files.

use std::fs::File;
use std::path::PathBuf;

use modelmend_net::Tensor;
use ndarray::{ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::NpzReader;

/// The folder of reference vectors, or `None` (said loudly) where this machine has none.
pub(crate) fn reference(folder: &str) -> Option<PathBuf> {
    let shared = std::env::var("MODELMEND_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
    let path = PathBuf::from(shared).join("reference").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: no reference vectors at {} (set MODELMEND_SHARED)", path.display());
    None
}

/// An `.npz` file of numbers.
pub(crate) struct Npz(NpzReader<File>);

impl Npz {
    pub(crate) fn open(path: &std::path::Path) -> Self {
        let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self(NpzReader::new(file).expect("a zip of arrays"))
    }

    pub(crate) fn names(&mut self) -> Vec<String> {
        self.0.names().expect("names").iter().map(|n| n.trim_end_matches(".npy").to_owned()).collect()
    }

    /// An array of any numeric type, in double precision.
    pub(crate) fn get(&mut self, name: &str) -> Tensor<f64> {
        let member = format!("{name}.npy");
        if let Ok(a) = self.0.by_name::<OwnedRepr<f32>, IxDyn>(&member) {
            return tensor(a.mapv(f64::from));
        }
        if let Ok(a) = self.0.by_name::<OwnedRepr<i64>, IxDyn>(&member) {
            return tensor(a.mapv(|v| v as f64));
        }
        let array = self.0.by_name::<OwnedRepr<f64>, IxDyn>(&member);
        tensor(array.unwrap_or_else(|e| panic!("array `{name}`: {e}")))
    }
}

fn tensor(array: ArrayD<f64>) -> Tensor<f64> {
    let shape = array.shape().to_vec();
    Tensor::new(shape, array.into_iter().collect()).expect("as many as the shape says")
}

/// The largest magnitude.
pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| f64::max(m, v.abs()))
}

/// Fails where two lists differ by more than `tolerance`.
pub(crate) fn assert_close(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}: number of elements");
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= tolerance,
            "{what}: element {i} is {a}, expected {b} (tolerance {tolerance:e})"
        );
    }
}
