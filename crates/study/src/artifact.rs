//! What a step produces.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Hash;

/// The result of a step: a typed value that is stored as JSON, and named binary blobs (arrays, ONNX files).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact<T> {
    /// The value. Its floating-point numbers must be finite: JSON has no others.
    pub value: T,
    /// The blobs by name.
    pub blobs: BTreeMap<String, Vec<u8>>,
}

/// An artifact as it lies in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub(crate) value: Vec<u8>,
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
}

/// A value that does not survive storage, or a blob that is not what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The value cannot be written as JSON.
    #[error("the result cannot be written as JSON: {0}")]
    Encode(serde_json::Error),
    /// The value was written but not read back, for example a number that is not finite.
    #[error("the result does not survive storage as JSON (is a number not finite?): {0}")]
    Decode(serde_json::Error),
    /// There is no blob of this name.
    #[error("the result has no blob `{0}`")]
    NoBlob(String),
    /// The blob's length is no multiple of an element's.
    #[error("blob `{name}` of {bytes} bytes is no array of f32")]
    NotAnArray {
        /// Name of the blob.
        name: String,
        /// Its length.
        bytes: usize,
    },
}

impl<T> Artifact<T> {
    /// An artifact without blobs.
    pub fn new(value: T) -> Self {
        Self { value, blobs: BTreeMap::new() }
    }

    /// Adds a blob.
    #[must_use]
    pub fn with_blob(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.blobs.insert(name.to_owned(), bytes);
        self
    }

    /// Adds an array as a blob, little-endian; its shape belongs into the value.
    #[must_use]
    pub fn with_f32(self, name: &str, array: &[f32]) -> Self {
        self.with_blob(name, array.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    /// The bytes of a blob.
    ///
    /// # Errors
    /// [`ArtifactError::NoBlob`]
    pub fn blob(&self, name: &str) -> Result<&[u8], ArtifactError> {
        self.blobs.get(name).map(Vec::as_slice).ok_or_else(|| ArtifactError::NoBlob(name.to_owned()))
    }

    /// The array that [`Self::with_f32`] added, bit for bit.
    ///
    /// # Errors
    /// [`ArtifactError::NoBlob`], [`ArtifactError::NotAnArray`]
    pub fn f32(&self, name: &str) -> Result<Vec<f32>, ArtifactError> {
        let bytes = self.blob(name)?;
        let (elements, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(ArtifactError::NotAnArray { name: name.to_owned(), bytes: bytes.len() });
        }
        Ok(elements.iter().map(|x| f32::from_le_bytes(*x)).collect())
    }
}

impl<T: Serialize> Artifact<T> {
    /// The value as it is stored.
    pub(crate) fn encoded_value(&self) -> Result<Vec<u8>, ArtifactError> {
        serde_json::to_vec(&self.value).map_err(ArtifactError::Encode)
    }
}

impl Encoded {
    pub(crate) fn decode<T: DeserializeOwned>(self) -> Result<Artifact<T>, ArtifactError> {
        let value = serde_json::from_slice(&self.value).map_err(ArtifactError::Decode)?;
        Ok(Artifact { value, blobs: self.blobs })
    }

    /// The hash of the content, for the keys of the steps that read it.
    pub(crate) fn hash(&self) -> Hash {
        let mut fields: Vec<&[u8]> = vec![&self.value];
        for (name, blob) in &self.blobs {
            fields.push(name.as_bytes());
            fields.push(blob);
        }
        Hash::of_fields("modelmend 1 artifact", &fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stored<T: Serialize>(artifact: &Artifact<T>) -> Encoded {
        Encoded { value: artifact.encoded_value().unwrap(), blobs: artifact.blobs.clone() }
    }

    #[test]
    fn arrays_come_back_bit_for_bit() {
        let array = [0.0, -0.0, 1.5e-42, f32::NAN, f32::NEG_INFINITY, f32::MAX];
        let artifact = Artifact::new(()).with_f32("x", &array).with_blob("odd", vec![1, 2, 3]);
        let back = artifact.f32("x").unwrap();
        assert!(array.iter().zip(&back).all(|(a, b)| a.to_bits() == b.to_bits()));
        assert!(matches!(artifact.f32("odd"), Err(ArtifactError::NotAnArray { bytes: 3, .. })));
        assert_eq!(artifact.blob("y").unwrap_err().to_string(), "the result has no blob `y`");
    }

    #[test]
    fn a_number_that_is_not_finite_is_an_error_and_no_silent_null() {
        let encoded = stored(&Artifact::new(f64::NAN));
        assert!(matches!(encoded.decode::<f64>(), Err(ArtifactError::Decode(_))));
    }

    proptest! {
        #[test]
        fn finite_numbers_come_back_bit_for_bit(bits in any::<u64>(), narrow in any::<u32>()) {
            let (wide, narrow) = (f64::from_bits(bits), f32::from_bits(narrow));
            prop_assume!(wide.is_finite() && narrow.is_finite());
            let back: Artifact<(f64, f32)> = stored(&Artifact::new((wide, narrow))).decode().unwrap();
            prop_assert_eq!(back.value.0.to_bits(), wide.to_bits());
            prop_assert_eq!(back.value.1.to_bits(), narrow.to_bits());
        }
    }
}
