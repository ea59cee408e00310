//! Study files: those of the project parse, bad ones are refused with a message that helps, no bytes cause a panic.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test may fail at once")]

use std::path::{Path, PathBuf};

use modelmend_study::schema::{Study, StudyFile, json_schema};
use proptest::prelude::*;

fn shared() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("MODELMEND_SHARED").map_or(default, PathBuf::from).join("studies");
    if !folder.is_dir() {
        eprintln!("SKIPPED: no {}; set MODELMEND_SHARED", folder.display());
        return None;
    }
    Some(folder)
}

const SMALL: &str = "\
name: x
task: classification
model: m.onnx
data:
  source: d.npz
  split: test
  classes: {0: [0, 1], 1: [2]}
compare: [random, metadata: slide]
finetune:
  keep_correct: 0.9
";

const JUMPS: &str = "\
name: j
task: reconstruction
data: {generator: jumps, samples: {train: 16, validation: 2, test: 2}, length: 64, noise: [0.1]}
train: {architecture: conv1d, optimizer: {name: adam, learning_rate: 1.0e-3}, epochs: 1}
uncertainty:
  - {method: mcdropout, passes: 4}
";

/// The same with a network that is already trained.
const JUMPS_GIVEN: &str = "
name: j
task: reconstruction
data: {generator: jumps, samples: {train: 16, validation: 2, test: 2}, length: 64, noise: [0.1]}
model: m.onnx
uncertainty:
  - {method: mcdropout, passes: 4}
";

fn message(text: &str) -> String {
    Study::parse(Path::new("x.yaml"), text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn every_shared_study_parses() {
    let Some(folder) = shared() else { return };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = StudyFile::load(&entry.unwrap().path()).unwrap_or_else(|error| panic!("{error}"));
        names.push(file.study.name().to_owned());
    }
    names.sort();
    assert_eq!(names, ["ct", "denoise", "jumps", "rbc12", "rbc12-repair", "rbc12-train"]);
}

#[test]
fn values_and_defaults_are_read() {
    let Study::Classification(study) = Study::parse(Path::new("x.yaml"), SMALL.as_bytes()).unwrap() else {
        panic!("another task")
    };
    assert_eq!((study.seed, study.runs, study.subtype.projection), (0, 1, 100));
    assert_eq!(study.data.classes[&0], [0, 1]);
    assert_eq!((study.data.at_most.failures, study.data.at_most.correct), (10_000, 40_000));
    assert_eq!(
        study.compare.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["random", "metadata:slide"]
    );
    let finetune = study.finetune.unwrap();
    assert_eq!((finetune.keep_correct, finetune.train, finetune.learning_rate.value()), (0.9, 0.64, None));
    assert_eq!((study.statistics.bootstrap, study.statistics.confidence), (2000, 0.95));
}

#[test]
fn failures_of_a_reconstruction_network_have_the_defaults_of_classification() {
    let parse = |more: &str| match Study::parse(Path::new("x.yaml"), format!("{JUMPS}{more}").as_bytes()) {
        Ok(Study::Reconstruction(study)) => study.failures,
        other => panic!("{other:?}"),
    };
    assert_eq!(parse(""), None);
    let all = parse("failures: {}").unwrap();
    assert_eq!((all.edge, all.share, all.subtype.projection, all.finetune), (32, 0.2, 100, None));
    let some = parse("failures: {edge: 8, share: 0.1, subtype: {clustering: {k: 2}}, finetune: {epochs: 3}}")
        .unwrap();
    assert_eq!((some.edge, some.share, some.subtype.clustering.k.bounds()), (8, 0.1, (2, 2)));
    assert_eq!(some.finetune.map(|f| (f.epochs, f.train)), Some((3, 0.64)));
}

#[test]
fn runs_have_their_seeds_and_share_the_first() {
    let parse = |text: String| Study::parse(Path::new("x.yaml"), text.as_bytes()).unwrap();
    assert_eq!(parse(format!("seed: 42\nruns: 3\n{SMALL}")).seeds(), [42, 43, 44]);
    assert_eq!(parse(format!("seed: 42\n{SMALL}")).seeds(), [42]);
}

#[test]
fn paths_are_relative_to_the_study_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    std::fs::write(&path, SMALL).unwrap();
    let file = StudyFile::load(&path).unwrap();
    let Study::Classification(study) = &file.study else { panic!("another task") };
    assert_eq!(file.resolve(&study.data.source), folder.path().join("d.npz"));
    assert_eq!(file.output(), folder.path().join("out/x"));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    assert!(
        StudyFile::load(Path::new("no/such.yaml")).unwrap_err().to_string().starts_with("no/such.yaml: ")
    );
}

/// A study, a text in it, what it becomes, and the whole message.
#[rustfmt::skip]
const REFUSED: &[(&str, &str, &str, &str)] = &[
    // unknown keys and values
    (SMALL, "keep_correct", "keep_corect", "x.yaml:10: unknown key `finetune.keep_corect`; did you mean `keep_correct`?"),
    (SMALL, "model:", "modle:", "x.yaml:3: unknown key `modle`; did you mean `model`?"),
    (SMALL, "split: test", "patch: 3", "x.yaml:6: unknown key `data.patch`; did you mean `path_column`?"),
    (JUMPS, "passes: 4", "pases: 4", "x.yaml:6: unknown key `uncertainty[0].pases`; did you mean `passes`?"),
    (SMALL, "task: classification", "task: clasification", "x.yaml:2: task: unknown value `clasification`; did you mean `classification`?"),
    (SMALL, "task: classification\n", "", "x.yaml: task: this key is missing"),
    (SMALL, "  source: d.npz\n", "", "x.yaml: data.source: this key is missing"),
    (SMALL, "random", "randm", "x.yaml:8: compare[0]: expected random, fpfn, metadata, features, features-flat, gradients, trajectory, or `metadata: COLUMN`"),
    // types
    (SMALL, "keep_correct: 0.9", "epochs: many", "x.yaml:10: finetune.epochs: expected a whole number, at least 0 and not huge"),
    (SMALL, "keep_correct: 0.9", "epochs: -3", "x.yaml:10: finetune.epochs: expected a whole number, at least 0 and not huge"),
    (SMALL, "keep_correct: 0.9", "learning_rate: fast", "x.yaml:10: finetune.learning_rate: expected a number or `auto`"),
    (SMALL, "name: x", "name: x\nsubtype: {clustering: {k: [3]}}", "x.yaml:2: subtype.clustering.k: expected a number of subtypes or a range `[smallest, largest]`"),
    (SMALL, "0.9", "[0.9]", "x.yaml:10: finetune.keep_correct: expected a single value, not a list or a mapping"),
    (SMALL, "model: m.onnx", "model: m.onnx\ntrain: {augment: {flips: 3}}", "x.yaml:4: train.augment.flips: invalid boolean (true or false expected)"),
    (SMALL, "model: m.onnx", "model: [m.onnx]", "x.yaml:3: model: expected a single value, not a list or a mapping"),
    (SMALL, "classes: {0:", "classes: {a:", "x.yaml:7: data.classes: expected a whole number, at least 0 and not huge"),
    (SMALL, "split: test", "split: {test: 1}", "x.yaml:6: data.split: expected one name or a list of names"),
    (SMALL, "d.npz", "d.npz\n  format: zip", "x.yaml:6: data.format: unknown value `zip`; known here: auto, npz, npy, folder"),
    // ranges
    (SMALL, "0.9", "1.4", "x.yaml: finetune.keep_correct = 1.4: must lie in 0..=1"),
    (SMALL, "0.9", ".nan", "x.yaml:10: finetune.keep_correct: value `.nan` is not a finite number"),
    (SMALL, "keep_correct: 0.9", "learning_rate: 0.0", "x.yaml: finetune.learning_rate = 0: must be above 0"),
    (SMALL, "keep_correct: 0.9", "train: 0.7", "x.yaml: finetune.train + validation + test = 1.06: the three shares must add up to 1"),
    (SMALL, "name: x", "name: x\nruns: 0", "x.yaml: runs = 0: must lie in 1..=1000"),
    (SMALL, "name: x", "name: ../x", "x.yaml: name = ../x: must not start with a dot nor contain slashes or control characters"),
    (SMALL, "name: x", "name: x\nstatistics: {confidence: 1.0}", "x.yaml: statistics.confidence = 1: must lie between 0 and 1, both excluded"),
    (SMALL, "name: x", "name: x\nsubtype: {clustering: {k: [9, 3]}}", "x.yaml: subtype.clustering.k = [9, 3]: the smallest number must not be above the largest"),
    (SMALL, "name: x", "name: x\nrepair: {gate: {folds: 1}}", "x.yaml: repair.gate.folds = 1: must lie in 3..=100"),
    (SMALL, "name: x", "name: x\nrepair: {gate: {folds: 2}}", "x.yaml: repair.gate.folds = 2: must lie in 3..=100"),
    (SMALL, "name: x", "name: x\nrepair: {gate: {confidence: 0.5}}", "x.yaml: repair.gate.confidence = 0.5: must lie between 0.5 and 1, both excluded"),
    (SMALL, "name: x", "name: x\nrepair: {methods: []}", "x.yaml: repair.methods = []: must name at least one method that repairs"),
    (SMALL, "name: x", "name: x\nrepair: {methods: [none]}", "x.yaml: repair.methods = [none]: must name at least one method that repairs"),
    (SMALL, "name: x", "name: x\nrepair: {methods: [ewc, f+c, ewc]}", "x.yaml: repair.methods[2] = ewc: is given twice"),
    (SMALL, "name: x", "name: x\nrepair: {methods: [ewc], deliver: f_i+c}", "x.yaml: repair.deliver = f_i+c: must be one of repair.methods that repairs"),
    (SMALL, "name: x", "name: x\nrepair: {methods: [none, unlearn]}", "x.yaml: repair.methods = unlearn: needs what the model was trained on: name data.training_split"),
    (SMALL, "d.npz", "d.npz\n  resplit: {fraction: 0.0}", "x.yaml: data.resplit.fraction = 0: must be above 0 and at most 1"),
    // rules between keys
    (SMALL, "model: m.onnx\n", "", "x.yaml: model | train = neither: one of the two is needed"),
    (SMALL, "1: [2]", "1: [1]", "x.yaml: data.classes.1 = 1: this fine label already belongs to class 0"),
    (SMALL, "1: [2]", "2: [2]", "x.yaml: data.classes = 2: classes count from 0; 1 is missing"),
    (SMALL, "[random,", "[random, random,", "x.yaml: compare[1] = random: is given twice"),
    (SMALL, "[random,", "[trajectory,", "x.yaml: subtype.checkpoints = 0 given: trajectory needs at least 2 checkpoints of the model"),
    (SMALL, "split: test", "split: [a, b]\n  training_split: b", "x.yaml: data.training_split = b: must not be among the splits to analyse"),
    (JUMPS, "epochs: 1", "epochs: 1, steps: 2", "x.yaml: train.epochs | steps = both: give one of the two"),
    (JUMPS, "generator: jumps", "images: d", "x.yaml: data.samples = given: only for a generator; use split"),
    (JUMPS, "test: 2", "test: 0.5", "x.yaml: data.samples = 1 of 3 are fractions: give three counts or three fractions"),
    (JUMPS, "passes: 4", "passes: 1", "x.yaml: uncertainty[0].passes = 1: must lie in 2..=100000"),
    (JUMPS, "{method: mcdropout, passes: 4}", "{method: ensemble}", "x.yaml: uncertainty[0].members | models = neither: one of the two is needed"),
    (JUMPS, "{method: mcdropout, passes: 4}", "{method: ensemble, members: 1}", "x.yaml: uncertainty[0].members = 1: must lie in 2..=100"),
    (JUMPS, "{method: mcdropout, passes: 4}", "{method: ensemble, models: [a.onnx], steps: 3}", "x.yaml: uncertainty[0].epochs | steps = given: only with members"),
    (JUMPS, "passes: 4", "ratio: 1.0", "x.yaml: uncertainty[0].ratio = 1: must lie between 0 and 1, both excluded"),
    (JUMPS, "{method: mcdropout, passes: 4}", "{method: error}", "x.yaml: uncertainty[0].epochs | steps = neither: one of the two is needed"),
    (JUMPS, "{method: mcdropout, passes: 4}", "{method: tta, flips: 2}", "x.yaml:6: unknown key `uncertainty[0].flips`; nothing more is known here"),
    (JUMPS_GIVEN, "{method: mcdropout, passes: 4}", "{method: ensemble, members: 3}", "x.yaml: uncertainty[0].members = 3: needs a `train` section; with a trained `model` give `models`"),
    (JUMPS, "{method: mcdropout, passes: 4}", "{method: inn, epochs: 1, learning_rate: 1.0, beta: auto, layers: last 0}", "x.yaml:6: uncertainty[0]: expected `all`, `last N`, or a list of node names"),
    (SMALL, "split: test", "split: test\n  at_most: {failures: 0}", "x.yaml: data.at_most.failures = 0: must lie in 1..=10000000"),
    (SMALL, "split: test", "split: test\n  at_most: {right: 5}", "x.yaml:7: unknown key `data.at_most.right`; known here: failures, correct"),
    // failures of a reconstruction network: the rules of classification, under their own section
    (JUMPS, "name: j", "name: j\nfailures: {edges: 8}", "x.yaml:2: unknown key `failures.edges`; did you mean `edge`?"),
    (JUMPS, "name: j", "name: j\nfailures: {edge: 0}", "x.yaml: failures.edge = 0: must lie in 1..=10000000"),
    (JUMPS, "name: j", "name: j\nfailures: {share: 1.0}", "x.yaml: failures.share = 1: must lie between 0 and 1, both excluded"),
    (JUMPS, "name: j", "name: j\nfailures: {subtype: {clustering: {k: [9, 3]}}}", "x.yaml: failures.subtype.clustering.k = [9, 3]: the smallest number must not be above the largest"),
    (JUMPS, "name: j", "name: j\nfailures: {subtype: {representation: features}}", "x.yaml: failures.subtype.representation = another: regions are described by `gradients`"),
    (JUMPS, "name: j", "name: j\nfailures: {subtype: {checkpoints: [a.onnx]}}", "x.yaml: failures.subtype.checkpoints = given: only for a classifier"),
    (JUMPS, "name: j", "name: j\nfailures: {finetune: {train: 0.7}}", "x.yaml: failures.finetune.train + validation + test = 1.06: the three shares must add up to 1"),
    (JUMPS, "name: j", "name: j\nfailures: {statistics: {confidence: 1.0}}", "x.yaml: failures.statistics.confidence = 1: must lie between 0 and 1, both excluded"),
    // hostile
    (SMALL, "name: x", "name: x\nname: y", "x.yaml:2: duplicate mapping key `name` is not allowed here"),
];

#[test]
fn bad_studies_are_refused_with_rule_value_and_place() {
    let mut wrong = String::new();
    for (study, from, to, expected) in REFUSED {
        assert!(study.contains(from), "{from} is not in the study");
        let message = message(&study.replacen(from, to, 1));
        if message != *expected {
            wrong += &format!("{to:?}\n  expected {expected}\n  got      {message}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn hostile_yaml_is_refused_in_one_short_line() {
    let mut bomb = "name: &a0 [x, x]\n".to_owned();
    for level in 1..30 {
        bomb += &format!("k{level}: &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1);
    }
    let keys: String = (0..60_000).map(|i| format!("k{i}: 1\n")).collect();
    let hostile = [
        format!("{bomb}{SMALL}"),
        format!("{}: x", "[".repeat(10_000)),
        "- ".repeat(10_000),
        (0..5000).map(|depth| format!("{}k:\n", " ".repeat(depth.min(200)))).collect(),
        format!("{keys}{SMALL}"),
        "x".repeat(2 << 20),
        format!("{SMALL}---\n{SMALL}"),
        String::new(),
        "%YAML 9.9\n---\n!!python/object:os.system {}".to_owned(),
    ];
    for text in hostile {
        let start = std::time::Instant::now();
        let message = message(&text);
        assert!(!message.contains('\n') && message.len() < 1500, "{message}");
        assert!(start.elapsed().as_secs() < 2, "{:?} for {:.40}", start.elapsed(), text);
    }
}

#[test]
fn the_json_schema_knows_both_tasks() {
    let schema = json_schema().to_string();
    for key in ["keep_correct", "missing_wedge", "\"classification\"", "\"reconstruction\"", "features-flat"]
    {
        assert!(schema.contains(key), "{key}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_cause_a_panic(
        study in prop::sample::select(vec![SMALL, JUMPS]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut text = study.as_bytes().to_vec();
        for (position, byte) in edits {
            let position = position.index(text.len());
            text[position] = byte;
        }
        if let Err(error) = Study::parse(Path::new("x.yaml"), &text) {
            prop_assert!(error.to_string().starts_with("x.yaml"));
        }
    }

    #[test]
    fn no_structure_causes_a_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "- ", ": ", "{", "}", "[", "]", "\n", "  ", "&a ", "*a", "<<: ", "!!binary ", "? ", "|\n", "'", "\"", "---\n",
            "name", "task: classification\n", "data", "compare", "metadata", "k", "3", "1e999", "~", "#", ",", "\t",
        ]), 0..60),
    ) {
        let _ = Study::parse(Path::new("x.yaml"), pieces.concat().as_bytes());
    }
}
