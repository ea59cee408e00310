//! Reading of the reference vectors in `shared/reference`.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stderr)]

use ndarray::{Array1, Array2, Ix0, Ix1, Ix2};
use ndarray_npy::NpzReader;
use std::cell::RefCell;
use std::fs::File;
use std::path::PathBuf;

pub struct Reference(RefCell<NpzReader<File>>);

/// Opens `reference/<name>`; `None`, loudly, where the folder is not there.
pub fn reference(name: &str) -> Option<Reference> {
    let root = std::env::var_os("MODELMEND_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = root.join("reference").join(name);
    match File::open(&path) {
        Ok(file) => Some(Reference(RefCell::new(NpzReader::new(file).unwrap()))),
        Err(error) => {
            eprintln!("SKIPPED: {} cannot be read ({error}); set MODELMEND_SHARED", path.display());
            None
        }
    }
}

impl Reference {
    pub fn points(&self, name: &str) -> Array2<f32> {
        self.0.borrow_mut().by_name::<ndarray::OwnedRepr<f32>, Ix2>(name).unwrap()
    }

    pub fn matrix(&self, name: &str) -> Array2<f64> {
        self.0.borrow_mut().by_name::<ndarray::OwnedRepr<f64>, Ix2>(name).unwrap()
    }

    pub fn vector(&self, name: &str) -> Vec<f64> {
        let vector: Array1<f64> = self.0.borrow_mut().by_name::<ndarray::OwnedRepr<f64>, Ix1>(name).unwrap();
        vector.to_vec()
    }

    pub fn vector32(&self, name: &str) -> Vec<f32> {
        let vector: Array1<f32> = self.0.borrow_mut().by_name::<ndarray::OwnedRepr<f32>, Ix1>(name).unwrap();
        vector.to_vec()
    }

    pub fn number(&self, name: &str) -> f64 {
        self.0.borrow_mut().by_name::<ndarray::OwnedRepr<f64>, Ix0>(name).unwrap().into_scalar()
    }

    pub fn count(&self, name: &str) -> usize {
        let value = self.0.borrow_mut().by_name::<ndarray::OwnedRepr<i64>, Ix0>(name).unwrap();
        value.into_scalar() as usize
    }

    pub fn labels(&self, name: &str) -> Vec<usize> {
        let labels: Array1<i64> = self.0.borrow_mut().by_name::<ndarray::OwnedRepr<i64>, Ix1>(name).unwrap();
        labels.iter().map(|&label| label as usize).collect()
    }

    pub fn indices(&self, name: &str) -> Array2<usize> {
        let indices: Array2<i64> = self.0.borrow_mut().by_name::<ndarray::OwnedRepr<i64>, Ix2>(name).unwrap();
        indices.mapv(|index| index as usize)
    }

    pub fn flags(&self, name: &str) -> Vec<bool> {
        self.labels(name).iter().map(|&flag| flag == 1).collect()
    }
}

pub fn assert_close(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{what}: found {found}, expected {expected} ± {tolerance}"
    );
}
