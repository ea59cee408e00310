//! Files of other exporters survive reading and writing byte for byte.

use std::path::PathBuf;

use modelmend_net::Model;

use super::vectors::reference;

fn models() -> Vec<PathBuf> {
    let Some(folder) = reference("models") else { return Vec::new() };
    let paths = std::fs::read_dir(&folder).expect("a folder").map(|e| e.expect("an entry").path());
    let mut models: Vec<PathBuf> = paths.filter(|p| p.extension().is_some_and(|e| e == "onnx")).collect();
    models.sort();
    assert!(models.len() >= 9, "{} models", models.len());
    models
}

#[test]
fn exports_re_encode_byte_for_byte() {
    for path in models() {
        let model = Model::read(&path).unwrap_or_else(|e| panic!("{e}"));
        assert!(
            model.to_bytes() == std::fs::read(&path).expect("readable"),
            "{}: other bytes",
            path.display()
        );
    }
}

#[test]
fn the_same_weights_give_the_same_file() {
    for path in models() {
        let model = Model::read(&path).unwrap_or_else(|e| panic!("{e}"));
        let again = model.with_parameters(model.parameters().clone()).expect("same shapes");
        assert!(again.to_bytes() == model.to_bytes(), "{}: other bytes", path.display());
    }
}

#[test]
fn a_written_file_is_complete_and_reads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in models() {
        let model = Model::read(&path).unwrap_or_else(|e| panic!("{e}"));
        let target = folder.path().join("model.onnx");
        model.write(&target).expect("written");
        assert_eq!(Model::read(&target).expect("reads back").proto(), model.proto());
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left aside");
    }
}
