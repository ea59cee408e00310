//! Files of other exporters survive reading and writing byte for byte.

use std::path::PathBuf;

use modelmend_net::Model;
use modelmend_net::onnx::proto::data_type;

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
        assert_eq!(Model::read(&target).expect("reads back").message(), model.message());
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left aside");
    }
}

/// Weights are held once, in single precision: what a file has in another form stays as it is.
#[test]
fn weights_in_any_encoding_re_encode_byte_for_byte() {
    let Some(path) = models().into_iter().next() else { return };
    let mut message = Model::read(&path).unwrap_or_else(|e| panic!("{e}")).message();
    let graph = message.graph.as_mut().expect("a graph");
    for (i, tensor) in
        graph.initializer.iter_mut().enumerate().filter(|(_, t)| t.data_type == Some(data_type::FLOAT))
    {
        let raw = tensor.raw_data.take().expect("raw data");
        let values: Vec<f32> = raw.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        match i % 3 {
            0 => tensor.raw_data = Some(raw),
            1 => tensor.float_data = values,
            // No number of single precision.
            _ => {
                tensor.data_type = Some(data_type::DOUBLE);
                tensor.double_data = values.iter().map(|&v| f64::from(v) + 1e-12).collect();
            }
        }
    }
    let bytes = prost::Message::encode_to_vec(&message);
    let model = Model::from_bytes(&bytes).unwrap_or_else(|e| panic!("{e}"));
    assert!(model.to_bytes() == bytes && model.message() == message);
    let mut doubled = model.parameters().clone();
    doubled.iter_mut().for_each(|t| t.data_mut().iter_mut().for_each(|w| *w *= 2.0));
    let changed = model.with_parameters(doubled.clone()).expect("same shapes");
    let again = Model::from_bytes(&changed.to_bytes()).unwrap_or_else(|e| panic!("{e}"));
    assert!(*again.parameters() == doubled && again.message() == changed.message());
}
