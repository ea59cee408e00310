//! Exact tests on counts.

use super::{check_level, normal_quantile};
use crate::error::LearnError;
use statrs::distribution::{Binomial, Discrete, DiscreteCDF, Hypergeometric};

fn refuse(name: &'static str, value: usize, rule: &'static str) -> LearnError {
    LearnError::Parameter { name, value: value as f64, rule }
}

/// Wilson's score interval (1927) of a proportion: (low, high) within 0 ..= 1.
///
/// # Errors
/// [`LearnError::Parameter`] for no trials, more successes than trials, or a level outside (0, 1).
pub fn wilson(successes: usize, trials: usize, level: f64) -> Result<(f64, f64), LearnError> {
    check_level(level)?;
    if trials == 0 || successes > trials {
        return Err(refuse(
            "successes",
            successes,
            "at most the number of trials, of which there is at least one",
        ));
    }
    let (n, p) = (trials as f64, successes as f64 / trials as f64);
    let z = normal_quantile((1.0 + level) / 2.0);
    let z2 = z * z / n;
    let center = (p + z2 / 2.0) / (1.0 + z2);
    let half = z * (p * (1.0 - p) / n + z2 / (4.0 * n)).sqrt() / (1.0 + z2);
    let low = if successes == 0 { 0.0 } else { center - half };
    let high = if successes == trials { 1.0 } else { center + half };
    Ok((low, high))
}

/// McNemar's exact two-sided test (1947): of the cases on which two models differ, `only_first` are right
/// with the first and `only_second` with the second; p = 2 P(X <= min) for X binomial with chance 1/2, at
/// most 1. 1 if none differ.
///
/// # Errors
/// [`LearnError::Parameter`] if the counts overflow the distribution.
pub fn mcnemar(only_first: usize, only_second: usize) -> Result<f64, LearnError> {
    let n = only_first + only_second;
    let binomial =
        Binomial::new(0.5, n as u64).map_err(|_| refuse("discordant cases", n, "a valid count"))?;
    Ok((2.0 * binomial.cdf(only_first.min(only_second) as u64)).min(1.0))
}

/// Holm's step-down adjustment (1979) of p-values: each result may be compared with the level of the whole
/// family.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest = 0.0f64;
    for (rank, &i) in order.iter().enumerate() {
        largest = largest.max((p.len() - rank) as f64 * p[i]).min(1.0);
        adjusted[i] = largest;
    }
    adjusted
}

/// How much more often a metadata value occurs in a subtype than among all cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Enrichment {
    /// Share in the subtype over share among all; 1 = as often as elsewhere.
    pub lift: f64,
    /// P(at least that many in the subtype) when the subtype is a random draw of its size (hypergeometric;
    /// the one-sided Fisher test).
    pub p: f64,
}

/// Enrichment of a value that `with_value` of `total` cases have, `hits` of them among the `size` cases of a
/// subtype.
///
/// # Errors
/// [`LearnError::Parameter`] for counts that do not fit together, or none at all.
pub fn enrichment(
    hits: usize,
    size: usize,
    with_value: usize,
    total: usize,
) -> Result<Enrichment, LearnError> {
    let fits = hits <= size.min(with_value)
        && size.max(with_value) <= total
        && size - hits <= total - with_value
        && size > 0
        && with_value > 0;
    if !fits {
        return Err(refuse(
            "hits",
            hits,
            "consistent with the sizes of subtype, value and all, each at least 1",
        ));
    }
    let lift = hits as f64 * total as f64 / (size as f64 * with_value as f64);
    let distribution = hypergeometric(total, with_value, size)?;
    let p = (hits..=size.min(with_value)).map(|count| distribution.pmf(count as u64)).sum::<f64>().min(1.0);
    Ok(Enrichment { lift, p })
}

fn hypergeometric(total: usize, marked: usize, drawn: usize) -> Result<Hypergeometric, LearnError> {
    Hypergeometric::new(total as u64, marked as u64, drawn as u64)
        .map_err(|_| refuse("drawn cases", drawn, "at most all cases"))
}

/// Fisher's exact two-sided test of the table `[[a, b], [c, d]]`: the sum of the chances of all tables with
/// the same margins that are no more likely, as scipy and R.
///
/// # Errors
/// [`LearnError::Parameter`] if the counts overflow the distribution.
pub fn fisher_exact(table: [[usize; 2]; 2]) -> Result<f64, LearnError> {
    let [[a, b], [c, d]] = table;
    let (total, marked, drawn) = (a + b + c + d, a + c, a + b);
    let distribution = hypergeometric(total, marked, drawn)?;
    let observed = distribution.pmf(a as u64);
    let chances = (drawn.saturating_sub(b + d)..=drawn.min(marked)).map(|x| distribution.pmf(x as u64));
    // The tolerance of R's fisher.test: tables as likely but for rounding count.
    Ok(chances.filter(|&chance| chance <= observed * (1.0 + 1e-7)).sum::<f64>().min(1.0))
}
