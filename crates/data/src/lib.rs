//! What a study is about: cases with their images, labels, groups and metadata.
//!
//! A *case* is one unit of prediction, here an image. [`Cases`] holds a stack of same-size [`Images`], a fine label
//! per case (tissue type, cell type), optionally a group (patient, slide, smear) and any further columns.
//! [`formats`] reads and writes files and is the only module that touches the disk; [`split`] divides cases without
//! ever putting a group on two sides; [`generate`] draws data sets in which the failures are planted and
//! known, and the problems of reconstruction.

mod cases;
mod error;
pub mod formats;
pub mod generate;
mod images;
mod picture;
mod slices;
pub mod split;
mod stack;
mod table;

pub use cases::Cases;
pub use error::{Error, Result};
pub use images::{Images, Pixels};
pub use picture::Picture;
pub use slices::Slices;
pub use table::{Column, Table};
