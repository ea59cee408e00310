//! The runner: what is computed, what is read, and what is reported.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail at once")]

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use modelmend_study::Hash;
use modelmend_study::artifact::Artifact;
use modelmend_study::cache::Cache;
use modelmend_study::observer::{Interrupt, Interrupted, Observer, Source};
use modelmend_study::plan::Plan;
use modelmend_study::runner::{Outcome, Runner, StepError};
use modelmend_study::schema::Study;
use modelmend_study::step::{Step, StepName};
use serde_json::json;

const STUDY: &str = "{name: x, task: classification, model: m.onnx, data: {source: d.npz}, finetune: {}}";

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Log {
    fn step_started(&self, step: &Step) {
        self.push(format!("{} {}", step.name, step.label));
    }
    fn progress(&self, _: &Step, fraction: f64) {
        self.push(format!("{fraction}"));
    }
    fn step_finished(&self, step: &Step, source: Source, _: f64) {
        self.push(format!("{} {source:?}", step.name));
    }
    fn warning(&self, message: &str) {
        self.push(format!("warning: {message}"));
    }
}

struct Bench {
    folder: tempfile::TempDir,
    log: Log,
    interrupt: Interrupt,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), log: Log::default(), interrupt: Interrupt::default() }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn runner(&self, force: &[&str]) -> Runner<'_> {
        let study = Study::parse(Path::new("x.yaml"), STUDY.as_bytes()).unwrap();
        let force: Vec<String> = force.iter().map(ToString::to_string).collect();
        let plan = Plan::of(&study).choose(None, &force).unwrap();
        Runner::new(Cache::open(&self.cache()).unwrap(), plan, &self.log, self.interrupt.clone())
    }

    /// The one file that the cache holds for `step`.
    fn entry(&self, step: &Step) -> PathBuf {
        self.cache().join(format!("{}.entry", step.key()))
    }
}

fn step(name: StepName) -> Step {
    let (label, parameters) = ("gradients".to_owned(), json!({"dims": 10}));
    Step { name, label, version: 1, parameters, inputs: vec![Hash::of(b"data")] }
}

fn compute(runner: &Runner<'_>, step: &Step) -> Result<Outcome<Vec<f64>>, StepError> {
    runner.run(step, |_| Ok(Artifact::new(vec![0.1, 1.0 / 3.0]).with_f32("x", &[1.5])))
}

fn source(runner: &Runner<'_>, step: &Step) -> Source {
    compute(runner, step).unwrap().source
}

#[test]
fn a_result_is_computed_once_and_shared_between_runners() {
    let bench = Bench::new();
    let first = compute(&bench.runner(&[]), &step(StepName::Embed)).unwrap();
    let second = compute(&bench.runner(&[]), &step(StepName::Embed)).unwrap();
    assert_eq!((first.source, second.source), (Source::Computed, Source::Cached));
    assert_eq!((first.artifact, first.hash), (second.artifact, second.hash));
    let lines = bench.log.lines();
    assert_eq!(lines, ["embed gradients", "embed Computed", "embed gradients", "embed Cached"]);
}

#[test]
fn the_hash_of_a_result_follows_its_content() {
    let bench = Bench::new();
    let runner = bench.runner(&[]);
    let of = |version: u32, artifact: Artifact<u32>| -> Hash {
        let step = Step { version, ..step(StepName::Embed) };
        runner.run(&step, |_| Ok::<_, StepError>(artifact)).unwrap().hash
    };
    let base = of(1, Artifact::new(1).with_blob("a", vec![1]));
    assert_eq!(of(2, Artifact::new(1).with_blob("a", vec![1])), base);
    assert_ne!(of(3, Artifact::new(2).with_blob("a", vec![1])), base);
    assert_ne!(of(4, Artifact::new(1).with_blob("b", vec![1])), base);
    assert_ne!(of(5, Artifact::new(1).with_blob("a", vec![2])), base);
}

#[test]
fn a_damaged_entry_is_computed_again_with_a_warning() {
    let bench = Bench::new();
    let step = step(StepName::Embed);
    source(&bench.runner(&[]), &step);
    let path = bench.entry(&step);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    bench.log.lines();
    assert_eq!(source(&bench.runner(&[]), &step), Source::Computed);
    let lines = bench.log.lines();
    assert!(lines[1].starts_with("warning: ") && lines[1].ends_with("its checksum is wrong"), "{lines:?}");
    assert_eq!(source(&bench.runner(&[]), &step), Source::Cached);
}

#[test]
fn an_entry_of_another_type_is_computed_again_with_a_warning() {
    let bench = Bench::new();
    let step = step(StepName::Embed);
    source(&bench.runner(&[]), &step);
    let other =
        bench.runner(&[]).run(&step, |_| Ok::<_, StepError>(Artifact::new("text".to_owned()))).unwrap();
    assert_eq!(other.source, Source::Computed);
    assert!(bench.log.lines().iter().any(|line| line.starts_with("warning: ")));
}

#[test]
fn a_forced_step_is_computed_again_and_no_other() {
    let bench = Bench::new();
    source(&bench.runner(&[]), &step(StepName::Embed));
    source(&bench.runner(&[]), &step(StepName::Subtype));
    let forced = bench.runner(&["embed"]);
    assert_eq!(source(&forced, &step(StepName::Embed)), Source::Computed);
    assert_eq!(source(&forced, &step(StepName::Subtype)), Source::Cached);
}

#[test]
fn a_failed_or_panicking_computation_leaves_nothing() {
    let bench = Bench::new();
    let step = step(StepName::Embed);
    let failed = bench.runner(&[]).run(&step, |_| Err::<Artifact<()>, _>(StepError::from(Interrupted)));
    assert!(failed.is_err());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        bench.runner(&[]).run(&step, |_| -> Result<Artifact<()>, StepError> { panic!("planted") })
    }));
    assert!(panicked.is_err());
    assert!(!bench.entry(&step).exists());
    assert_eq!(source(&bench.runner(&[]), &step), Source::Computed);
}

#[test]
fn a_result_that_does_not_survive_storage_fails_at_once_and_leaves_nothing() {
    let bench = Bench::new();
    let step = step(StepName::Embed);
    let refused = bench.runner(&[]).run(&step, |_| Ok::<_, StepError>(Artifact::new(vec![f64::NAN])));
    assert!(matches!(refused, Err(StepError::Artifact(_))));
    assert!(!bench.entry(&step).exists());
}

#[test]
fn parts_that_are_done_are_not_computed_again() {
    let bench = Bench::new();
    let step = step(StepName::Finetune);
    let computed = Cell::new(0);
    let run = |fail_at: Option<usize>| {
        bench.runner(&[]).run(&step, |scope| {
            let parts = (0..4).map(|index| {
                scope.part(index, 4, |part| {
                    part.progress(1, 2)?;
                    if fail_at == Some(index) {
                        bench.interrupt.request();
                    }
                    part.check()?;
                    computed.set(computed.get() + 1);
                    Ok::<_, StepError>(Artifact::new(index * 10))
                })
            });
            let values: Result<Vec<usize>, StepError> = parts.map(|part| Ok(part?.value)).collect();
            Ok(Artifact::new(values?))
        })
    };
    assert!(matches!(run(Some(2)), Err(StepError::Interrupted(_))));
    assert_eq!(computed.get(), 2);
    assert!(matches!(run(None), Err(StepError::Interrupted(_))), "an interrupted run starts no step");
    let bench = Bench { interrupt: Interrupt::default(), log: Log::default(), folder: bench.folder };
    let outcome = bench.runner(&[]).run(&step, |scope| {
        let parts = (0..4).map(|index| {
            scope.part(index, 4, |_| {
                computed.set(computed.get() + 1);
                Ok::<_, StepError>(Artifact::new(index * 10))
            })
        });
        let values: Result<Vec<usize>, StepError> = parts.map(|part| Ok(part?.value)).collect();
        Ok::<_, StepError>(Artifact::new(values?))
    });
    assert_eq!(outcome.unwrap().artifact.value, [0, 10, 20, 30]);
    assert_eq!(computed.get(), 4);
    assert_eq!(bench.log.lines(), ["finetune gradients", "0.25", "0.5", "0.75", "1", "finetune Computed"]);
}

#[test]
fn progress_of_parts_adds_up() {
    let bench = Bench::new();
    let outcome = bench.runner(&[]).run(&step(StepName::Finetune), |scope| {
        for index in 0..2 {
            scope.part(index, 2, |part| {
                part.progress(1, 2)?;
                Ok::<_, StepError>(Artifact::new(()))
            })?;
        }
        Ok::<_, StepError>(Artifact::new(()))
    });
    outcome.unwrap();
    assert_eq!(bench.log.lines()[1..5], ["0.25", "0.5", "0.75", "1"]);
}

#[test]
fn a_damaged_checkpoint_is_not_continued_from() {
    let bench = Bench::new();
    let step = step(StepName::Train);
    let stopped = bench.runner(&[]).run(&step, |scope| {
        scope.checkpoint(&Artifact::new(7_u32))?;
        assert_eq!(scope.resume::<u32>().unwrap().value, 7);
        Err::<Artifact<()>, _>(StepError::from(Interrupted))
    });
    assert!(stopped.is_err());
    let resumed = |bench: &Bench| {
        let seen = Cell::new(None);
        let result = bench.runner(&[]).run(&step, |scope| {
            seen.set(scope.resume::<u32>().map(|state| state.value));
            Err::<Artifact<()>, _>(StepError::from(Interrupted))
        });
        assert!(result.is_err());
        seen.get()
    };
    assert_eq!(resumed(&bench), Some(7));
    let path = bench.cache().join(format!("{0}.parts/{0}.state", step.key()));
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(resumed(&bench), None);
    assert!(bench.log.lines().iter().any(|line| line.starts_with("warning: ")));
}

#[test]
fn records_tell_every_step_and_its_key() {
    let bench = Bench::new();
    source(&bench.runner(&[]), &step(StepName::Embed));
    let runner = bench.runner(&[]);
    source(&runner, &step(StepName::Embed));
    source(&runner, &step(StepName::Subtype));
    let records = runner.records();
    let told: Vec<_> = records.iter().map(|r| (r.step.as_str(), r.cached, r.key)).collect();
    let key = |name| step(name).key();
    assert_eq!(told, [("embed", true, key(StepName::Embed)), ("subtype", false, key(StepName::Subtype))]);
}

#[test]
fn until_and_force_name_steps_of_the_study() {
    let study = Study::parse(Path::new("x.yaml"), STUDY.as_bytes()).unwrap();
    let plan = Plan::of(&study).choose(Some("subtype"), &[]).unwrap();
    let names: Vec<_> = plan.steps().map(StepName::as_str).collect();
    assert_eq!(names, ["predict", "represent", "embed", "subtype"]);
    assert!(plan.includes(StepName::Embed) && !plan.includes(StepName::Finetune));
    let refused = |until: Option<&str>, force: &[String]| {
        Plan::of(&study).choose(until, force).unwrap_err().to_string()
    };
    assert_eq!(
        refused(Some("fintune"), &[]),
        "--until fintune: this study has no such step; did you mean `finetune`?"
    );
    assert_eq!(
        refused(None, &["xyz".to_owned()]),
        "--force xyz: this study has no such step; \
         it has predict, represent, embed, subtype, finetune, statistics, report"
    );
    assert!(refused(Some("train"), &[]).starts_with("--until train: this study has no such step"));
}

#[test]
fn neighbouring_outputs_share_a_cache() {
    let folder = |output: &str| Cache::default_folder(Path::new(output));
    assert_eq!(folder("/d/out/a"), Path::new("/d/out/.modelmend-cache"));
    assert_eq!(folder("out/a"), folder("out/b"));
    assert!(folder(".").is_absolute());
}
