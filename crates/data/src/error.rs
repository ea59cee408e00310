//! What can be wrong with data, said in one line: what, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can be wrong with data or with a request about it.
///
/// `Display` is one line. An error met while reading a file is wrapped in [`Error::InFile`], which names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Any other error, met in this file.
    #[error("{}: {problem}", path.display())]
    InFile {
        /// The file (or folder) as the caller named it.
        path: PathBuf,
        /// What is wrong in it.
        problem: Box<Error>,
    },
    /// The operating system refused.
    #[error("{0}")]
    Io(io::Error),
    /// No registered format reads this path.
    #[error("no format reads this; known are: {known}")]
    UnknownFormat {
        /// The formats of this build.
        known: String,
    },
    /// A `.npz` that is no zip archive, or a broken one.
    #[error("not a valid zip archive ({cause}); the file may be cut off or damaged")]
    NotZip {
        /// What the zip reader says.
        cause: String,
    },
    /// Unpacks to more than a file of this size may.
    #[error(
        "would unpack to {unpacked} bytes from {packed}: over the size limit of {limit} bytes (compression ratio at most \
         {ratio}:1); save it without compression if it is genuine"
    )]
    ZipBomb {
        /// Bytes after decompression, as declared.
        unpacked: u64,
        /// Bytes of the file.
        packed: u64,
        /// Most bytes allowed for a file of this size.
        limit: u64,
        /// Highest ratio allowed.
        ratio: u64,
    },
    /// A `.npy` header that cannot be understood.
    #[error("{array}: not a valid .npy array ({cause})")]
    NpyHeader {
        /// Array name.
        array: String,
        /// What is wrong in the header.
        cause: String,
    },
    /// An array of Python objects, which only unpickling (running code from the file) could read.
    #[error("{array}: object dtype refused: reading it would run a pickle; save it with a plain dtype")]
    ObjectDtype {
        /// Array name.
        array: String,
    },
    /// A NumPy type that has no counterpart here.
    #[error("{array}: unsupported dtype {dtype}; use bool, (u)int8..64, float32, float64 or text")]
    Dtype {
        /// Array name.
        array: String,
        /// NumPy type string.
        dtype: String,
    },
    /// Header and content of an array disagree.
    #[error("{array}: size mismatch: the header declares {declared} bytes, {present} are there")]
    SizeMismatch {
        /// Array name.
        array: String,
        /// Bytes that shape and type of the header need.
        declared: u128,
        /// Bytes found.
        present: u64,
    },
    /// An array that must be there is not.
    #[error("no array {wanted}; the file has: {present}")]
    MissingArray {
        /// Name looked for.
        wanted: String,
        /// Names found.
        present: String,
    },
    /// A column that must be there is not.
    #[error("no column {wanted}; the table has: {present}")]
    MissingColumn {
        /// Name looked for.
        wanted: String,
        /// Names found.
        present: String,
    },
    /// A split that must be there is not.
    #[error("no split {wanted}; the data has: {present}")]
    MissingSplit {
        /// Name looked for.
        wanted: String,
        /// Names found.
        present: String,
    },
    /// Arrays or columns of one data set with different numbers of cases.
    #[error("{first} has {first_count} cases, {second} has {second_count} ({first_count} vs {second_count})")]
    CountMismatch {
        /// One name.
        first: String,
        /// Its number of cases.
        first_count: usize,
        /// The other name.
        second: String,
        /// Its number of cases.
        second_count: usize,
    },
    /// Nothing to work on.
    #[error("{name}: no samples")]
    NoSamples {
        /// Array or table name.
        name: String,
    },
    /// An array of the wrong shape.
    #[error("{array}: expected {expected} got {got}")]
    Shape {
        /// Array name.
        array: String,
        /// What was expected.
        expected: String,
        /// Shape found.
        got: String,
    },
    /// NaN or infinity where a number must be.
    #[error("{array}: non-finite value in image {image}")]
    NonFinite {
        /// Array name.
        array: String,
        /// Zero-based index along the first axis.
        image: usize,
    },
    /// Labels are integers.
    #[error("{array}: label {value} of case {case} is not a whole number")]
    LabelType {
        /// Array or column name.
        array: String,
        /// Zero-based case.
        case: usize,
        /// The value as text.
        value: String,
    },
    /// A label outside the classes of a model.
    #[error("{array}: label {label} of case {case} is out of range for {classes} classes (0..={})", classes.saturating_sub(1))]
    LabelRange {
        /// Array name.
        array: String,
        /// Zero-based case.
        case: usize,
        /// The label.
        label: i64,
        /// Number of classes of the model.
        classes: usize,
    },
    /// A fine label in no class.
    #[error("label {label} ({cases} cases) belongs to no class; add it to `classes`")]
    LabelWithoutClass {
        /// The fine label.
        label: i64,
        /// How many cases have it.
        cases: usize,
    },
    /// A fine label in two classes.
    #[error("label {label} belongs to class {first} and to class {second}; keep one in `classes`")]
    LabelInTwoClasses {
        /// The fine label.
        label: i64,
        /// One class.
        first: usize,
        /// The other class.
        second: usize,
    },
    /// A table that cannot be read.
    #[error("not a readable table ({cause})")]
    Table {
        /// What the reader says.
        cause: String,
    },
    /// An image file that cannot be decoded.
    #[error("image {name}: {cause}")]
    Image {
        /// Path as the table names it.
        name: String,
        /// What the decoder says.
        cause: String,
    },
    /// An image of a size other than the first one's.
    #[error(
        "image {name} is {got}, the others are {expected} (height x width); resize them or ask for a common size"
    )]
    ImageSize {
        /// Path as the table names it.
        name: String,
        /// Its size.
        got: String,
        /// The common size.
        expected: String,
    },
    /// A path that leaves the folder of the data set.
    #[error("image path {name} leads out of the data folder; only files inside it are read")]
    OutsideFolder {
        /// Path as the table names it.
        name: String,
    },
    /// A DICOM file that cannot be used.
    #[error("DICOM: {cause}")]
    Dicom {
        /// What is wrong in it; no text of the header but codes of the standard.
        cause: String,
    },
    /// A NIfTI file that cannot be used.
    #[error("NIfTI: {cause}")]
    Nifti {
        /// What is wrong in it.
        cause: String,
    },
    /// A request that cannot be met.
    #[error("{0}")]
    Request(String),
}

impl Error {
    /// The same error, naming the file in which it was met.
    #[must_use]
    pub fn in_file(self, path: &Path) -> Self {
        match self {
            already @ Error::InFile { .. } => already,
            problem => Error::InFile { path: path.to_owned(), problem: Box::new(problem) },
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}

/// `3x8x8` for a shape `[3, 8, 8]`.
pub(crate) fn dims(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
}
