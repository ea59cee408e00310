//! Dealing whole groups to parts so that every stratum comes near its shares.
//!
//! The problem is a multi-way number partitioning with one weight per stratum (the iterative stratification of Sechidis,
//! Tsoumakas and Vlahavas, ECML 2011, with groups in place of multi-label cases): a greedy deal, hardest groups first,
//! is refined by moving single groups and exchanging pairs while that lowers the cost, from several seeded starts.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};

/// Independent starts, of which the cheapest is kept.
const STARTS: u64 = 8;
/// Rounds of moves and exchanges; the search has always stopped by itself long before.
const MAX_ROUNDS: usize = 100;
/// Exchanges tried per group and round.
const EXCHANGES_PER_GROUP: usize = 40;
/// Cost of a part without any case of a stratum; above what unequal shares of that stratum can cost.
const EMPTY: f64 = 1000.0;

/// Which part each case belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Index into `shares` for each case.
    pub parts: Vec<usize>,
    /// Cases per part for every stratum, in order of stratum.
    pub strata: Vec<StratumCounts>,
}

/// How the cases of one stratum were dealt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StratumCounts {
    /// The stratum as the caller numbered it.
    pub stratum: usize,
    /// Different groups among its cases.
    pub groups: usize,
    /// Cases in each part.
    pub counts: Vec<usize>,
}

impl StratumCounts {
    /// Share of the stratum's cases in each part, adding up to 1.
    pub fn shares(&self) -> Vec<f64> {
        let total: usize = self.counts.iter().sum();
        self.counts.iter().map(|&count| count as f64 / total as f64).collect()
    }
}

/// Deals whole groups (without `groups`: single cases) to `shares.len()` parts. `strata` lists the strata of each case; a
/// case may belong to several (its fine label, its subtype in one subtyping, that in another).
///
/// Minimises, over all strata s and parts p at once, sum (n_sp / N_s - share_p)^2 / share_p, and before that the number
/// of pairs (s, p) without a case. The same seed gives the same parts.
///
/// # Errors
/// [`Error::NoSamples`] without cases, [`Error::CountMismatch`] where groups and strata differ in number,
/// [`Error::Request`] for shares that are not positive or do not add up to 1.
pub fn assign(
    strata: &[Vec<usize>],
    groups: Option<&[String]>,
    shares: &[f64],
    seed: u64,
) -> Result<Assignment> {
    check(strata, groups, shares)?;
    let problem = Problem::new(strata, groups, shares);
    let starts = (0..STARTS).map(|start| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(start);
        Search::run(&problem, &mut rng)
    });
    // The first of equals, so that the result does not depend on rounding in a comparison of ties.
    let best = starts.reduce(|best, other| if other.cost() < best.cost() - 1e-9 { other } else { best });
    let best = best.ok_or_else(|| Error::NoSamples { name: "split".to_owned() })?;
    let parts = problem.group_of_case.iter().map(|&group| best.part_of_group[group]).collect();
    Ok(Assignment { parts, strata: problem.report(&best.counts) })
}

fn check(strata: &[Vec<usize>], groups: Option<&[String]>, shares: &[f64]) -> Result<()> {
    if strata.is_empty() {
        return Err(Error::NoSamples { name: "split".to_owned() });
    }
    if let Some(groups) = groups
        && groups.len() != strata.len()
    {
        return Err(Error::CountMismatch {
            first: "strata".to_owned(),
            first_count: strata.len(),
            second: "groups".to_owned(),
            second_count: groups.len(),
        });
    }
    let total: f64 = shares.iter().sum();
    if shares.iter().all(|&share| share > 0.0) && (total - 1.0).abs() < 1e-9 {
        return Ok(());
    }
    Err(Error::Request(format!("shares of a split must be positive and add up to 1, not {shares:?}")))
}

/// Groups as sparse rows of counts over strata.
struct Problem<'a> {
    shares: &'a [f64],
    group_of_case: Vec<usize>,
    /// Per group: (stratum, cases), by stratum.
    rows: Vec<Vec<(usize, usize)>>,
    /// Per stratum: its number as the caller gave it, cases, groups.
    strata: Vec<(usize, usize, usize)>,
}

impl<'a> Problem<'a> {
    fn new(strata: &[Vec<usize>], groups: Option<&[String]>, shares: &'a [f64]) -> Self {
        let group_of_case: Vec<usize> = match groups {
            None => (0..strata.len()).collect(),
            Some(groups) => numbered(groups),
        };
        let names: Vec<usize> =
            strata.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let mut cells: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for (&group, own) in group_of_case.iter().zip(strata) {
            for stratum in own {
                *cells.entry((group, names.partition_point(|name| name < stratum))).or_default() += 1;
            }
        }
        let count = |numbers: &[usize]| numbers.iter().max().map_or(0, |max| max + 1);
        let mut rows = vec![Vec::new(); count(&group_of_case)];
        let mut totals: Vec<(usize, usize, usize)> = names.iter().map(|&name| (name, 0, 0)).collect();
        for ((group, stratum), cases) in cells {
            rows[group].push((stratum, cases));
            totals[stratum].1 += cases;
            totals[stratum].2 += 1;
        }
        Problem { shares, group_of_case, rows, strata: totals }
    }

    /// Cost of `count` cases of `stratum` in `part`.
    fn cell_cost(&self, stratum: usize, part: usize, count: usize) -> f64 {
        let share = self.shares[part];
        let deviation = count as f64 / self.strata[stratum].1 as f64 - share;
        deviation * deviation / share + if count == 0 { EMPTY } else { 0.0 }
    }

    fn report(&self, counts: &[Vec<usize>]) -> Vec<StratumCounts> {
        let one = |(&(stratum, _, groups), counts): (&(usize, usize, usize), &Vec<usize>)| StratumCounts {
            stratum,
            groups,
            counts: counts.clone(),
        };
        self.strata.iter().zip(counts).map(one).collect()
    }
}

/// Each value's rank among the different values.
fn numbered<T: Ord>(values: &[T]) -> Vec<usize> {
    let mut numbers: BTreeMap<&T, usize> = values.iter().map(|value| (value, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(rank, number)| *number = rank);
    values.iter().map(|value| numbers[value]).collect()
}

/// An assignment under improvement.
struct Search<'a> {
    problem: &'a Problem<'a>,
    part_of_group: Vec<usize>,
    /// Cases per stratum and part.
    counts: Vec<Vec<usize>>,
}

impl<'a> Search<'a> {
    fn run(problem: &'a Problem<'a>, rng: &mut ChaCha8Rng) -> Self {
        let mut search = Search::greedy(problem, rng);
        for _ in 0..MAX_ROUNDS {
            let moved = search.move_groups(rng);
            let exchanged = search.exchange_groups(rng);
            if !moved && !exchanged {
                break;
            }
        }
        search
    }

    /// Deals groups in random order, those that hold most of a stratum first, each to the part that gains most.
    fn greedy(problem: &'a Problem<'a>, rng: &mut ChaCha8Rng) -> Self {
        let counts = vec![vec![0; problem.shares.len()]; problem.strata.len()];
        let mut search = Search { problem, part_of_group: vec![0; problem.rows.len()], counts };
        let mut order: Vec<usize> = (0..problem.rows.len()).collect();
        order.shuffle(rng);
        let weight = |&group: &usize| {
            let share = |&(stratum, cases): &(usize, usize)| cases as f64 / problem.strata[stratum].1 as f64;
            problem.rows[group].iter().map(share).fold(0.0, f64::max)
        };
        order.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
        for group in order {
            let gains = (0..problem.shares.len()).map(|part| search.add_cost(group, part));
            let part = first_lowest(gains);
            search.part_of_group[group] = part;
            search.add(group, part);
        }
        search
    }

    fn cost(&self) -> f64 {
        let parts = |(stratum, counts): (usize, &Vec<usize>)| -> f64 {
            counts.iter().enumerate().map(|(part, &count)| self.problem.cell_cost(stratum, part, count)).sum()
        };
        self.counts.iter().enumerate().map(parts).sum()
    }

    fn add(&mut self, group: usize, part: usize) {
        self.problem.rows[group].iter().for_each(|&(stratum, cases)| self.counts[stratum][part] += cases);
    }

    fn remove(&mut self, group: usize, part: usize) {
        self.problem.rows[group].iter().for_each(|&(stratum, cases)| self.counts[stratum][part] -= cases);
    }

    /// Change of cost when a group is added to a part.
    fn add_cost(&self, group: usize, part: usize) -> f64 {
        let change = |&(stratum, cases): &(usize, usize)| {
            let before = self.counts[stratum][part];
            self.problem.cell_cost(stratum, part, before + cases)
                - self.problem.cell_cost(stratum, part, before)
        };
        self.problem.rows[group].iter().map(change).sum()
    }

    /// Puts every group, in random order, where it costs least; whether any moved.
    fn move_groups(&mut self, rng: &mut ChaCha8Rng) -> bool {
        let mut order: Vec<usize> = (0..self.part_of_group.len()).collect();
        order.shuffle(rng);
        let mut moved = false;
        for group in order {
            let from = self.part_of_group[group];
            self.remove(group, from);
            let costs: Vec<f64> =
                (0..self.problem.shares.len()).map(|part| self.add_cost(group, part)).collect();
            let best = first_lowest(costs.iter().copied());
            let to = if costs[best] < costs[from] - 1e-9 { best } else { from };
            self.add(group, to);
            self.part_of_group[group] = to;
            moved |= to != from;
        }
        moved
    }

    /// Exchanges random pairs of groups of two parts where that lowers the cost; whether any did.
    fn exchange_groups(&mut self, rng: &mut ChaCha8Rng) -> bool {
        let groups = self.part_of_group.len();
        let mut exchanged = false;
        for _ in 0..groups * EXCHANGES_PER_GROUP {
            let (a, b) = (rng.random_range(0..groups), rng.random_range(0..groups));
            let (part_a, part_b) = (self.part_of_group[a], self.part_of_group[b]);
            if part_a == part_b || self.problem.rows[a] == self.problem.rows[b] {
                continue;
            }
            self.remove(a, part_a);
            self.remove(b, part_b);
            let stay = self.pair_cost((a, part_a), (b, part_b));
            let swap = self.pair_cost((a, part_b), (b, part_a));
            let (to_a, to_b) = if swap < stay - 1e-9 { (part_b, part_a) } else { (part_a, part_b) };
            self.add(a, to_a);
            self.add(b, to_b);
            self.part_of_group[a] = to_a;
            self.part_of_group[b] = to_b;
            exchanged |= to_a != part_a;
        }
        exchanged
    }

    /// Change of cost when two groups are added to two different parts, which do not touch each other's cells.
    fn pair_cost(&self, a: (usize, usize), b: (usize, usize)) -> f64 {
        self.add_cost(a.0, a.1) + self.add_cost(b.0, b.1)
    }
}

fn first_lowest(values: impl Iterator<Item = f64>) -> usize {
    let lower = |best: (usize, f64), next: (usize, f64)| if next.1 < best.1 - 1e-12 { next } else { best };
    values.enumerate().reduce(lower).map_or(0, |(index, _)| index)
}
