//! What is measured on the items of a side.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use modelmend_data::generate::Jumps;
use modelmend_data::split::Part;
use modelmend_net::Tensor;
use modelmend_uncertainty::evaluate::{density, evaluate, evaluate_with};
use modelmend_uncertainty::method::{Maps, Method};
use modelmend_uncertainty::source::{Batch, Signals, Source};
use modelmend_uncertainty::{Result, UncertaintyError};

/// Gives the input back and trusts small values.
struct Same;

impl Method for Same {
    fn maps(&self, input: &Tensor<f32>) -> Result<Maps> {
        Ok(Maps { output: input.clone(), u: input.map(|value| value.abs()), bounds: None })
    }
}

fn signals() -> Signals {
    Signals::new(Jumps { length: 64, seed: 5, ..Jumps::default() }, [4, 3, 9], 0.05).unwrap()
}

#[test]
fn items_are_seen_in_order_with_their_maps() {
    let source = signals();
    let look = |index: usize, pair: &Batch, maps: &Maps| {
        assert_eq!(maps.output.data(), pair.input.data());
        Ok((index, density(maps, pair.target.data())?))
    };
    let (evaluation, seen) = evaluate_with(&Same, &source, (Part::Test, None), look).unwrap();
    assert_eq!(seen.iter().map(|(index, _)| *index).collect::<Vec<_>>(), (0..9).collect::<Vec<_>>());
    for ((index, density), record) in seen.iter().zip(&evaluation.records) {
        assert_eq!(density.cells.values().sum::<u64>(), 64);
        let u: f64 = density.levels.values().map(|level| level.u).sum();
        assert!((u / 64.0 - record.mean_u).abs() < 1e-9, "{index}");
        assert_eq!(source.item(Part::Test, *index).unwrap().input.len(), 64);
    }
    let plain = evaluate(&Same, &source, (Part::Test, None)).unwrap();
    assert_eq!(plain.records, evaluation.records);
}

#[test]
fn an_error_of_the_look_is_told() {
    let look = |index: usize, _: &Batch, _: &Maps| match index {
        3 => Err(UncertaintyError::Invalid("item 3".to_owned())),
        _ => Ok(()),
    };
    let error = evaluate_with(&Same, &signals(), (Part::Test, None), look).unwrap_err();
    assert_eq!(error.to_string(), "item 3");
}
