//! The subject of a study: cases, classes and the model, whether given or trained.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use modelmend_data::formats::{Source, TableColumns, read_cases};
use modelmend_data::split::resplit;
use modelmend_data::{Cases, Column};
use modelmend_net::Model;
use modelmend_study::Hash;
use modelmend_study::schema::{ClassificationData, ClassificationStudy, DataFormat, OneOrMany, StudyFile};

use super::context::Context;

/// Everything that is analysed.
pub(crate) struct Subject {
    /// The cases.
    pub(crate) cases: Cases,
    /// Class of each case.
    pub(crate) targets: Vec<usize>,
    /// The model.
    pub(crate) model: Model,
    /// What the report calls it.
    pub(crate) model_name: String,
    /// Earlier states of the model.
    pub(crate) checkpoints: Vec<Model>,
    /// What the names of classes and labels are.
    pub(crate) names: Names,
    /// Planted kind of each case, where it is known.
    pub(crate) planted: Option<Planted>,
    /// Hashes of model, cases and checkpoints: inputs of the first step.
    pub(crate) hashes: Vec<Hash>,
    /// The choice of cases that is not in a file's hash.
    pub(crate) selection: serde_json::Value,
}

/// Names for people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Names of the classes that have one.
    pub(crate) classes: BTreeMap<usize, String>,
    /// Names of the fine labels that have one.
    pub(crate) labels: BTreeMap<i64, String>,
}

impl Names {
    /// The name of a class.
    pub(crate) fn class(&self, class: usize) -> String {
        self.classes.get(&class).cloned().unwrap_or_else(|| format!("class {class}"))
    }

    /// The name of a fine label.
    pub(crate) fn label(&self, label: i64) -> String {
        self.labels.get(&label).cloned().unwrap_or_else(|| format!("label {label}"))
    }
}

/// Reads the cases and the model of a study; `trained` is the model that its own training step made.
pub(crate) fn read(
    context: &Context<'_>,
    file: &StudyFile,
    study: &ClassificationStudy,
    trained: Option<(Model, Vec<Model>)>,
) -> Result<Subject> {
    let data = &study.data;
    let path = file.resolve(&data.source);
    let mut hashes = vec![context.hash(&data.source.to_string(), &path)?];
    if let Some(table) = &data.table {
        hashes.push(context.hash(&table.to_string(), &file.resolve(table))?);
    }
    let Labelled { cases, targets, names, planted } = labelled(file, data, context.seed)?;
    let (model, model_name, checkpoints) = models(file, study, trained)?;
    if let Some(path) = &study.model {
        // For the provenance; steps stand on what was read of it.
        context.hash(&path.to_string(), &file.resolve(path))?;
    }
    hashes.push(Hash::of(&model.to_bytes()));
    hashes.extend(checkpoints.iter().map(|m| Hash::of(&m.to_bytes())));
    let selection = serde_json::json!({
        "split": data.split, "resplit": data.resplit, "classes": data.classes, "seed": data.resplit.map(|_| context.seed),
        "columns": [&data.path_column, &data.label_column, &data.group_column],
    });
    Ok(Subject { cases, targets, model, model_name, checkpoints, names, planted, hashes, selection })
}

/// The cases of a study with what the study says about them.
pub(crate) struct Labelled {
    /// The cases.
    pub(crate) cases: Cases,
    /// Class of each case.
    pub(crate) targets: Vec<usize>,
    /// What the names of classes and labels are.
    pub(crate) names: Names,
    /// Planted kind of each case, where it is known.
    pub(crate) planted: Option<Planted>,
}

/// Reads the cases of a study.
pub(crate) fn labelled(file: &StudyFile, data: &ClassificationData, seed: u64) -> Result<Labelled> {
    check_format(file, data)?;
    let (cases, planted) = select(read_cases(&source(file, data))?, data, seed)?;
    let classes = class_map(&data.classes, &cases);
    let targets =
        cases.classes(&classes).with_context(|| format!("{}: data.classes", file.path.display()))?;
    let names = Names {
        classes: data.class_names.iter().map(|(&c, n)| (c as usize, n.clone())).collect(),
        labels: data.fine_label_names.clone(),
    };
    Ok(Labelled { cases, targets, names, planted })
}

/// The cases that the model was trained on, where the study names their split.
pub(crate) fn training(file: &StudyFile, data: &ClassificationData, seed: u64) -> Result<Option<Labelled>> {
    let Some(split) = &data.training_split else { return Ok(None) };
    let data =
        ClassificationData { split: Some(OneOrMany::One(split.clone())), resplit: None, ..data.clone() };
    labelled(file, &data, seed).map(Some)
}

/// Refuses a source that is not what the study says it is.
fn check_format(file: &StudyFile, data: &ClassificationData) -> Result<()> {
    let path = file.resolve(&data.source);
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let fits = match data.format {
        DataFormat::Auto => true,
        DataFormat::Npz => extension == "npz",
        DataFormat::Npy => extension == "npy",
        DataFormat::Folder => path.is_dir(),
    };
    if !fits {
        bail!("data.format: {} is not of this format", data.source);
    }
    match &data.labels {
        Some(labels) if file.resolve(labels) != path.with_file_name("labels.npy") => {
            bail!("data.labels: must be `labels.npy` beside {}, not {labels}", data.source)
        }
        _ => Ok(()),
    }
}

/// Where and how the cases are read.
fn source(file: &StudyFile, data: &ClassificationData) -> Source {
    let path: PathBuf = data.table.as_ref().map_or_else(|| file.resolve(&data.source), |t| file.resolve(t));
    let mut source = Source::new(path);
    if let Some(splits) = &data.split {
        source = source.splits(splits.as_slice().to_vec());
    }
    let usual = TableColumns::default();
    source.columns = TableColumns {
        path: data.path_column.clone().unwrap_or(usual.path),
        label: data.label_column.clone().unwrap_or(usual.label),
        group: data.group_column.clone().unwrap_or(usual.group),
        split: usual.split,
    };
    source
}

/// Planted kind of each case.
pub(crate) type Planted = Vec<Option<String>>;

/// Draws the analysed cases anew where the study asks for it, and keeps the columns it names. The truth is taken out, so
/// that nothing can use it.
fn select(mut cases: Cases, data: &ClassificationData, seed: u64) -> Result<(Cases, Option<Planted>)> {
    if let Some(column) = data.group_column.as_ref().filter(|_| cases.groups.is_none()) {
        let Some(values) = cases.metadata.get(column) else {
            bail!("data.group_column: the cases have no column `{column}`");
        };
        let groups = (0..cases.count())
            .map(|i| values.text_at(i).with_context(|| format!("case {i} has no `{column}`")));
        cases.groups = Some(groups.collect::<Result<_>>()?);
    }
    if let Some(again) = data.resplit.filter(|again| again.fraction < 1.0) {
        let (_, analysed) = resplit(&cases, again.fraction, seed)?;
        cases = cases.select(&analysed);
    }
    let planted = match &data.truth_column {
        None => None,
        Some(name) => {
            let column = cases.metadata.remove(name);
            let column =
                column.with_context(|| format!("data.truth_column: the cases have no column `{name}`"))?;
            Some((0..cases.count()).map(|i| column.text_at(i)).collect())
        }
    };
    if let Some(kept) = &data.metadata {
        if let Some(missing) = kept.iter().find(|name| !cases.metadata.contains_key(*name)) {
            bail!("data.metadata: the cases have no column `{missing}`");
        }
        cases.metadata.retain(|name, _| kept.contains(name));
    }
    Ok((cases, planted))
}

/// The study's map from classes to fine labels; without one every label is its own class.
pub(crate) fn class_map(classes: &BTreeMap<u32, Vec<i64>>, cases: &Cases) -> BTreeMap<usize, Vec<i64>> {
    if classes.is_empty() {
        let labels: std::collections::BTreeSet<i64> = cases.labels.iter().copied().collect();
        return labels.into_iter().filter_map(|l| Some((usize::try_from(l).ok()?, vec![l]))).collect();
    }
    classes.iter().map(|(&c, labels)| (c as usize, labels.clone())).collect()
}

type Models = (Model, String, Vec<Model>);

fn models(
    file: &StudyFile,
    study: &ClassificationStudy,
    trained: Option<(Model, Vec<Model>)>,
) -> Result<Models> {
    let given = study.subtype.checkpoints.iter().map(|p| Ok(Model::read(&file.resolve(p))?));
    let given: Vec<Model> = given.collect::<Result<_>>()?;
    match (&study.model, trained) {
        (_, Some((model, own))) => {
            Ok((model, "The network trained here".to_owned(), if given.is_empty() { own } else { given }))
        }
        (Some(path), None) => {
            let name = path.as_written().file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok((Model::read(&file.resolve(path))?, name, given))
        }
        (None, None) => bail!("{}: either `model` or `train` must be given", file.path.display()),
    }
}

impl Subject {
    /// Some of the cases.
    pub(crate) fn select(&self, chosen: &[usize]) -> Self {
        let planted = |all: &Planted| chosen.iter().map(|&case| all[case].clone()).collect();
        Self {
            cases: self.cases.select(chosen),
            targets: chosen.iter().map(|&case| self.targets[case]).collect(),
            model: self.model.clone(),
            model_name: self.model_name.clone(),
            checkpoints: self.checkpoints.clone(),
            names: self.names.clone(),
            planted: self.planted.as_ref().map(planted),
            hashes: self.hashes.clone(),
            selection: self.selection.clone(),
        }
    }

    /// Number of the group of each case.
    pub(crate) fn group_numbers(&self) -> Option<Vec<usize>> {
        group_numbers(&self.cases)
    }

    /// Columns of metadata as text, fine label and group included, for the cases chosen.
    pub(crate) fn columns(&self, cases: &[usize]) -> BTreeMap<String, Vec<Option<String>>> {
        columns(&self.cases, &self.names, cases)
    }
}

/// Number of the group of each case.
pub(crate) fn group_numbers(cases: &Cases) -> Option<Vec<usize>> {
    cases.groups.as_deref().map(numbered)
}

/// Each group's place among the different groups, in the order of their names.
pub(crate) fn numbered(groups: &[String]) -> Vec<usize> {
    let distinct: std::collections::BTreeSet<&String> = groups.iter().collect();
    let numbers: BTreeMap<&String, usize> = distinct.into_iter().enumerate().map(|(i, g)| (g, i)).collect();
    groups.iter().map(|g| numbers[g]).collect()
}

/// Columns of metadata as text, fine label and group included, for the cases chosen.
pub(crate) fn columns(
    cases: &Cases,
    names: &Names,
    chosen: &[usize],
) -> BTreeMap<String, Vec<Option<String>>> {
    let text = |c: &Column| chosen.iter().map(|&i| c.text_at(i)).collect();
    let mut columns: BTreeMap<String, Vec<Option<String>>> =
        cases.metadata.iter().map(|(name, c)| (name.clone(), text(c))).collect();
    let labels = chosen.iter().map(|&i| Some(names.label(cases.labels[i]))).collect();
    columns.insert("fine label".to_owned(), labels);
    if let Some(groups) = &cases.groups {
        columns.insert("group".to_owned(), chosen.iter().map(|&i| Some(groups[i].clone())).collect());
    }
    columns
}
