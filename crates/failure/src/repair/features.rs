//! What the frozen layers make of the cases: computed once, not in every epoch.

use modelmend_net::exec::Rest;
use modelmend_net::{Parameters, Settings, Tensor};

use crate::error::{FailureError, Result};
use crate::judge::Judge;
use crate::problem::Problem;

/// Elements that are held; with more the frozen layers are computed again and again.
const MOST: usize = 1 << 26;
/// Cases that are computed at a time.
const BATCH: usize = 512;

/// Values between the frozen layers and the trained ones, for some cases.
#[derive(Debug)]
pub(super) struct Features {
    /// The trained layers.
    pub(super) rest: Rest<f32>,
    /// The cases, ascending.
    cases: Vec<usize>,
    /// A row for each of them.
    values: Vec<Tensor<f32>>,
}

impl Features {
    /// Computes the frozen layers for some cases; `None` where there are none before the trained parameters, or their values would take too much memory.
    ///
    /// # Errors
    /// Execution errors.
    pub(super) fn new(
        problem: &Problem,
        parameters: &Parameters<f32>,
        trained: &[bool],
        mut cases: Vec<usize>,
    ) -> Result<Option<Self>> {
        cases.sort_unstable();
        cases.dedup();
        let (runtime, settings) = (problem.runtime(), Settings::training(0));
        let Some(first) = cases.first() else { return Ok(None) };
        let Some(rest) = runtime.rest(trained, &[problem.input(&[*first])?])? else { return Ok(None) };
        let mut values: Vec<(Vec<usize>, Vec<f32>)> = Vec::new();
        for part in cases.chunks(BATCH) {
            let known = runtime.observe(parameters, &[problem.input(part)?], &rest.known, settings)?;
            if known.iter().map(Tensor::row_len).sum::<usize>() * cases.len() > MOST {
                return Ok(None);
            }
            values.resize_with(known.len(), Default::default);
            for ((shape, data), tensor) in values.iter_mut().zip(known) {
                *shape = tensor.shape().to_vec();
                data.extend(tensor.into_data());
            }
        }
        let whole = values.into_iter().map(|(shape, data)| with_rows(&shape, cases.len(), data));
        let values = whole.collect::<Result<_>>()?;
        Ok(Some(Self { rest, cases, values }))
    }

    /// What the trained layers read of some of the cases.
    ///
    /// # Errors
    /// A case that was not computed.
    pub(super) fn of(&self, cases: &[usize]) -> Result<Vec<Tensor<f32>>> {
        let row = |case: &usize| self.cases.binary_search(case);
        let rows = cases.iter().map(row).collect::<std::result::Result<Vec<_>, _>>();
        let rows = rows.map_err(|_| FailureError::invalid("a case without features"))?;
        let gathered = self.values.iter().map(|tensor| {
            let len = tensor.row_len();
            let data = rows.iter().flat_map(|row| &tensor.data()[row * len..(row + 1) * len]);
            with_rows(tensor.shape(), rows.len(), data.copied().collect())
        });
        gathered.collect()
    }
}

/// Data in a shape with another number of rows.
fn with_rows(shape: &[usize], rows: usize, data: Vec<f32>) -> Result<Tensor<f32>> {
    let shape: Vec<usize> = std::iter::once(rows).chain(shape.iter().skip(1).copied()).collect();
    Tensor::new(shape, data).ok_or_else(|| FailureError::invalid("features do not fill their shape"))
}

#[cfg(test)]
mod tests {
    use modelmend_data::{Cases, Images, Pixels};
    use modelmend_net::architecture::{Classifier, ClassifierKind, classifier};

    use super::*;

    #[test]
    fn features_are_those_of_the_cases_asked_for() {
        let (side, count) = (8, 20);
        let pixels = (0..count * side * side * 3).map(|i| (i * 7919 % 251) as u8).collect();
        let images = Images::new("images", &[count, side, side, 3], Pixels::U8(pixels)).unwrap();
        let kind = ClassifierKind::VggSmall;
        let spec =
            Classifier { kind, channels: 3, height: side, width: side, classes: 2, base: Some(4), seed: 3 };
        let cases = Cases::new("all", images, vec![0; count]).unwrap();
        let problem = Problem::new(classifier(&spec).unwrap(), &cases, vec![0; count]).unwrap();
        let mut trained = vec![false; problem.parameters().len()];
        trained.iter_mut().rev().take(2).for_each(|t| *t = true);
        let all = vec![3, 19, 4, 4, 0, 11];
        let features = Features::new(&problem, problem.parameters(), &trained, all).unwrap().unwrap();
        for asked in [&[19, 0][..], &[4, 3, 11]] {
            let input = problem.input(asked).unwrap();
            let settings = Settings::training(0);
            let expected = problem
                .runtime()
                .observe(problem.parameters(), &[input], &features.rest.known, settings)
                .unwrap();
            assert_eq!(features.of(asked).unwrap(), expected);
        }
        assert!(features.of(&[5]).is_err(), "it was not computed");
        assert!(features.values.iter().all(|tensor| tensor.rows() == 5));
    }
}
