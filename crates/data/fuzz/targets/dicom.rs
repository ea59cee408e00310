//! Any bytes as DICOM: an error of one line or slices.
#![no_main]

use modelmend_data::formats::slices_from_dicom;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = slices_from_dicom(bytes) {
        assert!(!error.to_string().contains('\n'));
    }
});
