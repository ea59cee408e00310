//! Files that other programs wrote, with what other programs read.

use std::path::Path;

use modelmend_data::formats::{read_npz, read_slices};

#[test]
fn every_form_is_read_as_others_read_it() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slices/vectors"));
    let expected = read_npz(&folder.join("expected.npz")).unwrap();
    assert_eq!(expected.len(), 32);
    for (name, hu) in expected {
        let slices = read_slices(&folder.join(&name)).unwrap();
        let shape = hu.shape().to_vec();
        assert_eq!([slices.iter().len(), slices.size(), slices.size()], shape[..], "{name}");
        // Decoders of lossy JPEG may differ by one grey level.
        let allowed = if name == "jpeg.dcm" { 1.5 } else { 0.0 };
        for (ours, theirs) in slices.iter().flatten().zip(hu.into_f32().unwrap()) {
            assert!((ours - theirs).abs() <= allowed, "{name}: {ours} {theirs}");
        }
        assert!(slices.patients().iter().all(|patient| patient == "patient-1"), "{name}");
    }
}
