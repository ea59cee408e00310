//! The elements that are read.

/// An element by its number, with its keyword in PS3.6.
#[derive(Clone, Copy)]
pub(super) struct Tag {
    /// Group and element.
    pub(super) id: u32,
    pub(super) name: &'static str,
}

macro_rules! tags {
    ($($constant:ident = $id:literal, $name:literal;)*) => {
        $(pub(super) const $constant: Tag = Tag { id: $id, name: $name };)*

        /// All of them.
        pub(super) const WANTED: &[u32] = &[$($id),*];
    };
}

tags! {
    SOP_CLASS = 0x0002_0002, "MediaStorageSOPClassUID";
    TRANSFER_SYNTAX = 0x0002_0010, "TransferSyntaxUID";
    IMAGE_TYPE = 0x0008_0008, "ImageType";
    MODALITY = 0x0008_0060, "Modality";
    PATIENT = 0x0010_0020, "PatientID";
    STUDY = 0x0020_000D, "StudyInstanceUID";
    SERIES = 0x0020_000E, "SeriesInstanceUID";
    INSTANCE = 0x0020_0013, "InstanceNumber";
    POSITION = 0x0020_0032, "ImagePositionPatient";
    ORIENTATION = 0x0020_0037, "ImageOrientationPatient";
    SAMPLES = 0x0028_0002, "SamplesPerPixel";
    PHOTOMETRIC = 0x0028_0004, "PhotometricInterpretation";
    FRAMES = 0x0028_0008, "NumberOfFrames";
    ROWS = 0x0028_0010, "Rows";
    COLUMNS = 0x0028_0011, "Columns";
    SPACING = 0x0028_0030, "PixelSpacing";
    BITS_ALLOCATED = 0x0028_0100, "BitsAllocated";
    BITS_STORED = 0x0028_0101, "BitsStored";
    HIGH_BIT = 0x0028_0102, "HighBit";
    REPRESENTATION = 0x0028_0103, "PixelRepresentation";
    INTERCEPT = 0x0028_1052, "RescaleIntercept";
    SLOPE = 0x0028_1053, "RescaleSlope";
    RESCALE_TYPE = 0x0028_1054, "RescaleType";
}

/// `PixelData`, the last element that matters.
pub(super) const PIXELS: u32 = 0x7FE0_0010;
/// The beginning of an item of a sequence.
pub(super) const ITEM: u32 = 0xFFFE_E000;
/// The end of an item of undefined length.
pub(super) const ITEM_END: u32 = 0xFFFE_E00D;
/// The end of a sequence of undefined length.
pub(super) const SEQUENCE_END: u32 = 0xFFFE_E0DD;
