//! What is measured on the items of a side.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use modelmend_data::generate::Jumps;
use modelmend_data::split::Part;
use modelmend_net::Tensor;
use modelmend_uncertainty::evaluate::{density, evaluate, evaluate_with};
use modelmend_uncertainty::method::{Maps, Method};
use modelmend_uncertainty::source::{Batch, Signals, Source};
use modelmend_uncertainty::{Calibration, Promise, Result, UncertaintyError, Wish, widened};

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

/// Bounds of one width around the input.
struct Bounded(f32);

impl Method for Bounded {
    fn maps(&self, input: &Tensor<f32>) -> Result<Maps> {
        let moved = |by: f32| input.map(|value| value + by);
        let bounds = Some((moved(-self.0), moved(self.0)));
        Ok(Maps { output: input.clone(), u: input.map(|_| 2.0 * self.0), bounds })
    }
}

/// Scaled and widened intervals against the truth: counted again here.
#[test]
fn intervals_are_scaled_widened_and_counted() {
    let source = signals();
    let calibration = Calibration::known((2.0, 0.01), (Promise::Nothing, 3)).unwrap();
    let method = Bounded(0.02);
    let found = evaluate(&method, &source, (Part::Test, Some(&calibration))).unwrap().calibrated;
    for (index, held) in found.iter().enumerate() {
        let item = source.item(Part::Test, index).unwrap();
        let maps = method.maps(&item.input).unwrap();
        let errors = || item.input.data().iter().zip(item.target.data()).map(|(x, t)| (x - t).abs());
        // 2 (0.02 + 0.01) on each side, and 0.02 + 3 * 0.015.
        let within = |half: f32| errors().filter(|error| *error < half).count() as f64 / 64.0;
        assert!((held.placement.coverage().unwrap() - within(0.06)).abs() < 1e-9, "{index}");
        assert!((held.width - 0.12).abs() < 1e-5);
        let wider = widened(&maps, item.target.data(), (0.015, 3.0)).unwrap().unwrap();
        assert!((wider.placement.coverage().unwrap() - within(0.065)).abs() < 1e-9, "{index}");
        assert!((wider.width - 0.13).abs() < 1e-5);
        let none = widened(&Same.maps(&item.input).unwrap(), item.target.data(), (0.015, 3.0)).unwrap();
        assert_eq!(none, None);
    }
    assert!(Calibration::known((-1.0, 0.01), (Promise::Nothing, 3)).is_err());
    assert!(Calibration::known((1.0, 0.0), (Promise::Nothing, 3)).is_err());
}

/// Slices of one patient are one unit: few patients promise nothing, however many slices they have.
#[test]
fn a_calibration_counts_groups() {
    let request = Jumps { length: 64, seed: 5, ..Jumps::default() };
    let source = Signals::new(request, [4, 40, 9], 0.05).unwrap();
    let wish = Wish { level: 0.9, delta: None };
    let fit = |groups: Option<&[usize]>| {
        Calibration::fit(&Bounded(0.02), (&source, groups), wish).unwrap().unwrap()
    };
    let alone = fit(None);
    assert_eq!((alone.promise(), alone.units()), (Promise::Mean, 40));
    let of = |patients: usize| (0..40).map(|item| item % patients).collect::<Vec<usize>>();
    assert_eq!((fit(Some(&of(4))).promise(), fit(Some(&of(4))).units()), (Promise::Nothing, 4));
    assert_eq!((fit(Some(&of(10))).promise(), fit(Some(&of(10))).units()), (Promise::Mean, 10));
    // Fewer units leave more room for what they do not show.
    assert!(fit(Some(&of(10))).scale().0 > alone.scale().0);
    assert!(Calibration::fit(&Bounded(0.02), (&source, Some(&[0, 1])), wish).is_err());
}
