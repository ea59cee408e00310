//! Representation and fine-tuning of failures.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use modelmend_data::formats::{Source, read_cases};
use modelmend_data::split::{Part, failure_split};
use modelmend_data::{Cases, Images, Pixels};
use modelmend_failure::finetune::FinetuneSettings;
use modelmend_failure::matrix::{Layout, Target, ask_last, row};
use modelmend_failure::represent::{Scaling, gradients};
use modelmend_failure::subtype::{ClusterSettings, EmbeddingSettings, clusters, embed};
use modelmend_failure::{Judge, Problem};
use modelmend_learn::monitor::Silent;
use modelmend_net::{Model, Precision};
use rayon::prelude::*;

use crate::networks::{bytes, network, write};
use crate::{Outcome, Work};

/// Columns of the projected gradient of a layer, and the seed: those of `studies/rbc12.yaml` in the reference data.
const PROJECTION: (usize, u64) = (100, 42);

/// Fine labels of each class, embedding, sides of the split and number of subtypes of the same study.
const CLASSES: [&[i64]; 2] = [&[0, 1, 2, 4, 5, 11], &[3, 6, 7, 8, 9, 12]];
const EMBEDDING: EmbeddingSettings = EmbeddingSettings { dims: Some(10), neighbors: 5, min_dist: 0.0 };
const SHARES: [f64; 3] = [0.64, 0.16, 0.2];
const SUBTYPES: usize = 8;

/// The gradient of every image, projected layer by layer.
pub(crate) fn per_sample(name: &str, count: usize) -> Outcome<Work> {
    let network = network(name)?;
    let [channels, height, width] = network.image;
    let pixels = Pixels::U8(bytes(count * channels * height * width));
    let images = Images::new("images", &[count, height, width, channels], pixels)?;
    let problem = problem(network.model, images, (0..count).map(|i| i % 2).collect())?;
    let cases: Vec<usize> = (0..count).collect();
    let run = move || -> Outcome<()> {
        black_box(gradients(&problem, problem.parameters(), &cases, PROJECTION, &Silent)?);
        Ok(())
    };
    Ok(Work { precision: Precision::Single, run: Box::new(run) })
}

fn problem(model: Model, images: Images, targets: Vec<usize>) -> Outcome<Problem> {
    let labels = targets.iter().map(|&t| t as i64).collect();
    Ok(Problem::new(model, &Cases::new("test", images, labels)?, targets)?)
}

/// A network for each of the first `subtypes` subtypes of the exported cases, judged on all of them; EPOCHS from the environment in place
/// of `epochs`.
pub(crate) fn matrix(subtypes: usize, folder: &Path, (batch_size, epochs): (usize, usize)) -> Outcome<Work> {
    let known: Vec<i32> = std::fs::read(folder.join("matrix.cases"))?
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&word| i32::from_le_bytes(word))
        .collect();
    let [classes, parts, kinds] = [0, 1, 2].map(|column| known.iter().skip(column).step_by(3));
    let targets: Vec<usize> = classes.map(|&c| c as usize).collect();
    let layout = Layout {
        subtype: kinds.clone().map(|&kind| usize::try_from(kind).ok()).collect(),
        failure: kinds.map(|&kind| kind >= 0).collect(),
        part: parts.map(|&part| Part::ALL[part as usize]).collect(),
        subtypes: SUBTYPES,
    };
    let pixels = Pixels::U8(std::fs::read(folder.join("matrix.images"))?);
    let images = Images::new("images", &[targets.len(), 28, 28, 3], pixels)?;
    let problem = problem(Model::read(&folder.join("matrix.onnx"))?, images, targets)?;
    let epochs = std::env::var("EPOCHS").map_or(Ok(epochs), |epochs| epochs.parse())?;
    let settings = FinetuneSettings {
        learning_rate: 2e-5,
        weight_decay: 1e-3,
        batch_size,
        epochs,
        patience: epochs,
        keep_correct: 0.9,
    };
    let run = move || -> Outcome<()> {
        let tune = |subtype: usize| -> modelmend_failure::Result<()> {
            let target = Target::Subtype(subtype);
            let (mut row, tuned) = row(&problem, &layout, target, &settings, PROJECTION.1, &Silent)?;
            ask_last(&problem, &layout, target, (&mut row, &tuned))?;
            drop(black_box((row, tuned)));
            Ok(())
        };
        Ok((0..subtypes).into_par_iter().try_for_each(tune)?)
    };
    Ok(Work { precision: Precision::Split, run: Box::new(run) })
}

/// Writes network, images and cases of the matrix: class, side of the split and subtype (-1 where the network is right) of each case.
pub(crate) fn export(folder: &Path) -> Outcome<()> {
    let shared =
        std::env::var_os("MODELMEND_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    if !shared.join("data/rbc12.npz").exists() {
        println!("No fine-tuning matrix: no reference data at {} (set MODELMEND_SHARED)\n", shared.display());
        return Ok(());
    }
    let cases = read_cases(&Source::new(shared.join("data/rbc12.npz")).splits(["test"]))?;
    let classes: BTreeMap<usize, Vec<i64>> =
        CLASSES.iter().enumerate().map(|(class, labels)| (class, labels.to_vec())).collect();
    let targets = cases.classes(&classes)?;
    let problem = Problem::new(Model::read(&shared.join("models/rbc12_vgg.onnx"))?, &cases, targets)?;
    let all: Vec<usize> = (0..problem.count()).collect();
    let right = problem.correct(problem.parameters(), &all)?;
    let failures: Vec<usize> = all.iter().copied().filter(|&case| !right[case]).collect();

    let seed = PROJECTION.1;
    let represented = gradients(&problem, problem.parameters(), &failures, PROJECTION, &Silent)?;
    let embedded = embed(represented.scaled(Scaling::None).view(), &EMBEDDING, seed)?;
    let subtyping = clusters(embedded.view(), &ClusterSettings { k: SUBTYPES, seed })?.subtyping;
    let mut kinds = vec![None; all.len()];
    failures.iter().zip(subtyping.labels).for_each(|(&case, label)| kinds[case] = label);
    let strata: Vec<Vec<usize>> = kinds.iter().map(|kind| vec![kind.map_or(0, |k| k + 1)]).collect();
    let parts = failure_split(&strata, cases.groups.as_deref(), &SHARES, seed)?.parts;

    let known = all.iter().flat_map(|&case| {
        let kind = kinds[case].map_or(-1, |kind| kind as i32);
        [problem.targets()[case] as i32, parts[case] as i32, kind].map(i32::to_le_bytes)
    });
    std::fs::write(folder.join("matrix.cases"), known.flatten().collect::<Vec<u8>>())?;
    let pixels: Vec<Vec<u8>> = all.iter().map(|&case| cases.images.rgb8(case)).collect::<Result<_, _>>()?;
    std::fs::write(folder.join("matrix.images"), pixels.concat())?;
    problem.model().write(&folder.join("matrix.onnx"))?;
    write(folder, "matrix.weights", &problem.parameters().flatten())
}
