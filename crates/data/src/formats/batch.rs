//! Arrays that belong together case by case, as the inputs of a model do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::array::Array;
use super::{NpzFile, read_npy};
use crate::error::{Error, Result, dims};

/// Arrays of one file that all have the same, non-zero number of cases and no NaN or infinity.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    path: PathBuf,
    count: usize,
    arrays: BTreeMap<String, Array>,
}

impl Batch {
    /// Reads arrays of a `.npz`, or the one of a `.npy` under the name `single`: those of `names`, and those of
    /// `optional` that are there. Other arrays of the file are not looked at.
    ///
    /// # Errors
    /// [`Error::InFile`] around what is wrong in the file, [`Error::NoSamples`], [`Error::CountMismatch`],
    /// [`Error::NonFinite`].
    pub fn read(path: &Path, single: &str, names: &[&str], optional: &[&str]) -> Result<Self> {
        let arrays = match path.extension().and_then(|extension| extension.to_str()) {
            Some("npy") => BTreeMap::from([(single.to_owned(), read_npy(path)?)]),
            _ => read_some(path, names, optional)?,
        };
        let count = common_count(&arrays).map_err(|error| error.in_file(path))?;
        Ok(Batch { path: path.to_owned(), count, arrays })
    }

    /// Number of cases (at least 1).
    pub fn count(&self) -> usize {
        self.count
    }

    /// All arrays by name.
    pub fn arrays(&self) -> &BTreeMap<String, Array> {
        &self.arrays
    }

    /// The array `name`, whose cases must have the shape `case` (axes of any extent are `None`).
    ///
    /// # Errors
    /// [`Error::MissingArray`], or [`Error::Shape`] as in `x: expected 3x8x8 got 1x9x8`.
    pub fn require(&self, name: &str, case: &[Option<usize>]) -> Result<&Array> {
        let array = self.get(name)?;
        let found = array.shape().get(1..).unwrap_or_default();
        let fits = found.len() == case.len()
            && found.iter().zip(case).all(|(&got, &wanted)| wanted.is_none_or(|wanted| wanted == got));
        if fits {
            return Ok(array);
        }
        let axis = |extent: &Option<usize>| extent.map_or("?".to_owned(), |extent| extent.to_string());
        let expected = case.iter().map(axis).collect::<Vec<_>>().join("x");
        Err(Error::Shape { array: name.to_owned(), expected, got: dims(found) }.in_file(&self.path))
    }

    /// The array `name` as class labels, one per case and below `classes`; shape (N,) or (N, 1).
    ///
    /// # Errors
    /// [`Error::MissingArray`], [`Error::Shape`], [`Error::LabelType`] or [`Error::LabelRange`].
    pub fn labels(&self, name: &str, classes: usize) -> Result<Vec<usize>> {
        let read = || -> Result<Vec<usize>> {
            let labels = super::labels(name, self.get(name)?)?;
            let class = |(case, &label): (usize, &i64)| match usize::try_from(label) {
                Ok(class) if class < classes => Ok(class),
                _ => Err(Error::LabelRange { array: name.to_owned(), case, label, classes }),
            };
            labels.iter().enumerate().map(class).collect()
        };
        read().map_err(|error| error.in_file(&self.path))
    }

    fn get(&self, name: &str) -> Result<&Array> {
        self.arrays.get(name).ok_or_else(|| {
            let present = self.arrays.keys().cloned().collect::<Vec<_>>().join(", ");
            Error::MissingArray { wanted: name.to_owned(), present }.in_file(&self.path)
        })
    }
}

fn read_some(path: &Path, names: &[&str], optional: &[&str]) -> Result<BTreeMap<String, Array>> {
    let mut file = NpzFile::open(path)?;
    if let Some(missing) = names.iter().find(|name| !file.has(name)) {
        let present = file.names().join(", ");
        return Err(Error::MissingArray { wanted: (*missing).to_owned(), present }.in_file(path));
    }
    let wanted = names.iter().chain(optional.iter().filter(|name| !names.contains(name)));
    let present: Vec<&str> = wanted.copied().filter(|name| file.has(name)).collect();
    present.into_iter().map(|name| Ok((name.to_owned(), file.read(name)?))).collect()
}

fn common_count(arrays: &BTreeMap<String, Array>) -> Result<usize> {
    let mut common: Option<(&String, usize)> = None;
    for (name, array) in arrays {
        let count = array.count().unwrap_or(0);
        if count == 0 {
            return Err(Error::NoSamples { name: name.clone() });
        }
        if let Some(image) = array.first_non_finite() {
            return Err(Error::NonFinite { array: name.clone(), image });
        }
        let &mut (first, first_count) = common.get_or_insert((name, count));
        if first_count != count {
            let (first, second) = (first.clone(), name.clone());
            return Err(Error::CountMismatch { first, first_count, second, second_count: count });
        }
    }
    common.map(|(_, count)| count).ok_or_else(|| Error::NoSamples { name: "the archive".to_owned() })
}
