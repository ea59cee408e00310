//! The compatibility constraint (METHODS 1.4), asked of as few correct cases as decide it.
//!
//! A network that learns a kind of failure often breaks the constraint, and correct cases are by far the most. The cases that it broke when it was last
//! asked come first: as soon as more are broken than the constraint allows, the rest cannot change the answer.

use std::ops::Range;

use modelmend_net::Parameters;

use crate::error::Result;
use crate::judge::Judge;

/// Cases that are judged before the answer is looked at: enough for a thread's work.
const BLOCK: usize = 64;

/// Correct cases that a network should keep.
pub(crate) struct Constraint<'a> {
    judge: &'a dyn Judge,
    least: f64,
    count: usize,
    /// In the order in which they are asked.
    units: Vec<Unit<'a>>,
}

/// Cases that cost as much as one of them.
struct Unit<'a> {
    cases: &'a [usize],
    standing: Standing,
}

/// What is known of a unit, in the order in which units are asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Broken,
    NeverAsked,
    Kept,
}

/// What a network did to the correct cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// Whether it keeps enough of them.
    pub(crate) kept: bool,
    /// Share of them on which it is right; `None` where it was clear before all were asked that it is too small.
    pub(crate) accuracy: Option<f64>,
}

impl<'a> Constraint<'a> {
    /// At least the share `least` of these cases; no network keeps enough of none.
    pub(crate) fn new(judge: &'a dyn Judge, cases: &'a [usize], least: f64) -> Self {
        let units = cases.chunk_by(|&first, &second| judge.together(first, second));
        let units = units.map(|cases| Unit { cases, standing: Standing::NeverAsked }).collect();
        Self { judge, least, count: cases.len(), units }
    }

    /// Judges a network: on all cases if `whole`, otherwise on as many as it takes to say whether it keeps enough.
    ///
    /// # Errors
    /// Execution errors.
    pub(crate) fn judge(&mut self, parameters: &Parameters<f32>, whole: bool) -> Result<Verdict> {
        self.units.sort_by_key(|unit| unit.standing);
        let (mut at, mut broken) = (0, 0);
        while at < self.units.len() {
            let block = self.block(at);
            at = block.end;
            broken += self.ask(parameters, block)?;
            if !whole && !self.keeps(broken) {
                return Ok(Verdict { kept: false, accuracy: None });
            }
        }
        Ok(Verdict { kept: self.keeps(broken), accuracy: Some(self.accuracy(broken)) })
    }

    /// The accuracy with so many cases broken.
    fn accuracy(&self, broken: usize) -> f64 {
        (self.count - broken) as f64 / self.count.max(1) as f64
    }

    fn keeps(&self, broken: usize) -> bool {
        self.accuracy(broken) >= self.least
    }

    /// The units from `first` on that are judged at a time.
    fn block(&self, first: usize) -> Range<usize> {
        let (mut end, mut cases) = (first, 0);
        while cases < BLOCK && end < self.units.len() {
            cases += self.units[end].cases.len();
            end += 1;
        }
        first..end
    }

    /// How many cases of these units the network breaks.
    fn ask(&mut self, parameters: &Parameters<f32>, block: Range<usize>) -> Result<usize> {
        let units = &mut self.units[block];
        let cases: Vec<usize> = units.iter().flat_map(|unit| unit.cases).copied().collect();
        let mut right = self.judge.correct(parameters, &cases)?.into_iter();
        let mut all = 0;
        for unit in units {
            let broken = right.by_ref().take(unit.cases.len()).filter(|right| !right).count();
            unit.standing = if broken > 0 { Standing::Broken } else { Standing::Kept };
            all += broken;
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use modelmend_net::loss::Loss;
    use modelmend_net::{Model, Runtime, Tensor};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// A network that is right where it is told to be, and what it was asked.
    struct Told {
        right: Vec<bool>,
        /// Cases for the price of one.
        together: usize,
        asked: Mutex<Vec<usize>>,
    }

    impl Told {
        fn new(right: Vec<bool>, together: usize) -> Self {
            Self { right, together, asked: Mutex::default() }
        }

        fn asked(&self) -> usize {
            std::mem::take(&mut *self.asked.lock().unwrap()).len()
        }
    }

    impl Judge for Told {
        fn model(&self) -> &Model {
            unreachable!()
        }

        fn runtime(&self) -> &Runtime<f32> {
            unreachable!()
        }

        fn count(&self) -> usize {
            self.right.len()
        }

        fn input(&self, _: &[usize]) -> Result<Tensor<f32>> {
            unreachable!()
        }

        fn alike(&self, _: usize, _: usize) -> bool {
            true
        }

        fn together(&self, first: usize, second: usize) -> bool {
            first / self.together == second / self.together
        }

        fn loss_of(&self, _: &[usize], _: f64) -> Box<dyn Loss<f32> + '_> {
            unreachable!()
        }

        fn correct(&self, _: &Parameters<f32>, cases: &[usize]) -> Result<Vec<bool>> {
            self.asked.lock().unwrap().extend(cases);
            Ok(cases.iter().map(|&case| self.right[case]).collect())
        }
    }

    #[test]
    fn the_verdict_is_that_of_all_cases() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let none = Parameters::new(Vec::new());
        for (count, together) in [(0, 1), (1, 1), (200, 1), (777, 1), (900, 150), (901, 7)] {
            let cases: Vec<usize> = (0..count).collect();
            for share in [0.0, 0.5, 0.85, 0.9, 0.95, 1.0] {
                let told = Told::new((0..count).map(|_| rng.random_bool(share)).collect(), together);
                let right = told.right.iter().filter(|right| **right).count();
                let accuracy = right as f64 / count.max(1) as f64;
                for least in [0.0, 0.9, accuracy, 1.0, 1.01] {
                    let mut constraint = Constraint::new(&told, &cases, least);
                    for whole in [false, true, false] {
                        let verdict = constraint.judge(&none, whole).unwrap();
                        assert_eq!(verdict.kept, accuracy >= least, "{right} of {count}, at least {least}");
                        match verdict.accuracy {
                            Some(found) => assert_eq!(found, accuracy),
                            None => assert!(!whole && !verdict.kept),
                        }
                        let asked = told.asked();
                        assert!(asked <= count && (asked == count || !verdict.kept));
                    }
                }
            }
        }
    }

    #[test]
    fn a_network_that_stays_broken_is_asked_about_what_it_broke() {
        let cases: Vec<usize> = (0..1000).collect();
        let told = Told::new(cases.iter().map(|case| case % 5 > 0).collect(), 1);
        let mut constraint = Constraint::new(&told, &cases, 0.9);
        let none = Parameters::new(Vec::new());
        assert_eq!(constraint.judge(&none, false).unwrap(), Verdict { kept: false, accuracy: None });
        // 101 of 200 broken cases are enough; every fifth is one.
        assert_eq!(told.asked(), 512);
        constraint.judge(&none, false).unwrap();
        assert_eq!(told.asked(), 128, "what was broken comes first");
    }
}
