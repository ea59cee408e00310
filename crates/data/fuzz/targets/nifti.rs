//! Any bytes as NIfTI: an error of one line or slices.
#![no_main]

use modelmend_data::formats::slices_from_nifti;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = slices_from_nifti(bytes) {
        assert!(!error.to_string().contains('\n'));
    }
});
