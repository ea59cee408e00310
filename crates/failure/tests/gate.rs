//! The gate on made-up predictions: a sabotage for each criterion, too little evidence, groups.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use std::collections::BTreeMap;

use modelmend_failure::problem::Prediction;
use modelmend_failure::repair::gate::{
    Criterion, CriterionName, Evidence, GateSettings, MIN_SUBGROUP, Subgroup, Verdict, judge, subgroups,
};

const COUNT: usize = 4000;

fn settings() -> GateSettings {
    GateSettings { replicates: 400, seed: 3, ..GateSettings::default() }
}

fn prediction(correct: bool, confidence: f32) -> Prediction {
    Prediction { class: usize::from(!correct), confidence, loss: 0.5, correct }
}

/// Every fifth case fails; every second failure is a target.
fn fails(case: usize) -> bool {
    case.is_multiple_of(5)
}

fn is_target(case: usize) -> bool {
    case.is_multiple_of(10)
}

/// The last forty cases come from a scanner of their own.
fn rare_scanner(case: usize, count: usize) -> bool {
    case + 40 >= count
}

/// Repairs three targets of four and breaks one correct case in two hundred.
fn good(case: usize) -> bool {
    if fails(case) { is_target(case) && !(case / 10).is_multiple_of(4) } else { case % 200 != 101 }
}

/// Predictions before and after of a model whose confidence says what its accuracy is.
struct Population {
    before: Vec<Prediction>,
    after: Vec<Prediction>,
    target: Vec<bool>,
    subgroups: Vec<Subgroup>,
}

impl Population {
    fn new(count: usize, right_after: impl Fn(usize) -> bool) -> Self {
        let share = |right: &dyn Fn(usize) -> bool| {
            (0..count).filter(|&case| right(case)).count() as f32 / count as f32
        };
        let model = |right: &dyn Fn(usize) -> bool| -> Vec<Prediction> {
            (0..count).map(|case| prediction(right(case), share(right))).collect()
        };
        let scanner = |case: usize| match case / 5 % 3 {
            _ if rare_scanner(case, count) => "rare",
            0 => "A",
            1 => "B",
            _ => "C",
        };
        let column = (0..count).map(|case| Some(scanner(case).to_owned())).collect();
        Self {
            before: model(&|case| !fails(case)),
            after: model(&right_after),
            target: (0..count).map(is_target).collect(),
            subgroups: subgroups(&BTreeMap::from([("scanner".to_owned(), column)])),
        }
    }

    fn evidence<'a>(&'a self, groups: Option<&'a [usize]>) -> Evidence<'a> {
        Evidence {
            before: &self.before,
            after: &self.after,
            target: &self.target,
            groups,
            subgroups: &self.subgroups,
        }
    }

    fn verdict(&self) -> Verdict {
        judge(&self.evidence(None), &settings()).unwrap()
    }
}

fn refused_for(verdict: &Verdict) -> Vec<CriterionName> {
    assert_eq!(verdict.accepted, verdict.refusals().count() == 0);
    verdict.refusals().map(|criterion| criterion.name).collect()
}

fn criterion(verdict: &Verdict, name: CriterionName) -> &Criterion {
    verdict.criteria.iter().find(|criterion| criterion.name == name).unwrap()
}

#[test]
fn a_good_repair_is_accepted() {
    let population = Population::new(COUNT, good);
    assert_eq!(population.subgroups.len(), 4);
    let verdict = population.verdict();
    assert_eq!(refused_for(&verdict), [], "{verdict:#?}");
    let target = criterion(&verdict, CriterionName::Target);
    assert_eq!((target.estimate, target.cases), (Some(0.75), 400));
    let correct = criterion(&verdict, CriterionName::Correct);
    assert_eq!((correct.cases, correct.needed), (3200, None));
    assert!(criterion(&verdict, CriterionName::All).p.unwrap() < 1e-6);
    let order: Vec<CriterionName> = verdict.criteria.iter().map(|c| c.name).collect();
    assert!(order.is_sorted() && order.len() == 5);
}

#[test]
fn targets_that_do_not_improve_are_noticed() {
    let others = |case: usize| if fails(case) { case % 10 == 5 && case % 40 != 5 } else { case % 200 != 101 };
    let verdict = Population::new(COUNT, others).verdict();
    assert_eq!(refused_for(&verdict), [CriterionName::Target], "{verdict:#?}");
}

#[test]
fn broken_correct_cases_are_noticed_although_the_rest_gains_more() {
    let generous = |case: usize| fails(case) || !(case / 5).is_multiple_of(17);
    let verdict = Population::new(COUNT, generous).verdict();
    assert_eq!(refused_for(&verdict), [CriterionName::Correct], "{verdict:#?}");
    assert!(criterion(&verdict, CriterionName::All).estimate.unwrap() > 0.1);
}

#[test]
fn an_exchange_of_errors_is_noticed() {
    // 40 targets repaired, 40 correct cases broken, 1.25 % of them.
    let exchange = |case: usize| if fails(case) { case % 100 == 50 } else { case % 100 != 51 };
    let verdict = Population::new(COUNT, exchange).verdict();
    assert_eq!(refused_for(&verdict), [CriterionName::All], "{verdict:#?}");
}

#[test]
fn a_broken_subgroup_is_noticed_although_the_rest_hides_it() {
    let sabotage = |case: usize| good(case) && !rare_scanner(case, COUNT);
    let verdict = Population::new(COUNT, sabotage).verdict();
    assert_eq!(refused_for(&verdict), [CriterionName::Subgroups], "{verdict:#?}");
    let broken: Vec<&str> =
        verdict.subgroups.iter().filter(|s| !s.passed).map(|s| s.value.as_str()).collect();
    assert_eq!(broken, ["rare"]);
    assert!(criterion(&verdict, CriterionName::Subgroups).reason.contains("scanner = rare, 80.0 to 0.0 %"));
}

#[test]
fn a_broken_subgroup_of_thirty_is_found_among_a_hundred() {
    let sabotage = |case: usize| good(case) && case >= MIN_SUBGROUP;
    let mut population = Population::new(COUNT, sabotage);
    population.subgroups = (0..COUNT / MIN_SUBGROUP)
        .map(|block| Subgroup {
            column: "site".to_owned(),
            value: block.to_string(),
            cases: (block * MIN_SUBGROUP..(block + 1) * MIN_SUBGROUP).collect(),
        })
        .collect();
    // Whole sites are groups as well: each subgroup is then one group, which must not hide it.
    let sites: Vec<usize> = (0..COUNT).map(|case| case / MIN_SUBGROUP).collect();
    for groups in [None, Some(&sites[..])] {
        let verdict = judge(&population.evidence(groups), &settings()).unwrap();
        assert_eq!(refused_for(&verdict), [CriterionName::Subgroups], "{verdict:#?}");
        assert_eq!(verdict.subgroups.iter().filter(|s| !s.passed).count(), 1);
    }
}

#[test]
fn miscalibration_alone_is_noticed() {
    let mut population = Population::new(COUNT, good);
    population.after.iter_mut().for_each(|p| p.confidence = 0.99);
    let verdict = population.verdict();
    assert_eq!(refused_for(&verdict), [CriterionName::Calibration], "{verdict:#?}");
}

#[test]
fn the_same_model_helps_nobody_and_harms_nobody() {
    let verdict = Population::new(COUNT, |case| !fails(case)).verdict();
    assert_eq!(refused_for(&verdict), [CriterionName::Target, CriterionName::All]);
    assert_eq!(criterion(&verdict, CriterionName::All).p, Some(1.0));
    assert!(verdict.refusals().all(|criterion| criterion.needed.is_none()));
}

/// A repair that is as good, seen on few cases, is refused and says how many more it takes.
#[test]
fn too_little_evidence_asks_for_more_and_is_content_with_it() {
    let few = 60;
    let verdict = Population::new(few, good).verdict();
    let refused = refused_for(&verdict);
    assert!(refused.contains(&CriterionName::Correct) && refused.contains(&CriterionName::All));
    let factor = |criterion: &Criterion| 1.0 + criterion.needed.unwrap() as f64 / criterion.cases as f64;
    let enough = verdict.refusals().map(factor).fold(1.0, f64::max) * few as f64;
    // A hundred times as much would be no prediction.
    assert!(enough < 30.0 * few as f64, "{enough}");
    let verdict = Population::new(enough.ceil() as usize, good).verdict();
    assert_eq!(refused_for(&verdict), [], "{enough} cases: {verdict:#?}");
}

#[test]
fn five_cases_on_which_nothing_happens_prove_nothing() {
    let population = Population::new(COUNT, good);
    let evidence = Evidence {
        before: &population.before[1..5],
        after: &population.after[1..5],
        target: &[false; 4],
        groups: None,
        subgroups: &[],
    };
    let verdict = judge(&evidence, &settings()).unwrap();
    let correct = criterion(&verdict, CriterionName::Correct);
    assert!(!correct.passed && correct.estimate == Some(0.0) && correct.needed.is_some(), "{correct:?}");
    let target = criterion(&verdict, CriterionName::Target);
    assert_eq!((target.estimate, target.interval, target.cases), (None, None, 0));
    assert!(target.reason.contains("no cases"));
    // All cases from one group: nothing can be drawn.
    let verdict = judge(&Evidence { groups: Some(&[7; 4]), ..evidence }, &settings()).unwrap();
    let correct = criterion(&verdict, CriterionName::Correct);
    assert_eq!((correct.interval, correct.passed), (None, false));
}

#[test]
fn a_single_group_is_too_little_and_told_how_many_more() {
    let population = Population::new(40, good);
    let groups = vec![0; 40];
    let verdict = judge(&population.evidence(Some(&groups)), &settings()).unwrap();
    for name in [CriterionName::Target, CriterionName::All] {
        let criterion = criterion(&verdict, name);
        assert!(!criterion.passed && criterion.interval.is_none(), "{criterion:?}");
        let needed = criterion.needed.unwrap();
        assert!(
            criterion.reason.contains(&format!("about {needed} more such cases")),
            "{}",
            criterion.reason
        );
    }
}

#[test]
fn groups_whose_cases_resemble_each_other_widen_every_interval() {
    // Repairs and harm come in runs of forty cases.
    let by_patient = |case: usize| {
        let patient = case / 40;
        if fails(case) { is_target(case) && !patient.is_multiple_of(4) } else { patient % 100 != 7 }
    };
    let mut population = Population::new(COUNT, by_patient);
    // A subgroup that cuts through all patients; the rare scanner saw one patient only.
    population.subgroups.retain(|subgroup| subgroup.value == "A");
    let patients: Vec<usize> = (0..COUNT).map(|case| case / 40).collect();
    let alone = population.verdict();
    let grouped = judge(&population.evidence(Some(&patients)), &settings()).unwrap();
    let width = |criterion: &Criterion| {
        let (low, high) = criterion.interval.unwrap();
        high - low
    };
    for (alone, grouped) in alone.criteria.iter().zip(&grouped.criteria) {
        assert_eq!(alone.estimate, grouped.estimate);
        assert!(width(grouped) > 1.2 * width(alone), "{:?}: {grouped:?} {alone:?}", alone.name);
    }
    let p = |verdict: &Verdict| criterion(verdict, CriterionName::All).p.unwrap();
    assert!(p(&grouped) > p(&alone));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let population = Population::new(COUNT, good);
    let patients: Vec<usize> = (0..COUNT).map(|case| case / 40).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| judge(&population.evidence(Some(&patients)), &settings()).unwrap())
    };
    assert_eq!(run(1), run(2));
}

#[test]
fn subgroups_are_values_of_thirty_cases_and_named_once() {
    let column = |value: &dyn Fn(usize) -> Option<String>| (0..100).map(value).collect::<Vec<_>>();
    let half = |case: usize| Some(if case < 50 { "low" } else { "high" }.to_owned());
    let found = subgroups(&BTreeMap::from([
        ("a".to_owned(), column(&half)),
        ("b".to_owned(), column(&half)),
        ("c".to_owned(), column(&|_| Some("all".to_owned()))),
        ("d".to_owned(), column(&|case| (case < 30).then(|| "thirty".to_owned()))),
        ("e".to_owned(), column(&|case| (case < 29).then(|| "fewer".to_owned()))),
    ]));
    let names: Vec<(&str, &str)> = found.iter().map(|s| (s.column.as_str(), s.value.as_str())).collect();
    assert_eq!(names, [("a", "high"), ("a", "low"), ("d", "thirty")]);
    assert_eq!(found[2].cases, (0..30).collect::<Vec<_>>());
}

#[test]
fn what_does_not_fit_is_refused() {
    let population = Population::new(100, good);
    let evidence = population.evidence(None);
    let error =
        |evidence: &Evidence<'_>, settings: &GateSettings| judge(evidence, settings).unwrap_err().to_string();
    assert!(
        error(&Evidence { target: &[true], ..evidence }, &settings()).contains("one entry per judged case")
    );
    assert!(error(&Evidence { groups: Some(&[0]), ..evidence }, &settings()).contains("one entry"));
    let beyond = [Subgroup { column: "a".to_owned(), value: "b".to_owned(), cases: vec![100] }];
    assert!(error(&Evidence { subgroups: &beyond, ..evidence }, &settings()).contains("a = b"));
    let mut broken = population.after.clone();
    broken[7].confidence = f32::NAN;
    assert!(
        error(&Evidence { after: &broken, ..evidence }, &settings())
            .contains("after the repair gives case 7")
    );
    assert!(error(&evidence, &GateSettings { confidence: 0.4, ..settings() }).contains("confidence"));
    assert!(
        error(&evidence, &GateSettings { margin_correct: -0.1, ..settings() }).contains("margin_correct")
    );
    assert!(error(&evidence, &GateSettings { replicates: 0, ..settings() }).contains("resamples"));
}
