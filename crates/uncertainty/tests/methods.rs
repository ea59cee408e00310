//! Every method on a small network that deconvolves jump signals.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use modelmend_data::generate::Jumps;
use modelmend_data::split::Part;
use modelmend_learn::monitor::{Monitor, Silent};
use modelmend_net::architecture::{Conv1d, conv1d, with_dropout, with_variance};
use modelmend_net::interval::network::Part as Boxes;
use modelmend_net::{Model, Runtime, Settings};
use modelmend_uncertainty::evaluate::evaluate;
use modelmend_uncertainty::method::{
    McDropout, Method, heuristic_beta, train_interval_network, train_predicted_variance,
};
use modelmend_uncertainty::source::{Signals, Source};
use modelmend_uncertainty::train::{Training, fit};
use modelmend_uncertainty::{Calibration, Promise, UncertaintyError, Wish};

const TRAINING: Training = Training { learning_rate: 2e-3, batch_size: 16, steps: 250, seed: 3 };

fn signals() -> Signals {
    let request = Jumps { length: 96, seed: 5, ..Jumps::default() };
    Signals::new(request, [320, 60, 60], 0.05).unwrap()
}

/// Wants to stop after three steps.
#[derive(Default)]
struct Stopping(AtomicUsize);

impl Monitor for Stopping {
    fn progress(&self, done: usize, _: usize) {
        self.0.store(done, Ordering::Relaxed);
    }

    fn interrupted(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= 3
    }
}

/// A trained network, in inference mode.
fn trained() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let model = conv1d(&Conv1d { base: 4, dropout: Some(0.05), seed: 1 }).unwrap();
        let noisy = with_dropout(&model, true).unwrap();
        let weights = fit(&noisy, &signals(), &TRAINING, &Silent).unwrap();
        model.with_parameters(weights).unwrap()
    })
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean correlation of |error| and u, mean u, error of the reconstruction.
fn measured(method: &dyn Method, source: &dyn Source) -> (f64, f64, f64) {
    let records = evaluate(method, source, (Part::Test, None)).unwrap().records;
    let of = |f: fn(&modelmend_learn::uncertainty::ImageRecord) -> f64| mean(records.iter().map(f));
    (of(|r| r.pearson.unwrap_or(0.0)), of(|r| r.mean_u), of(|r| r.mse))
}

fn wish(level: f64, delta: Option<f64>) -> Wish {
    Wish { level, delta }
}

/// Every method marks errors better than chance, its u grows with the noise, and it is calibrated on signals that no choice has seen.
#[test]
fn methods_mark_errors_and_can_be_calibrated() {
    let (model, source) = (trained(), signals());
    let beta = heuristic_beta(model, &source).unwrap();
    let further = Training { learning_rate: 1e-3, steps: 150, ..TRAINING };
    let inn = train_interval_network(model, (&Boxes::All, beta), &source, &further, &Silent).unwrap();
    let longer = Training { steps: 500, ..further };
    let variance = train_predicted_variance(model, &source, &longer, &Silent).unwrap();
    let dropout = McDropout::new(model, 16, 7).unwrap();
    let methods: [(&str, &dyn Method); 3] = [("inn", &inn), ("mcdropout", &dropout), ("probout", &variance)];
    for (name, method) in methods {
        let (pearson, u, mse) = measured(method, &source);
        assert!(pearson > 0.15 && u > 0.0 && mse < 0.02, "{name}: {pearson} {u} {mse}");
        let (_, louder, _) = measured(method, &source.with_noise(0.15));
        assert!(louder > u, "{name}: {louder} after {u}");
        let calibration = Calibration::fit(method, &source, wish(0.9, None)).unwrap().unwrap();
        assert_eq!(calibration.promise(), Promise::Mean);
        let calibrated = evaluate(method, &source, (Part::Test, Some(&calibration))).unwrap().calibrated;
        let coverage = mean(calibrated.into_iter().map(|(coverage, _)| coverage));
        assert!((coverage - 0.9).abs() < 0.04, "{name}: {coverage}");
        // 60 signals cannot promise the first, and the second asks for more than the mean.
        let promise = |wish| Calibration::fit(method, &source, wish).unwrap().unwrap().promise();
        assert_eq!(promise(wish(0.999, None)), Promise::Nothing);
        assert_eq!(promise(wish(0.7, Some(0.1))), Promise::Confident);
    }
}

/// The interval network holds what the trained network says, bit for bit, and covers part of the truth.
#[test]
fn an_interval_network_encloses_its_network() {
    let (model, source) = (trained(), signals());
    let training = Training { learning_rate: 1e-3, steps: 60, ..TRAINING };
    let inn = train_interval_network(model, (&Boxes::Last(3), 1e-3), &source, &training, &Silent).unwrap();
    let item = source.item(Part::Test, 3).unwrap();
    let maps = inn.maps(&item.input).unwrap();
    let (lo, hi) = maps.bounds.unwrap();
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let plain = runtime.forward(model.parameters(), &[item.input], Settings::default()).unwrap();
    let triples = lo.data().iter().zip(maps.output.data()).zip(hi.data());
    assert!(triples.clone().all(|((lo, y), hi)| lo <= y && y <= hi));
    assert!(triples.clone().any(|((lo, _), hi)| lo < hi), "the boxes opened");
    assert_eq!(maps.output.data(), plain[0].data());
    let records = evaluate(&inn, &source, (Part::Test, None)).unwrap().records;
    assert!(mean(records.iter().filter_map(|r| Some(r.interval.as_ref()?.coverage()))) > 0.2);
    assert!(train_interval_network(model, (&Boxes::All, 0.0), &source, &training, &Silent).is_err());
}

#[test]
fn a_new_variance_starts_where_it_should_and_leaves_the_output_alone() {
    let (model, source) = (trained(), signals());
    let item = source.item(Part::Test, 0).unwrap();
    let run = |model: &Model| {
        let runtime = Runtime::<f32>::new(model.graph().clone());
        runtime.forward(model.parameters(), std::slice::from_ref(&item.input), Settings::default()).unwrap()
    };
    let both = run(&with_variance(model, -3.0).unwrap());
    assert_eq!(both[0].shape(), [1, 2, 96]);
    let (mean, log) = both[0].data().split_at(96);
    assert_eq!(mean, run(model)[0].data());
    assert!(log.iter().all(|&s| s == -3.0));
}

#[test]
fn trainings_give_the_same_bits_on_any_number_of_threads_and_can_be_stopped() {
    let model = conv1d(&Conv1d { base: 2, dropout: Some(0.1), seed: 1 }).unwrap();
    let noisy = with_dropout(&model, true).unwrap();
    let training = Training { steps: 12, ..TRAINING };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&noisy, &signals(), &training, &Silent).unwrap().flatten())
    };
    assert_eq!(on(1), on(2));
    let stopped = fit(&noisy, &signals(), &training, &Stopping::default());
    assert!(matches!(stopped, Err(UncertaintyError::Interrupted(_))));
}
