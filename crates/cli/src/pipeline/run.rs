//! Runs a study, seed by seed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};
use modelmend_data::split::FAILURE_SHARES;
use modelmend_failure::finetune::FinetuneSettings;
use modelmend_failure::matrix::{Row, fixed_row};
use modelmend_failure::represent::Scaling;
use modelmend_failure::resample::Resampling;
use modelmend_failure::{Judge, Problem};
use modelmend_study::Hash;
use modelmend_study::cache::Cache;
use modelmend_study::observer::Interrupt;
use modelmend_study::plan::Plan;
use modelmend_study::runner::Runner;
use modelmend_study::schema::{
    ClassificationStudy, Comparison, RepairMethod, RepairTarget, Representation as Kind, Study, StudyFile,
    Subtyping as Method,
};
use modelmend_study::step::StepName;

use super::cases::{self, Judged};
use super::choose;
use super::context::Context;
use super::divide::{self, Division, Material, Setting, Trial};
use super::estimate::estimate;
use super::evidence::{self, Evidence, Neighborhood};
use super::finetune::{self, Extent};
use super::outputs::{self, Finished};
use super::population::Population;
use super::reconstruction;
use super::repair::{self, Known};
use super::represent::{self, Purpose};
use super::subject::{self, Labelled, Subject};
use super::suspects::suspects;
use super::train::{self, Trained};
use crate::output::Terminal;

/// What the command line says about a run.
#[derive(Debug, Default)]
pub(crate) struct RunOptions {
    pub(crate) out: Option<PathBuf>,
    pub(crate) until: Option<String>,
    pub(crate) force: Vec<String>,
    pub(crate) cache: Option<PathBuf>,
    pub(crate) threads: Option<usize>,
    pub(crate) quiet: bool,
    /// Only measures what the run would cost.
    pub(crate) estimate: bool,
    pub(crate) repair: Option<RepairChoice>,
}

/// A repair that the command line asks for, on top of what the study says.
#[derive(Debug)]
pub(crate) struct RepairChoice {
    /// Subtypes, counted from 1.
    pub(crate) target: Option<Vec<u32>>,
    /// Name of the method whose model is delivered.
    pub(crate) method: Option<String>,
}

impl RepairChoice {
    /// Changes what the study says; the methods that it compares stay, and the delivered one is added where it is not among
    /// them.
    fn apply(&self, file: &mut StudyFile) -> Result<()> {
        let path = file.path.clone();
        let Study::Classification(study) = &mut file.study else {
            bail!("{}: task: only classifiers are repaired, `task: classification`", path.display());
        };
        let section = study.repair.get_or_insert_default();
        if let Some(target) = &self.target {
            section.target = RepairTarget::Subtypes(target.clone());
        }
        if let Some(name) = &self.method {
            let known = serde_json::from_value(serde_json::Value::String(name.clone()));
            let method: RepairMethod =
                known.with_context(|| format!("--method {name}: there is no such method"))?;
            if !section.methods.contains(&method) {
                section.methods.push(method);
            }
            section.deliver = Some(method);
        }
        Ok(file.study.check(&path)?)
    }
}

/// Runs a study file and returns the exit code.
pub(crate) fn run_file(path: &Path, options: &RunOptions) -> Result<u8> {
    let mut file = StudyFile::load(path)?;
    if let Some(choice) = &options.repair {
        choice.apply(&mut file)?;
    }
    let file = file;
    if options.estimate {
        return estimate(&file, options.threads);
    }
    let out = options.out.clone().unwrap_or_else(|| file.output());
    let started = Started::new(&file.study, &out, options)?;
    let terminal = Terminal::new(options.quiet);
    let runner = started.runner(&terminal);
    match &file.study {
        Study::Classification(study) => classification(&file, study, &runner, &out),
        Study::Reconstruction(study) => reconstruction::run(&file, study, &runner, &out).map(|()| 0),
    }
}

/// Runs a classification study, seed by seed; returns the exit code.
fn classification(
    file: &StudyFile,
    study: &ClassificationStudy,
    runner: &Runner<'_>,
    out: &Path,
) -> Result<u8> {
    let inputs = Mutex::new(BTreeMap::new());
    let mut finished = Vec::new();
    for seed in file.study.seeds() {
        let context = Context { runner, seed, inputs: &inputs };
        let trained = match &study.train {
            Some(section) if context.wants(StepName::Train) => {
                Some(train::from_study(&context, file, section)?)
            }
            _ => None,
        };
        if !context.wants(StepName::Predict) {
            continue;
        }
        let models = trained.as_ref().map(|t| (t.model.clone(), t.checkpoints.clone()));
        let subject = subject::read(&context, file, study, models)?;
        let training = match study.repair {
            Some(_) => subject::training(file, &study.data, seed)?,
            None => None,
        };
        if let Some(done) = analyse(&context, study, subject, (trained, training))? {
            finished.push(done);
        }
    }
    if finished.is_empty() {
        crate::output::line("stopped as asked; run again without --until for the results");
        return Ok(0);
    }
    let refusals = refusals(&finished, file.study.seeds().len());
    outputs::write(out, file, finished, runner, &inputs)?;
    refusals.iter().for_each(|refusal| crate::output::line(refusal));
    Ok(if refusals.is_empty() { 0 } else { crate::output::REFUSED })
}

/// A line for each refused run; where there are several runs it says which.
fn refusals(finished: &[Finished], runs: usize) -> Vec<String> {
    let refused = finished.iter().enumerate().filter_map(|(run, f)| Some((run, f, f.refusal.as_ref()?)));
    refused
        .map(|(run, f, reason)| match runs {
            0 | 1 => format!("refused: {reason}"),
            _ => format!("run {} of {runs} (seed {}) refused: {reason}", run + 1, f.results.seed),
        })
        .collect()
}

/// What has to stand before the first step.
pub(crate) struct Started {
    cache: Cache,
    plan: Plan,
    interrupt: Interrupt,
}

impl Started {
    /// Opens the cache, checks the choice of steps, listens to Ctrl-C, sets the number of threads.
    pub(crate) fn new(study: &Study, out: &Path, options: &RunOptions) -> Result<Self> {
        let plan = Plan::of(study).choose(options.until.as_deref(), &options.force)?;
        std::fs::create_dir_all(out)
            .with_context(|| format!("{}: cannot make the output folder", out.display()))?;
        modelmend_study::cache::sweep_stale(out);
        let cache = Cache::open(&options.cache.clone().unwrap_or_else(|| Cache::default_folder(out)))?;
        let interrupt = Interrupt::default();
        let handle = interrupt.clone();
        ctrlc::set_handler(move || handle.request()).context("cannot listen to Ctrl-C")?;
        if let Some(threads) = options.threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build_global()
                .context("cannot set the number of threads")?;
        }
        Ok(Self { cache, plan, interrupt })
    }

    /// A runner that tells `terminal`.
    pub(crate) fn runner<'a>(&self, terminal: &'a Terminal) -> Runner<'a> {
        Runner::new(self.cache.clone(), self.plan.clone(), terminal, self.interrupt.clone())
    }
}

/// All steps after the model is there; `None` where the user wants to stop before the end.
fn analyse(
    context: &Context<'_>,
    study: &ClassificationStudy,
    subject: Subject,
    (trained, training): (Option<Trained>, Option<Labelled>),
) -> Result<Option<Finished>> {
    let problem = |s: &Subject| Problem::new(s.model.clone(), &s.cases, s.targets.clone());
    let judged = cases::predict(context, &subject, &problem(&subject)?)?;
    if !context.wants(StepName::Represent) {
        return Ok(None);
    }
    let population = Population::new(subject, judged, &study.data.at_most, context.seed)?;
    if let (Some(_), Some(note)) = (&study.repair, population.note()) {
        bail!(
            "repair: {note} The gate weighs the ones against the others, which needs all cases: raise `data.at_most`, or \
             draw fewer cases by `data.resplit`"
        );
    }
    let (subject, judged) = population.analysed();
    let problem = problem(subject)?;
    let comparisons = comparisons(study);
    let materials = materials(context, study, subject, &problem, judged, &comparisons)?;
    let features = all_features(context, subject, &problem, judged)?;
    let own = comparisons_material(&materials, study.subtype.representation)?;
    let scaling = own.embeddings.first().map_or(Scaling::None, |(s, _)| *s);
    let settings = represent::settings(&study.subtype);
    let picture =
        represent::embedded(context, &own.represented, "picture", (scaling, Purpose::Picture), &settings)?;
    if !context.wants(StepName::Subtype) {
        return Ok(None);
    }
    let finest: Vec<Vec<Option<usize>>> = materials
        .iter()
        .map(|m| divide::finest(m, &study.subtype, context.seed))
        .collect::<Result<Vec<_>>>()?
        .concat();
    let shares = study.finetune.as_ref().map_or(FAILURE_SHARES, |f| [f.train, f.validation, f.test]);
    let parts = cases::split(subject, judged, &finest, (&shares, context.seed))?;
    let trial = Trial {
        judge: &problem,
        failure: &judged.failure,
        failures: &judged.failures,
        judged: judged.hash,
        groups: subject.group_numbers(),
        parts_hash: divide::hash_of_parts(&parts),
        parts: &parts,
        finetune: study.finetune.as_ref().map(choose::finetuning),
    };
    let mut setting = Setting { population: &population, subject, problem: &problem, judged, trial };
    choose::settle(context, &mut setting.trial, study.finetune.as_ref(), (own, &study.subtype))?;
    let divisions = divisions(context, &setting, study, &materials, &comparisons)?;
    let repairs = study.repair.is_some() && context.wants(StepName::Repair);
    let known = if repairs { Some(Known::new(&setting, training)?) } else { None };
    let found = (divisions, features);
    let Some(evidence) = evidence(context, &setting, study, found, known.as_ref())? else { return Ok(None) };
    let repaired = match (&study.repair, evidence.first(), known) {
        (Some(section), Some(own), Some(known)) => {
            let why = |s: usize| (s, outputs::mislabelled(&own.doubts.subtypes[s]));
            let except = own.doubts.mislabelled().map(why).collect();
            Some(repair::repair(
                context,
                &setting,
                section,
                (&own.division, except),
                (known, study.statistics.bootstrap, context.seed.wrapping_sub(study.seed)),
            )?)
        }
        _ => None,
    };
    let findings = (evidence, picture.points, own);
    Ok(Some(outputs::finish(context, study, &setting, findings, (trained, repaired))))
}

/// The study's own subtyping first, then those it is compared with.
pub(super) fn comparisons(study: &ClassificationStudy) -> Vec<Comparison> {
    let own = divide::comparison_of(study.subtype.representation);
    let others = study.compare.iter().filter(|c| **c != own).cloned();
    std::iter::once(own.clone()).chain(others).collect()
}

fn materials(
    context: &Context<'_>,
    study: &ClassificationStudy,
    subject: &Subject,
    problem: &Problem,
    judged: &Judged,
    comparisons: &[Comparison],
) -> Result<Vec<Material>> {
    if judged.failures.len() < 2 * modelmend_failure::subtype::MIN_FAILURES {
        bail!(
            "the model fails on {} of {} cases: too few to look for subtypes",
            judged.failures.len(),
            problem.count()
        );
    }
    let kinds = comparisons.iter().filter_map(divide::clustered);
    kinds.map(|kind| divide::material(context, subject, problem, judged, (kind, &study.subtype))).collect()
}

fn comparisons_material(materials: &[Material], kind: Kind) -> Result<&Material> {
    materials.iter().find(|m| m.kind == kind).context("the study's own representation was not computed")
}

/// Features of every case, in which neighbours are looked for.
fn all_features(
    context: &Context<'_>,
    subject: &Subject,
    problem: &Problem,
    judged: &Judged,
) -> Result<ndarray::Array2<f32>> {
    let all: Vec<usize> = (0..problem.count()).collect();
    let inputs: Vec<Hash> = subject.hashes.iter().copied().chain([judged.hash]).collect();
    let features = represent::compute(context, subject, problem, (Kind::Features, 0), (&all, &inputs))?;
    Ok(features.representation.standardized())
}

type Divided = Vec<(Comparison, Division)>;

fn divisions(
    context: &Context<'_>,
    setting: &Setting<'_>,
    study: &ClassificationStudy,
    materials: &[Material],
    comparisons: &[Comparison],
) -> Result<Divided> {
    let mut divided: Divided = Vec::new();
    for comparison in comparisons {
        let division = match divide::clustered(comparison) {
            Some(kind) => {
                let material = comparisons_material(materials, kind)?;
                choose::by_clusters(context, &setting.trial, material, &study.subtype)?.0
            }
            None => {
                let sizes = divided.first().map(|(_, own)| own.subtyping.sizes()).unwrap_or_default();
                divide::by_given(context, setting, comparison, &sizes)?.0
            }
        };
        divided.push((comparison.clone(), division));
    }
    Ok(divided)
}

fn evidence(
    context: &Context<'_>,
    setting: &Setting<'_>,
    study: &ClassificationStudy,
    (divisions, features): (Divided, ndarray::Array2<f32>),
    known: Option<&Known>,
) -> Result<Option<Vec<Evidence>>> {
    let trial = &setting.trial;
    if trial.finetune.is_some() && !context.wants(StepName::Finetune) {
        return Ok(None);
    }
    let neighborhood = Neighborhood::new(setting, features)?;
    let statistics = &study.statistics;
    let resampling = Resampling {
        replicates: statistics.bootstrap as usize,
        confidence: statistics.confidence,
        seed: context.seed,
    };
    let Some(settings) = &trial.finetune else {
        let plain = divisions.into_iter().enumerate().map(|(index, (comparison, division))| {
            let findings = evidence::findings(setting, &division)?;
            let doubts = evidence::doubts(setting, &division, &neighborhood, None)?;
            // A repair must not learn wrong labels, whether the study makes matrices or not, nor leave out what it could learn.
            let doubts = match known.filter(|_| index == 0) {
                Some(known) => {
                    suspects(context, setting, (&division, &neighborhood), known, (doubts, &resampling))?
                }
                None => doubts,
            };
            Ok(Evidence { name: comparison.to_string(), division, findings, doubts, tuned: None })
        });
        return plain.collect::<Result<_>>().map(Some);
    };
    let (more, more_hash) = common_rows(context, setting, settings)?;
    let mut all = Vec::new();
    for (index, (comparison, division)) in divisions.into_iter().enumerate() {
        let name = comparison.to_string();
        let tuned = finetune::subtypes(context, trial, settings, (&name, &division.subtyping, index == 0))?;
        let null = match comparison {
            Comparison::Named(Method::Random) => Vec::new(),
            _ => {
                let sizes = division.subtyping.sizes();
                let extent = match index {
                    0 => Extent::Whole,
                    _ => Extent::Few,
                };
                let subtypings = statistics.random_subtypings as usize;
                finetune::null(context, trial, settings, (&name, &sizes, subtypings, extent))?
            }
        };
        let findings = evidence::findings(setting, &division)?;
        let asked = evidence::Asked::of(&tuned, &resampling);
        let doubts = evidence::doubts(setting, &division, &neighborhood, Some(&asked))?;
        let tuned = match context.wants(StepName::Statistics) {
            false => None,
            true => {
                let numbers = evidence::statistics(
                    context,
                    trial,
                    &name,
                    (&tuned, &null, &more),
                    (&resampling, more_hash),
                )?;
                Some(evidence::tuned(tuned, &more, numbers)?)
            }
        };
        all.push(Evidence { name, division, findings, doubts, tuned });
    }
    Ok(if context.wants(StepName::Report) { Some(all) } else { None })
}

/// Rows that every matrix has: fine-tuning on all failures, none, another checkpoint.
fn common_rows(
    context: &Context<'_>,
    setting: &Setting<'_>,
    settings: &FinetuneSettings,
) -> Result<(Vec<Row>, Hash)> {
    let (mut rows, hash) = finetune::common(context, &setting.trial, settings)?;
    if let Some(checkpoint) = setting.subject.checkpoints.last() {
        rows.push(fixed_row(setting.problem, checkpoint.parameters(), "checkpoint")?);
    }
    Ok((rows, hash))
}
