//! The only place of this crate that touches the disk.

use std::fs::File;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use prost::Message;

use super::proto::{ModelProto, StringStringEntryProto, TensorProto};
use crate::error::NetError;

const EXTERNAL: i32 = 1;

/// Reads a file and inlines its external tensors.
pub(super) fn read(path: &Path) -> Result<ModelProto, NetError> {
    let bytes = std::fs::read(path).map_err(|source| io(path, source))?;
    let mut proto = decode(&bytes)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    if let Some(graph) = proto.graph.as_mut() {
        for tensor in &mut graph.initializer {
            if tensor.data_location == Some(EXTERNAL) {
                inline(tensor, folder)?;
            }
        }
    }
    Ok(proto)
}

/// Decodes the bytes of a model file.
pub(super) fn decode(bytes: &[u8]) -> Result<ModelProto, NetError> {
    if bytes.is_empty() {
        return Err(NetError::model("empty file: there is no graph in it"));
    }
    let proto = ModelProto::decode(bytes)
        .map_err(|e| NetError::model(format!("not an ONNX file, or truncated (invalid protobuf: {e})")))?;
    if proto.graph.is_none() {
        return Err(NetError::model("not an ONNX file: no graph in it"));
    }
    Ok(proto)
}

/// Writes aside, syncs, renames: the file appears complete or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), NetError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    let aside = path.with_file_name(name);
    let written = File::create(&aside)
        .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
        .and_then(|()| std::fs::rename(&aside, path));
    written.map_err(|source| {
        // The error that stopped the write is the one to report; a leftover is harmless.
        let _ = std::fs::remove_file(&aside);
        io(path, source)
    })
}

/// Puts the file's name before an error that does not have it yet.
pub(super) fn name_file(path: &Path, error: NetError) -> NetError {
    match error {
        NetError::Io { .. } => error,
        other => NetError::Model(format!("{}: {other}", path.display())),
    }
}

fn io(path: &Path, source: std::io::Error) -> NetError {
    NetError::Io { path: path.to_owned(), source }
}

/// Replaces a reference to an external file by the bytes it refers to.
fn inline(tensor: &mut TensorProto, folder: &Path) -> Result<(), NetError> {
    let name = tensor.name.clone().unwrap_or_default();
    let entry = |key: &str| entry(&tensor.external_data, key);
    let number = |key: &str| {
        let invalid =
            |_| NetError::model(format!("initialiser `{name}`: external data {key} is not a number"));
        entry(key).map(|v| v.parse::<usize>().map_err(invalid)).transpose()
    };
    let location = entry("location")
        .ok_or_else(|| NetError::model(format!("initialiser `{name}`: external data without a location")))?;
    let file = inside(folder, location, &name)?;
    let bytes = std::fs::read(&file).map_err(|source| io(&file, source))?;
    let start = number("offset")?.unwrap_or(0);
    let end = match number("length")? {
        Some(length) => start.checked_add(length),
        None => Some(bytes.len()),
    };
    let slice = end.and_then(|end| bytes.get(start..end)).ok_or_else(|| {
        NetError::model(format!("initialiser `{name}`: {} is shorter than the model says", file.display()))
    })?;
    tensor.raw_data = Some(slice.to_vec());
    tensor.external_data.clear();
    tensor.data_location = None;
    Ok(())
}

fn entry<'a>(entries: &'a [StringStringEntryProto], key: &str) -> Option<&'a str> {
    entries.iter().find(|e| e.key.as_deref() == Some(key)).and_then(|e| e.value.as_deref())
}

/// The path of an external file, which must stay inside the model's folder, also behind symbolic links.
fn inside(folder: &Path, location: &str, tensor: &str) -> Result<PathBuf, NetError> {
    let escapes = || {
        NetError::model(format!(
            "initialiser `{tensor}`: external data path `{location}` escapes the model directory; it was not opened"
        ))
    };
    let relative = Path::new(location);
    if !relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
        return Err(escapes());
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let joined = folder.join(relative);
    let real = joined.canonicalize().map_err(|source| io(&joined, source))?;
    let root = folder.canonicalize().map_err(|source| io(folder, source))?;
    if real.starts_with(root) { Ok(real) } else { Err(escapes()) }
}
