//! The items that were not trained on, with their names and groups.

use anyhow::Result;
use modelmend_data::split::Part;
use modelmend_failure::regions::{Item, Regions};

use super::super::problem::Material;

/// Validation and test items.
pub(super) struct Held {
    pub(super) items: Vec<Item>,
    /// What each is called.
    pub(super) names: Vec<String>,
    /// The patient of each; without patients every item is its own group.
    pub(super) groups: Vec<String>,
}

impl Held {
    pub(super) fn read(material: &Material) -> Result<Self> {
        let source = material.source()?;
        let mut held = Self { items: Vec::new(), names: Vec::new(), groups: Vec::new() };
        for part in [Part::Validation, Part::Test] {
            let patients = material.groups(part);
            for index in 0..source.count(part) {
                let pair = source.item(part, index)?;
                let name = format!("{} item {}", part.name(), index + 1);
                held.items.push(Item { input: pair.input, target: pair.target });
                held.groups.push(patients.get(index).unwrap_or(&name).clone());
                held.names.push(name);
            }
        }
        Ok(held)
    }

    /// Whether items have patients.
    pub(super) fn has_patients(&self) -> bool {
        self.groups != self.names
    }

    /// What is said of each item, for each region.
    pub(super) fn of_regions(&self, regions: &Regions, of_items: &[String]) -> Vec<String> {
        regions.regions().iter().map(|region| of_items[region.item].clone()).collect()
    }

    /// What a region is called.
    pub(super) fn name(&self, regions: &Regions, case: usize) -> String {
        let region = regions.regions()[case];
        let [row, column] = region.corner;
        let name = &self.names[region.item];
        match region.whole[1] {
            1 => format!("{name}, from {column}"),
            _ => format!("{name}, row {row}, column {column}"),
        }
    }
}
