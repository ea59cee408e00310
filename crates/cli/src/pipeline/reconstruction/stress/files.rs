//! The items of stress tests as arrays for the output folder.

use anyhow::{Context as _, Result};
use modelmend_data::formats::{Array, Values};
use modelmend_data::split::Part;
use modelmend_uncertainty::source::{Batch, Source};

use super::super::Arrays;
use super::Test;

/// For each test a file with what goes into the network before it and in it, the truth behind it, what u should mark, the mask, and of an attacked measurement what it was and how
/// it changed. Items of one size are stacked, others are numbered.
pub(in super::super) fn files(tests: &[Test], source: &dyn Source) -> Result<Vec<(String, Arrays)>> {
    tests.iter().map(|test| Ok((format!("{}.npz", test.name), arrays(test, source)?))).collect()
}

fn arrays(test: &Test, source: &dyn Source) -> Result<Arrays> {
    let shape = |item: usize| test.items.get(item).map_or(&[][..], |stressed| stressed.input.shape());
    let alike = (0..test.items.len()).all(|item| shape(item) == shape(0));
    let groups: Vec<Vec<usize>> = if alike {
        vec![(0..test.items.len()).collect()]
    } else {
        (0..test.items.len()).map(|i| vec![i]).collect()
    };
    let mut all = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        let name = |name: &str| if alike { name.to_owned() } else { format!("{name}-{}", number + 1) };
        let mut one = group.first().map_or(Vec::new(), |&item| shape(item).to_vec());
        if let Some(count) = one.first_mut() {
            *count = group.len();
        }
        let items = || group.iter().filter_map(|&item| test.items.get(item));
        let mut floats = |key: &str, shape: &[usize], values: Vec<f32>| -> Result<()> {
            let array = Array::new(shape.to_vec(), Values::F32(values))?;
            all.push((name(key), array));
            Ok(())
        };
        let clean = group.iter().map(|&item| Ok(source.item(Part::Test, item)?));
        let clean = clean.collect::<Result<Vec<Batch>>>()?;
        floats("before", &one, clean.iter().flat_map(|item| item.input.data()).copied().collect())?;
        floats("input", &one, items().flat_map(|item| item.input.data()).copied().collect())?;
        floats("truth", &one, items().flat_map(|item| &item.truth).copied().collect())?;
        floats("change", &one, items().flat_map(|item| &item.change).copied().collect())?;
        let changes: Vec<&Vec<f32>> = items().map(|item| &item.measurement).collect();
        let entries = changes.first().map_or(0, |values| values.len());
        if entries > 0 && changes.iter().all(|values| values.len() == entries) {
            let measure = |item: &Batch| Ok(source.acquisition().measure(item.target.data())?);
            let measured = clean.iter().map(measure).collect::<Result<Vec<_>>>()?;
            let shape = [group.len(), entries];
            floats("measurement", &shape, measured.concat())?;
            floats("measurement-change", &shape, changes.into_iter().flatten().copied().collect())?;
        }
        let mask: Vec<bool> = items().flat_map(|item| &item.mask).copied().collect();
        if !mask.is_empty() {
            let planes = one.get(2..).context("a stress test of items without pixels")?;
            let shape = [&[group.len()], planes].concat();
            all.push((name("mask"), Array::new(shape, Values::Bool(mask))?));
        }
    }
    Ok(all)
}
