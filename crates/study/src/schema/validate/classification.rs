//! Rules of `task: classification`, section by section.

use std::collections::BTreeMap;

use super::analysis::{finetune, statistics, subtype};
use super::{Checked, Door};
use crate::schema::*;

pub(super) fn study(door: &Door<'_>, study: &ClassificationStudy) -> Checked {
    door.head(&study.name, study.runs)?;
    door.one_of("", ("model", study.model.is_some()), ("train", study.train.is_some()))?;
    paths(door, &[("model", &study.model), ("output", &study.output)])?;
    study.train.as_ref().map_or(Ok(()), |section| train(door, section))?;
    data(door, &study.data)?;
    subtype(door, "", &study.subtype)?;
    compare(door, study)?;
    study.finetune.as_ref().map_or(Ok(()), |section| finetune(door, "", section))?;
    statistics(door, "", &study.statistics)?;
    study.repair.as_ref().map_or(Ok(()), |section| repair(door, section, study))
}

fn paths(door: &Door<'_>, paths: &[(&str, &Option<InputPath>)]) -> Checked {
    paths.iter().try_for_each(|(key, path)| {
        let empty = path.as_ref().is_some_and(InputPath::is_empty);
        door.ensure(!empty, key, "\"\"", "must not be empty")
    })
}

fn train(door: &Door<'_>, train: &ClassificationTrain) -> Checked {
    door.optimizer(&train.optimizer)?;
    door.ensure(!train.data.is_empty(), "train.data", "\"\"", "must not be empty")?;
    door.not_empty("train.split", Some(&train.split))?;
    door.not_empty("train.validation_split", Some(&train.validation_split))?;
    let apart = train.split != train.validation_split;
    door.ensure(apart, "train.validation_split", &train.validation_split, "must differ from train.split")?;
    door.counts(&[
        ("train.batch_size", Some(train.batch_size)),
        ("train.epochs", Some(train.epochs)),
        ("train.patience", Some(train.patience)),
        ("train.checkpoint_every", Some(train.checkpoint_every)),
    ])?;
    train.channels.map_or(Ok(()), |channels| door.within("train.channels", channels, 1..=4096))?;
    classes(door, "train.classes", &train.classes)
}

fn data(door: &Door<'_>, data: &ClassificationData) -> Checked {
    door.ensure(!data.source.is_empty(), "data.source", "\"\"", "must not be empty")?;
    paths(door, &[("data.labels", &data.labels), ("data.table", &data.table)])?;
    if let Some(split) = &data.split {
        door.ensure(!split.as_slice().is_empty(), "data.split", "[]", "must name at least one split")?;
        split.as_slice().iter().try_for_each(|name| door.not_empty("data.split", Some(name)))?;
        door.no_repeats("data.split", split.as_slice())?;
        if let Some(training) = &data.training_split {
            let apart = !split.as_slice().contains(training);
            door.ensure(apart, "data.training_split", training, "must not be among the splits to analyse")?;
        }
    }
    for (key, column) in [
        ("data.path_column", &data.path_column),
        ("data.label_column", &data.label_column),
        ("data.group_column", &data.group_column),
        ("data.training_split", &data.training_split),
    ] {
        door.not_empty(key, column.as_deref())?;
    }
    door.no_repeats("data.metadata", data.metadata.as_deref().unwrap_or_default())?;
    if let Some(Resplit { fraction }) = data.resplit {
        let rule = "must be above 0 and at most 1";
        door.ensure(fraction > 0.0 && fraction <= 1.0, "data.resplit.fraction", fraction, rule)?;
    }
    let AtMost { failures, correct } = data.at_most;
    door.counts(&[("data.at_most.failures", Some(failures)), ("data.at_most.correct", Some(correct))])?;
    classes(door, "data.classes", &data.classes)
}

/// A fine label belongs to one class; classes count from 0 without gaps, as the model's outputs do.
fn classes(door: &Door<'_>, key: &str, classes: &BTreeMap<u32, Vec<i64>>) -> Checked {
    let mut owner = BTreeMap::new();
    for (expected, (class, labels)) in (0..).zip(classes) {
        let place = format!("{key}.{class}");
        door.ensure(*class == expected, key, class, format!("classes count from 0; {expected} is missing"))?;
        door.ensure(!labels.is_empty(), &place, "[]", "must name at least one fine label")?;
        for label in labels {
            if let Some(other) = owner.insert(*label, *class) {
                return Err(door.refuse(
                    &place,
                    label,
                    format!("this fine label already belongs to class {other}"),
                ));
            }
        }
    }
    door.ensure(classes.len() != 1, key, "one class", "at least two classes are needed")
}

fn compare(door: &Door<'_>, study: &ClassificationStudy) -> Checked {
    door.no_repeats("compare", &study.compare)?;
    for entry in &study.compare {
        if let Comparison::Column(MetadataColumn { metadata }) = entry {
            door.not_empty("compare.metadata", Some(metadata))?;
        }
    }
    let trajectory = study.compare.contains(&Comparison::Named(Subtyping::Trajectory))
        || study.subtype.representation == Representation::Trajectory;
    // A study that trains its own model has the checkpoints of that training.
    let checkpoints = study.subtype.checkpoints.len();
    let known = study.train.is_some() || checkpoints >= 2;
    let rule = "trajectory needs at least 2 checkpoints of the model";
    door.ensure(!trajectory || known, "subtype.checkpoints", format!("{checkpoints} given"), rule)
}

fn repair(door: &Door<'_>, repair: &Repair, study: &ClassificationStudy) -> Checked {
    if let RepairTarget::Subtypes(targets) = &repair.target {
        door.ensure(!targets.is_empty(), "repair.target", "[]", "must name at least one subtype")?;
        targets.iter().try_for_each(|target| door.within("repair.target", *target, 1..=1000))?;
        door.no_repeats("repair.target", targets)?;
    }
    let methods = &repair.methods;
    door.no_repeats("repair.methods", methods)?;
    let listed = || format!("[{}]", methods.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    let repairs = methods.iter().any(|method| *method != RepairMethod::None);
    door.ensure(repairs, "repair.methods", listed(), "must name at least one method that repairs")?;
    if let Some(deliver) = repair.deliver {
        let known = deliver != RepairMethod::None && methods.contains(&deliver);
        door.ensure(known, "repair.deliver", deliver, "must be one of repair.methods that repairs")?;
    }
    let unlearns = methods.contains(&RepairMethod::Unlearn) && study.data.training_split.is_none();
    let rule = "needs what the model was trained on: name data.training_split";
    door.ensure(!unlearns, "repair.methods", RepairMethod::Unlearn, rule)?;
    let Gate { folds, margin_correct, margin_subgroup, margin_calibration, confidence } = repair.gate;
    door.within("repair.gate.folds", folds, 3..=100)?;
    door.within("repair.gate.margin_correct", margin_correct, 0.0..=1.0)?;
    door.within("repair.gate.margin_subgroup", margin_subgroup, 0.0..=1.0)?;
    door.within("repair.gate.margin_calibration", margin_calibration, 0.0..=1.0)?;
    let rule = "must lie between 0.5 and 1, both excluded";
    door.ensure(confidence > 0.5 && confidence < 1.0, "repair.gate.confidence", confidence, rule)
}
