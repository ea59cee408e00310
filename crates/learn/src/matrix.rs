//! Metrics of a fine-tuning matrix (Henn et al. 2021, arXiv 2109.12347): entry (i, j) is the metric, in 0 ..=
//! 1, on the test cases of subtype j of the model fine-tuned on subtype i.
//!
//! Entries may be missing: a subtype without test cases, a fine-tuning that was not run. A number that needs
//! a missing entry is `None`; a mean leaves `None`s out and says how many values it stands on.

use crate::error::{LearnError, check_lengths};
use crate::stats::mean;
use ndarray::ArrayView2;

/// Mean and spread over the subtypes of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Mean of the values present.
    pub mean: f64,
    /// Their population standard deviation (n in the denominator).
    pub std: f64,
    /// How many values are present, at least 1.
    pub count: usize,
}

impl Summary {
    /// Summary of the values present; `None` if there are none.
    pub fn of(values: &[Option<f64>]) -> Option<Self> {
        let present: Vec<f64> = values.iter().copied().flatten().collect();
        let mean = mean(present.iter().copied())?;
        let variance = present.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / present.len() as f64;
        Some(Self { mean, std: variance.sqrt(), count: present.len() })
    }
}

/// Learnability L(F_i) = m(M_i, F_i): the diagonal.
///
/// # Errors
/// [`LearnError::Length`] if the matrix is not square.
pub fn learnability(matrix: ArrayView2<'_, Option<f64>>) -> Result<Vec<Option<f64>>, LearnError> {
    check_lengths("rows and columns of the fine-tuning matrix", matrix.nrows(), matrix.ncols())?;
    Ok(matrix.diag().to_vec())
}

/// Independence I(F_i) = mean over j != i of m(M_i, F_i) - m(M_i, F_j), in -1 ..= 1, over the entries j
/// present. `None` where the diagonal entry or every other entry is missing, hence with a single subtype. A
/// diagonal of 0 is no special case.
///
/// # Errors
/// [`LearnError::Length`] if the matrix is not square.
pub fn independence(matrix: ArrayView2<'_, Option<f64>>) -> Result<Vec<Option<f64>>, LearnError> {
    let own = learnability(matrix)?;
    let one = |(i, own): (usize, Option<f64>)| {
        let own = own?;
        let others = matrix.row(i).into_iter().enumerate().filter(|&(j, _)| j != i);
        mean(others.filter_map(|(_, entry)| *entry).map(|other| own - other))
    };
    Ok(own.into_iter().enumerate().map(one).collect())
}

/// Generalisability 1 - clip(train - test, 0, 1) / train of each subtype, 0 where train = 0, in 0 ..= 1;
/// `train` and `test` are the diagonals of the two matrices. `None` where either is missing.
///
/// # Errors
/// [`LearnError::Length`] if the two differ in length.
pub fn generalisability(train: &[Option<f64>], test: &[Option<f64>]) -> Result<Vec<Option<f64>>, LearnError> {
    check_lengths("train and test metrics", train.len(), test.len())?;
    let one = |train: f64, test: f64| match train {
        0.0 => 0.0,
        _ => 1.0 - (train - test).clamp(0.0, 1.0) / train,
    };
    Ok(train.iter().zip(test).map(|(train, test)| Some(one((*train)?, (*test)?))).collect())
}

/// The four figures of each subtype.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixMetrics {
    /// Learnability, test side.
    pub learnability: Vec<Option<f64>>,
    /// Independence, test side.
    pub independence: Vec<Option<f64>>,
    /// Generalisability from train to test.
    pub generalisability: Vec<Option<f64>>,
    /// Learnability times generalisability.
    pub learnability_generalisability: Vec<Option<f64>>,
    /// Compatibility m(M_i, C): the metric on the correct test cases.
    pub compatibility: Vec<Option<f64>>,
}

/// All figures from the square matrices (subtype, subtype) of test and train cases and the column of the
/// correct test cases.
///
/// # Errors
/// [`LearnError::Length`] if a matrix is not square or the inputs differ in the number of subtypes.
pub fn matrix_metrics(
    test: ArrayView2<'_, Option<f64>>,
    train: ArrayView2<'_, Option<f64>>,
    correct: &[Option<f64>],
) -> Result<MatrixMetrics, LearnError> {
    check_lengths("subtypes of the matrix and of the correct column", test.nrows(), correct.len())?;
    let learnability = learnability(test)?;
    let generalisability = generalisability(&self::learnability(train)?, &learnability)?;
    let product = learnability.iter().zip(&generalisability).map(|(l, g)| Some((*l)? * (*g)?)).collect();
    Ok(MatrixMetrics {
        independence: independence(test)?,
        learnability_generalisability: product,
        learnability,
        generalisability,
        compatibility: correct.to_vec(),
    })
}
