//! Laws of splits: groups stay whole, strata come near their shares, the same seed gives the same parts.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

use std::collections::BTreeMap;

use modelmend_data::split::{FAILURE_SHARES, Part, assign, failure_split, resplit};
use modelmend_data::{Cases, Images, Pixels};
use proptest::prelude::*;

fn cases(labels: Vec<i64>, groups: Option<Vec<String>>) -> Cases {
    let images = Images::new("images", &[labels.len(), 1, 1], Pixels::U8(vec![0; labels.len()])).unwrap();
    let mut cases = Cases::new("all", images, labels).unwrap();
    cases.groups = groups;
    cases
}

fn assert_groups_whole<P: PartialEq + std::fmt::Debug + Copy>(groups: &[String], parts: &[P]) {
    let mut part_of = BTreeMap::new();
    for (group, &part) in groups.iter().zip(parts) {
        assert_eq!(*part_of.entry(group).or_insert(part), part, "group {group} is on two sides");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn groups_stay_whole_and_counts_are_true(
        rows in prop::collection::vec((0usize..6, 0u8..40), 1..300), seed: u64
    ) {
        let strata: Vec<usize> = rows.iter().map(|row| row.0 * 10).collect();
        let groups: Vec<String> = rows.iter().map(|row| format!("g{}", row.1)).collect();
        let split = failure_split(&alone(&strata), Some(&groups), &FAILURE_SHARES, seed).unwrap();
        assert_groups_whole(&groups, &split.parts);
        prop_assert_eq!(&split, &failure_split(&alone(&strata), Some(&groups), &FAILURE_SHARES, seed).unwrap());
        for stratum in &split.strata {
            let counts = Part::ALL.map(|part| (0..strata.len()).filter(|&c| strata[c] == stratum.stratum && split.parts[c] == part).count());
            prop_assert_eq!(&counts[..], &stratum.counts[..]);
        }
    }

    #[test]
    fn single_cases_come_as_near_as_whole_numbers_can(sizes in prop::collection::vec(3usize..200, 1..6), seed: u64) {
        let strata: Vec<usize> = sizes.iter().enumerate().flat_map(|(s, &n)| vec![s; n]).collect();
        let split = failure_split(&alone(&strata), None, &FAILURE_SHARES, seed).unwrap();
        for (stratum, &size) in split.strata.iter().zip(&sizes) {
            for (&count, share) in stratum.counts.iter().zip(FAILURE_SHARES) {
                prop_assert!(count >= 1);
                prop_assert!((count as f64 - share * size as f64).abs() <= 1.0, "{:?} of {size}", stratum.counts);
            }
        }
    }

    #[test]
    fn many_small_groups_come_close(seed: u64) {
        // 60 groups of 5 to 30 cases that each mix 4 strata: no stratum need be off by more than a few per cent.
        let sizes = (0..60usize).map(|group| 5 + group * 7 % 26);
        let rows: Vec<(usize, String)> =
            sizes.enumerate().flat_map(|(g, n)| (0..n).map(move |i| ((g * i + i) % 4, g.to_string()))).collect();
        let (strata, groups): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        for stratum in failure_split(&alone(&strata), Some(&groups), &FAILURE_SHARES, seed).unwrap().strata {
            for (got, wanted) in stratum.shares().into_iter().zip(FAILURE_SHARES) {
                prop_assert!((got - wanted).abs() < 0.02, "{:?}", stratum);
            }
        }
    }
}

#[test]
fn every_part_gets_a_case_where_the_groups_allow() {
    // Five strata fit the shares exactly with a and b in train, which would leave stratum 9 without validation.
    let sizes = [("a", 32), ("b", 32), ("c", 20), ("d", 16)];
    let common = (0..5).flat_map(|stratum| sizes.map(|(group, size)| vec![(stratum, group); size])).flatten();
    let rows: Vec<(usize, &str)> = common.chain([(9, "a"), (9, "b"), (9, "c")]).collect();
    let strata: Vec<usize> = rows.iter().map(|row| row.0).collect();
    let groups: Vec<String> = rows.iter().map(|row| row.1.to_owned()).collect();
    let split = failure_split(&alone(&strata), Some(&groups), &FAILURE_SHARES, 3).unwrap();
    assert_groups_whole(&groups, &split.parts);
    assert_eq!((split.strata[5].stratum, split.strata[5].groups), (9, 3));
    assert!(
        split.strata.iter().all(|stratum| stratum.counts.iter().all(|&count| count > 0)),
        "{:?}",
        split.strata
    );
}

#[test]
fn seeds_give_different_splits() {
    let strata = vec![0; 100];
    let of = |seed| failure_split(&alone(&strata), None, &FAILURE_SHARES, seed).unwrap().parts;
    assert_ne!(of(1), of(2));
}

#[test]
fn resplitting_keeps_fraction_labels_and_groups() {
    let labels: Vec<i64> = (0..500).map(|i| i % 5 - 1).collect();
    let groups: Vec<String> = (0..500).map(|i| format!("slide {}", i / 10)).collect();
    let cases = cases(labels, Some(groups.clone()));
    let (train, test) = resplit(&cases, 0.4, 7).unwrap();
    assert_eq!(train.len() + test.len(), 500);
    assert_eq!(test.len(), 200);
    let parts: Vec<bool> = (0..500).map(|case| test.contains(&case)).collect();
    assert_groups_whole(&groups, &parts);
    assert_eq!(test.iter().filter(|&&case| cases.labels[case] == 3).count(), 40);
}

#[test]
fn impossible_requests_are_refused() {
    let one_group = cases(vec![0, 1], Some(vec!["g".into(), "g".into()]));
    assert!(resplit(&one_group, 0.4, 0).unwrap_err().to_string().contains("too few groups"));
    assert!(resplit(&one_group, 1.0, 0).is_err());
    assert!(assign(&[], None, &[0.5, 0.5], 0).is_err());
    assert!(assign(&[vec![0]], None, &[0.5, 0.6], 0).is_err());
    assert!(
        assign(&[vec![0], vec![1]], Some(&["g".to_owned()]), &[0.5, 0.5], 0)
            .unwrap_err()
            .to_string()
            .contains("2 vs 1")
    );
}

/// Each case in one stratum.
fn alone(strata: &[usize]) -> Vec<Vec<usize>> {
    strata.iter().map(|&stratum| vec![stratum]).collect()
}

/// Cases of two crossed divisions at once: both come near to their shares.
#[test]
fn overlapping_strata_are_all_balanced() {
    let strata: Vec<Vec<usize>> = (0..600).map(|case| vec![case % 5, 100 + case / 100]).collect();
    let groups: Vec<String> = (0..600).map(|case| format!("g{}", case % 97)).collect();
    let split = failure_split(&strata, Some(&groups), &FAILURE_SHARES, 1).unwrap();
    assert_eq!(split.strata.len(), 11);
    for stratum in &split.strata {
        for (share, wanted) in stratum.shares().iter().zip(FAILURE_SHARES) {
            assert!((share - wanted).abs() < 0.05, "{stratum:?}");
        }
    }
}
