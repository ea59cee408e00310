//! Matrices, intervals and the comparison with random subtypings on made-up outcomes whose truth is known.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use modelmend_data::split::Part;
use modelmend_failure::matrix::{Layout, accuracies};
use modelmend_failure::resample::{Judged, Resampling, intervals};
use modelmend_failure::significance::compare;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SUBTYPES: usize = 5;
const RESAMPLING: Resampling = Resampling { replicates: 500, confidence: 0.95, seed: 1 };

/// 400 failures in five subtypes and 600 correct cases, all on the test side.
fn layout() -> Layout {
    let failure: Vec<bool> = (0..1000).map(|c| c < 400).collect();
    let labels: Vec<Option<usize>> = (0..400).map(|c| Some(c % SUBTYPES)).collect();
    Layout::new(&labels, SUBTYPES, &failure, &[Part::Test; 1000])
}

/// Rows that repair their own subtype with chance `own` and any other with chance `others`.
fn outcomes(layout: &Layout, own: f64, others: f64, seed: u64) -> Vec<Vec<bool>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let chance = |row: usize, subtype: Option<usize>| match subtype {
        None => 0.95,
        Some(s) if s == row => own,
        Some(_) => others,
    };
    (0..SUBTYPES)
        .map(|row| layout.subtype.iter().map(|&s| rng.random_bool(chance(row, s))).collect())
        .collect()
}

#[test]
fn accuracies_count_each_case_in_its_own_column() {
    let failure = [true, true, true, false, false];
    let parts = [Part::Test, Part::Test, Part::Train, Part::Test, Part::Test];
    let layout = Layout::new(&[Some(0), Some(1), Some(1)], 2, &failure, &parts);
    let row = [true, false, true, true, false];
    let table = accuracies(&layout, &[&row], Part::Test, None);
    assert_eq!(table.counts, [1, 1, 2, 4]);
    assert_eq!(table.values.row(0).to_vec(), [Some(1.0), Some(0.0), Some(0.5), Some(0.5)]);
    let weighted = accuracies(&layout, &[&row], Part::Test, Some(&[3, 0, 9, 1, 1]));
    assert_eq!(weighted.values.row(0).to_vec(), [Some(1.0), None, Some(0.5), Some(0.8)]);
}

#[test]
fn intervals_cover_the_chance_behind_the_outcomes() {
    let layout = layout();
    let rows = outcomes(&layout, 0.8, 0.1, 2);
    let found = intervals(Judged { layout: &layout, rows: &rows }, None, &RESAMPLING).unwrap();
    let (lo, hi) = found.mean_learnability.unwrap();
    assert!(lo < 0.8 && 0.8 < hi && hi - lo < 0.12, "{lo} {hi}");
    let (lo, hi) = found.mean_independence.unwrap();
    assert!(lo < 0.7 && 0.7 < hi && hi - lo < 0.14, "{lo} {hi}");
    // Cases that are drawn together vary together: 10 groups say less than 1000 cases.
    let groups: Vec<usize> = (0..1000).map(|c| c / 100).collect();
    let grouped = intervals(Judged { layout: &layout, rows: &rows }, Some(&groups), &RESAMPLING).unwrap();
    assert_eq!(grouped.entries.len(), SUBTYPES);
}

#[test]
fn a_real_subtyping_beats_random_and_a_random_one_does_not() {
    let layout = layout();
    let random: Vec<Vec<Vec<bool>>> = (10..12).map(|seed| outcomes(&layout, 0.3, 0.3, seed)).collect();
    let nulls: Vec<Judged<'_>> = random.iter().map(|rows| Judged { layout: &layout, rows }).collect();
    let real = outcomes(&layout, 0.8, 0.1, 3);
    let found = compare(Judged { layout: &layout, rows: &real }, &nulls, None, &RESAMPLING).unwrap();
    let (own, others) = (found.learnability.unwrap(), found.independence.unwrap());
    assert!(own.p < 0.01 && others.p < 0.01, "{own:?} {others:?}");
    assert!((own.difference - 0.5).abs() < 0.1 && (others.difference - 0.7).abs() < 0.1);
    // Twenty subtypings that are random themselves: about one in twenty may reach p < 0.05.
    let false_alarms = (20..40)
        .filter(|&seed| {
            let rows = outcomes(&layout, 0.3, 0.3, seed);
            let found = compare(Judged { layout: &layout, rows: &rows }, &nulls, None, &RESAMPLING).unwrap();
            found.learnability.unwrap().p < 0.05
        })
        .count();
    assert!(false_alarms <= 5, "{false_alarms} of 20 random subtypings look real");
}

#[test]
fn statistics_do_not_depend_on_the_number_of_threads() {
    let layout = layout();
    let rows = outcomes(&layout, 0.6, 0.2, 4);
    let null = outcomes(&layout, 0.3, 0.3, 5);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let judged = Judged { layout: &layout, rows: &rows };
            let nulls = [Judged { layout: &layout, rows: &null }];
            (
                intervals(judged, None, &RESAMPLING).unwrap(),
                compare(judged, &nulls, None, &RESAMPLING).unwrap(),
            )
        })
    };
    assert_eq!(run(1), run(4));
}
