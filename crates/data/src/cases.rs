//! Cases: images with labels, groups and metadata.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::images::Images;
use crate::table::Column;

/// N cases, each with an image, a fine label and whatever else is known about it.
///
/// All vectors and columns have N entries ([`Cases::new`] starts them so; [`Cases::check`] tells).
#[derive(Clone, Debug, PartialEq)]
pub struct Cases {
    /// A name for each case, for instance `test/17` or the path of the image file.
    pub ids: Vec<String>,
    /// The images.
    pub images: Images,
    /// Fine labels (tissue type, cell type); [`Cases::classes`] maps them to classes of a model.
    pub labels: Vec<i64>,
    /// What must not be torn apart by a split: patient, slide, smear.
    pub groups: Option<Vec<String>>,
    /// Name of the split that each case came from.
    pub split: Vec<String>,
    /// Any further columns.
    pub metadata: BTreeMap<String, Column>,
}

impl Cases {
    /// Cases of one split without groups or metadata, with ids `<split>/<index>`.
    ///
    /// # Errors
    /// [`Error::CountMismatch`] where images and labels differ in number.
    pub fn new(split: &str, images: Images, labels: Vec<i64>) -> Result<Self> {
        let ids = (0..images.count()).map(|index| format!("{split}/{index}")).collect();
        let split = vec![split.to_owned(); images.count()];
        let cases = Cases { ids, images, labels, groups: None, split, metadata: BTreeMap::new() };
        cases.check()?;
        Ok(cases)
    }

    /// Number of cases (at least 1).
    pub fn count(&self) -> usize {
        self.images.count()
    }

    /// Makes sure that everything has one entry per case.
    ///
    /// # Errors
    /// [`Error::CountMismatch`] with the name of what has not.
    pub fn check(&self) -> Result<()> {
        let counts = [("labels", self.labels.len()), ("ids", self.ids.len()), ("split", self.split.len())];
        let groups = self.groups.as_ref().map(|groups| ("groups", groups.len()));
        let metadata = self.metadata.iter().map(|(name, column)| (name.as_str(), column.len()));
        for (name, count) in counts.into_iter().chain(groups).chain(metadata) {
            if count != self.count() {
                return Err(Error::CountMismatch {
                    first: "images".to_owned(),
                    first_count: self.count(),
                    second: name.to_owned(),
                    second_count: count,
                });
            }
        }
        Ok(())
    }

    /// The class of each case, where `classes` lists the fine labels of every class of the model.
    ///
    /// # Errors
    /// [`Error::LabelInTwoClasses`], or [`Error::LabelWithoutClass`] for a label that occurs and is listed nowhere.
    pub fn classes(&self, classes: &BTreeMap<usize, Vec<i64>>) -> Result<Vec<usize>> {
        let mut class_of = BTreeMap::new();
        for (&class, labels) in classes {
            for &label in labels {
                if let Some(first) = class_of.insert(label, class)
                    && first != class
                {
                    return Err(Error::LabelInTwoClasses { label, first, second: class });
                }
            }
        }
        let class = |&label: &i64| {
            class_of.get(&label).copied().ok_or_else(|| Error::LabelWithoutClass {
                label,
                cases: self.labels.iter().filter(|&&other| other == label).count(),
            })
        };
        self.labels.iter().map(class).collect()
    }

    /// The cases at `indices`, in that order; an index may repeat.
    ///
    /// # Panics
    /// Where an index is not below [`Cases::count`], or `indices` is empty.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Cases {
        let pick = |values: &[String]| indices.iter().map(|&index| values[index].clone()).collect();
        Cases {
            ids: pick(&self.ids),
            images: self.images.select(indices),
            labels: indices.iter().map(|&index| self.labels[index]).collect(),
            groups: self.groups.as_deref().map(pick),
            split: pick(&self.split),
            metadata: self
                .metadata
                .iter()
                .map(|(name, column)| (name.clone(), column.select(indices)))
                .collect(),
        }
    }

    /// These cases and then `more`. A group name means the same group on both sides; a metadata column that one side
    /// lacks is missing there; groups that one side lacks are an error, since a split could not keep them together.
    ///
    /// # Errors
    /// [`Error::Shape`] where the images differ in size or channels, [`Error::Request`] where groups lack.
    pub fn join(mut self, more: Cases) -> Result<Cases> {
        if self.groups.is_some() != more.groups.is_some() {
            return Err(Error::Request(
                "one of the splits to join has groups and another has none".to_owned(),
            ));
        }
        let (before, added) = (self.count(), more.count());
        self.images.append(more.images)?;
        self.ids.extend(more.ids);
        self.labels.extend(more.labels);
        self.split.extend(more.split);
        if let (Some(groups), Some(more)) = (&mut self.groups, more.groups) {
            groups.extend(more);
        }
        for (name, column) in &mut self.metadata {
            if !more.metadata.contains_key(name) {
                let missing = column.missing_like(added);
                column.extend(missing);
            }
        }
        for (name, column) in more.metadata {
            self.metadata.entry(name).or_insert_with(|| column.missing_like(before)).extend(column);
        }
        Ok(self)
    }

    /// Indices of the cases that came from one of these splits, in order.
    ///
    /// # Errors
    /// [`Error::MissingSplit`] for a split without cases.
    pub fn of_splits(&self, wanted: &[&str]) -> Result<Vec<usize>> {
        for &name in wanted {
            if !self.split.iter().any(|split| split == name) {
                let mut present: Vec<_> = self.split.clone();
                present.sort();
                present.dedup();
                return Err(Error::MissingSplit { wanted: name.to_owned(), present: present.join(", ") });
            }
        }
        Ok((0..self.count()).filter(|&case| wanted.contains(&self.split[case].as_str())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::Pixels;

    fn three() -> Cases {
        let images = Images::new("images", &[3, 1, 1], Pixels::U8(vec![10, 20, 30])).unwrap();
        Cases::new("test", images, vec![4, 5, 4]).unwrap()
    }

    #[test]
    fn fine_labels_map_to_classes_or_are_named() {
        let cases = three();
        let map = BTreeMap::from([(0, vec![4]), (1, vec![5, 6])]);
        assert_eq!(cases.classes(&map).unwrap(), [0, 1, 0]);
        let lacking = cases.classes(&BTreeMap::from([(0, vec![5])])).unwrap_err();
        assert_eq!(lacking.to_string(), "label 4 (2 cases) belongs to no class; add it to `classes`");
        let double = cases.classes(&BTreeMap::from([(0, vec![4, 5]), (1, vec![5])])).unwrap_err();
        assert!(double.to_string().starts_with("label 5 belongs to class 0 and to class 1"));
    }

    #[test]
    fn selection_keeps_everything_together() {
        let mut cases = three();
        cases.groups = Some(vec!["a".into(), "b".into(), "c".into()]);
        cases.metadata.insert("age".into(), Column::Integer(vec![Some(1), None, Some(3)]));
        let picked = cases.select(&[2, 1]);
        picked.check().unwrap();
        assert_eq!(picked.ids, ["test/2", "test/1"]);
        assert_eq!(picked.labels, [4, 5]);
        assert_eq!(picked.groups.unwrap(), ["c", "b"]);
        assert_eq!(picked.metadata["age"], Column::Integer(vec![Some(3), None]));
        assert_eq!(picked.images.rgb8(0).unwrap(), [30, 30, 30]);
        assert!(cases.of_splits(&["train"]).unwrap_err().to_string().contains("the data has: test"));
    }

    #[test]
    fn joining_fills_what_one_side_lacks() {
        let (mut a, mut b) = (three(), three());
        a.metadata.insert("age".into(), Column::integers([1, 2, 3]));
        b.metadata.insert("site".into(), Column::text(["x", "y", "z"]));
        let joined = a.clone().join(b.clone()).unwrap();
        joined.check().unwrap();
        assert_eq!(joined.count(), 6);
        assert_eq!(joined.metadata["age"].text_at(3), None);
        assert_eq!(joined.metadata["site"].text_at(3), Some("x".into()));
        b.groups = Some(vec!["g".into(); 3]);
        assert!(a.join(b).is_err());
    }

    #[test]
    fn counts_must_agree() {
        let images = Images::new("images", &[2, 1, 1], Pixels::U8(vec![0, 0])).unwrap();
        assert!(Cases::new("test", images, vec![1]).unwrap_err().to_string().contains("2 vs 1"));
    }
}
