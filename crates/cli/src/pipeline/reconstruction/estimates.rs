//! Means over test items and runs, with what few items and few runs do to them.

use modelmend_learn::stats::{BootstrapParams, Method};
use modelmend_learn::uncertainty::{Estimate, estimate, estimate_of_set};
use modelmend_report::input::ItemMean;

use crate::pipeline::subject::numbered;

/// Replicates and level of the intervals over test items.
const RESAMPLES: usize = 1000;
const LEVEL: f64 = 0.95;

/// What the bootstrap draws: test items, or where these have patients whole patients.
#[derive(Clone, Debug)]
pub(super) struct Units {
    groups: Option<Vec<usize>>,
    seed: u64,
}

impl Units {
    /// From the name of each item's group; no names where every item stands for itself.
    pub(super) fn new(names: &[String], seed: u64) -> Self {
        Self { groups: numbers(names), seed }
    }

    fn params(&self) -> BootstrapParams {
        BootstrapParams { resamples: RESAMPLES, level: LEVEL, method: Method::Percentile, seed: self.seed }
    }

    /// The mean of a value of each item, `runs[r][i]` that of item i in run r.
    pub(super) fn mean(&self, runs: &[Vec<Option<f64>>]) -> Option<ItemMean> {
        estimate(runs, self.groups.as_deref(), &self.params()).ok().flatten().map(item_mean)
    }

    /// A number of the whole set of items, from the run and the numbers of the items.
    pub(super) fn of_set(
        &self,
        size: (usize, usize),
        statistic: impl Fn(usize, &[usize]) -> Option<f64> + Sync,
    ) -> Option<ItemMean> {
        let found = estimate_of_set(size, self.groups.as_deref(), statistic, &self.params());
        found.ok().flatten().map(item_mean)
    }
}

fn item_mean(found: Estimate) -> ItemMean {
    ItemMean {
        value: found.mean,
        lo: found.interval.map(|ends| ends.0),
        hi: found.interval.map(|ends| ends.1),
        std: found.runs.map(|runs| runs.std),
    }
}

/// Numbers of the groups that items belong to by name; `None` without names.
pub(super) fn numbers(names: &[String]) -> Option<Vec<usize>> {
    (!names.is_empty()).then(|| numbered(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_a_patient_are_drawn_together() {
        let names: Vec<String> = (0..40).map(|slice| format!("p{}", slice / 10)).collect();
        assert_eq!(numbers(&names).unwrap()[9..11], [0, 1]);
        assert_eq!(numbers(&[]), None);
        let values = vec![(0..40).map(|slice| Some(f64::from(slice / 10))).collect::<Vec<_>>()];
        let width = |units: Units| {
            let found = units.mean(&values).unwrap();
            found.hi.unwrap() - found.lo.unwrap()
        };
        // Four patients of ten equal slices are four values.
        assert!(width(Units::new(&names, 1)) > 2.0 * width(Units::new(&[], 1)));
    }
}
