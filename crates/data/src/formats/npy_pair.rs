//! A pair of `.npy` files: `images.npy` beside `labels.npy`, or `<name>_images.npy` beside `<name>_labels.npy`, where
//! the name is that of the split. `groups.npy` may stand beside them.

use super::in_place::{IN_MEMORY, read_npy_images};
use super::{Format, Source, has_extension, labels, read_npy};
use crate::cases::Cases;
use crate::error::{Error, Result};

pub(super) const FORMAT: Format =
    Format { name: ".npy pair (images.npy, labels.npy)", reads: |path| has_extension(path, "npy"), read };

fn read(source: &Source) -> Result<Cases> {
    let stem = source.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let Some(prefix) = stem.strip_suffix("images") else {
        return Err(Error::Request(
            "the file of a pair is named images.npy or <split>_images.npy".to_owned(),
        ));
    };
    let split = match prefix.trim_end_matches('_') {
        "" => "all",
        name => name,
    };
    if let Some(other) = source.splits.iter().find(|wanted| *wanted != split) {
        return Err(Error::MissingSplit { wanted: other.clone(), present: split.to_owned() });
    }
    let beside = |name: &str| source.path.with_file_name(format!("{prefix}{name}.npy"));
    let images = read_npy_images(&source.path, stem, IN_MEMORY)?;
    let labels_path = beside("labels");
    let in_labels = |error: Error| error.in_file(&labels_path);
    let labels = labels("labels", &read_npy(&labels_path)?).map_err(in_labels)?;
    let mut cases = Cases::new(split, images, labels)?;
    let groups_path = beside("groups");
    if groups_path.exists() {
        let groups = super::medmnist::column("groups", read_npy(&groups_path)?);
        let groups = groups.map_err(|error| error.in_file(&groups_path))?;
        cases.groups = Some((0..groups.len()).map(|row| groups.text_at(row).unwrap_or_default()).collect());
    }
    Ok(cases)
}
