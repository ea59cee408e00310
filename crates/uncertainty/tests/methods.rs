//! Every method on a small network that deconvolves jump signals.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use modelmend_data::generate::Jumps;
use modelmend_data::split::Part;
use modelmend_learn::monitor::{Monitor, Silent};
use modelmend_net::architecture::{Conv1d, DnCnn, conv1d, dncnn, with_dropout, with_variance};
use modelmend_net::interval::network::Part as Boxes;
use modelmend_net::{Model, Runtime, Settings, Tensor};
use modelmend_uncertainty::evaluate::evaluate;
use modelmend_uncertainty::method::{
    Augmented, Ensemble, InputGradient, McDropout, Method, heuristic_beta, train_interval_network,
    train_learned_error, train_predicted_variance,
};
use modelmend_uncertainty::source::{Later, Signals, Source};
use modelmend_uncertainty::train::{Session, State, Training, fit};
use modelmend_uncertainty::{Calibration, Promise, UncertaintyError, Wish};

const TRAINING: Training = Training { learning_rate: 2e-3, batch_size: 16, steps: 250, seed: 3 };

fn signals() -> Signals {
    let request = Jumps { length: 96, seed: 5, ..Jumps::default() };
    Signals::new(request, [320, 200, 200], 0.05).unwrap()
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

impl Session for Stopping {
    fn kept(&self) -> Option<State> {
        None
    }

    fn keep(&self, _: &State) -> Result<(), UncertaintyError> {
        Ok(())
    }
}

/// A trained network, in inference mode.
fn trained() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| member(0))
}

/// A network trained from its own seeds on epochs of its own.
fn member(number: u64) -> Model {
    let model = conv1d(&Conv1d { base: 4, dropout: Some(0.05), seed: 1 + number }).unwrap();
    let noisy = with_dropout(&model, true).unwrap();
    let training = Training { seed: TRAINING.seed + (number << 32), ..TRAINING };
    let weights = fit(&noisy, &Later::new(&signals(), 100 * number), &training, &Silent).unwrap();
    model.with_parameters(weights).unwrap()
}

/// The trained network and three more.
fn ensemble() -> Ensemble {
    Ensemble::new(std::iter::once(trained().clone()).chain((1..4).map(member)).collect()).unwrap()
}

/// The trained network as one that never had dropout.
fn without_dropout() -> Model {
    let plain = conv1d(&Conv1d { base: 4, dropout: Some(0.0), seed: 1 }).unwrap();
    plain.with_parameters(trained().parameters().clone()).unwrap()
}

/// What a network says.
fn says(model: &Model, input: &Tensor<f32>) -> Tensor<f32> {
    let runtime = Runtime::<f32>::new(model.graph().clone());
    let outputs = runtime.forward(model.parameters(), std::slice::from_ref(input), Settings::default());
    outputs.unwrap().swap_remove(0)
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
    let dropout = McDropout::new(model, 16, None, 7).unwrap();
    let ensemble = ensemble();
    let inserted = McDropout::new(&without_dropout(), 16, None, 7).unwrap();
    let augmented = Augmented::new(model);
    let error = train_learned_error(model, &source, &longer, &Silent).unwrap();
    let methods: [(&str, &dyn Method); 7] = [
        ("inn", &inn),
        ("mcdropout", &dropout),
        ("mcdropout, inserted", &inserted),
        ("probout", &variance),
        ("ensemble", &ensemble),
        ("tta", &augmented),
        ("error", &error),
    ];
    for (name, method) in methods {
        let (pearson, u, mse) = measured(method, &source);
        assert!(pearson > 0.15 && u > 0.0 && mse < 0.02, "{name}: {pearson} {u} {mse}");
        let (_, louder, _) = measured(method, &source.with_noise(0.15));
        assert!(louder > u, "{name}: {louder} after {u}");
        let calibration = Calibration::fit(method, (&source, None), wish(0.9, None)).unwrap().unwrap();
        assert_eq!(calibration.promise(), Promise::Mean);
        let calibrated = evaluate(method, &source, (Part::Test, Some(&calibration))).unwrap().calibrated;
        let coverage = mean(calibrated.iter().filter_map(|held| held.placement.coverage()));
        assert!((coverage - 0.9).abs() < 0.04, "{name}: {coverage}");
        // 200 signals cannot promise the first, and the second asks for more than the mean.
        let promise = |wish| Calibration::fit(method, (&source, None), wish).unwrap().unwrap().promise();
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
    let triples = lo.data().iter().zip(maps.output.data()).zip(hi.data());
    assert!(triples.clone().all(|((lo, y), hi)| lo <= y && y <= hi));
    assert!(triples.clone().any(|((lo, _), hi)| lo < hi), "the boxes opened");
    assert_eq!(maps.output, says(model, &item.input));
    let records = evaluate(&inn, &source, (Part::Test, None)).unwrap().records;
    assert!(mean(records.iter().filter_map(|r| Some(r.interval.as_ref()?.coverage()))) > 0.2);
    assert!(train_interval_network(model, (&Boxes::All, 0.0), &source, &training, &Silent).is_err());
}

/// The mean of the members is the output, closer to the truth than they are on average, and their unbiased deviation is u.
#[test]
fn an_ensemble_is_mean_and_deviation_of_its_members() {
    let (first, second) = (trained(), &member(1));
    let source = signals();
    let pair = Ensemble::new(vec![first.clone(), second.clone()]).unwrap();
    let items = [3, 4].map(|index| source.item(Part::Test, index).unwrap().input);
    let both = Tensor::new([2, 1, 96], [items[0].data(), items[1].data()].concat()).unwrap();
    let maps = pair.maps(&both).unwrap();
    let (a, b) = (says(first, &both), says(second, &both));
    for (((&y, &u), &a), &b) in maps.output.data().iter().zip(maps.u.data()).zip(a.data()).zip(b.data()) {
        assert!((y - (a + b) / 2.0).abs() < 1e-6 && (u - (a - b).abs() / 2f32.sqrt()).abs() < 1e-6);
    }
    assert!(maps.u.data().iter().any(|&u| u > 1e-3), "members differ");
    assert_eq!(pair.maps(&items[1]).unwrap().u.data(), &maps.u.data()[96..]);
    let error = |method: &dyn Method| measured(method, &source).2;
    let single = |model: &Model| error(&Ensemble::new(vec![model.clone(); 2]).unwrap());
    assert!(error(&pair) < (single(first) + single(second)) / 2.0);
    assert!(Ensemble::new(vec![first.clone()]).is_err());
    let other = with_variance(first, -3.0).unwrap();
    let error = Ensemble::new(vec![first.clone(), other]).unwrap().maps(&both).unwrap_err().to_string();
    assert!(error.contains("member 2"), "{error}");
}

/// Dropout is put into a network that has none, and a ratio is refused where it has some.
#[test]
fn dropout_is_inserted_only_where_there_is_none() {
    let (model, plain) = (trained(), &without_dropout());
    let input = signals().item(Part::Test, 0).unwrap().input;
    assert_eq!(McDropout::new(model, 8, None, 7).unwrap().inserted(), None);
    let said = McDropout::new(model, 8, Some(0.1), 7).unwrap_err().to_string();
    assert!(said.contains("ratio = 0.1") && said.contains("of its own"), "{said}");
    let with = |ratio| McDropout::new(plain, 8, ratio, 7).unwrap();
    assert_eq!((with(None).inserted(), with(Some(0.2)).inserted()), (Some(0.05), Some(0.2)));
    let u = |ratio| mean(with(ratio).maps(&input).unwrap().u.data().iter().map(|&u| f64::from(u)));
    assert!(u(None) > 0.0 && u(Some(0.2)) > 1.2 * u(None), "{} {}", u(None), u(Some(0.2)));
}

/// A network with a map at every position has all symmetries, another has not; output and u follow the views of the image.
#[test]
fn views_are_mapped_back() {
    let plain =
        dncnn(&DnCnn { channels: 2, width: 4, depth: 3, dropout: 0.0, residual: true, seed: 2 }).unwrap();
    let method = Augmented::new(&plain);
    let picture = |h: usize, w: usize| {
        Tensor::new([1, 2, h, w], (0..2 * h * w).map(|i| (i as f32 * 0.7).sin()).collect()).unwrap()
    };
    // The mean over all symmetries commutes with each: mirror the rows of a square, a wide and a tall image.
    for (h, w) in [(6, 6), (4, 7), (7, 4)] {
        let x = picture(h, w);
        let maps = method.maps(&x).unwrap();
        let flip = |t: &Tensor<f32>| {
            let rows = t.data().chunks_exact(w).flat_map(|row| row.iter().rev().copied());
            Tensor::new(t.shape(), rows.collect()).unwrap()
        };
        let flipped = method.maps(&flip(&x)).unwrap();
        near(&flipped.output, &flip(&maps.output));
        near(&flipped.u, &flip(&maps.u));
        assert!(maps.u.data().iter().any(|&u| u > 1e-3));
        assert!(
            difference(&says(&plain, &flip(&x)), &flip(&says(&plain, &x))) > 1e-3,
            "not symmetric itself"
        );
    }
    // Quarter turns of a square: transposing commutes, too.
    let x = picture(6, 6);
    let turn = |t: &Tensor<f32>| {
        let at = |c: usize, i: usize, j: usize| t.data()[c * 36 + j * 6 + i];
        let points = (0..72).map(|k| at(k / 36, k / 6 % 6, k % 6));
        Tensor::new(t.shape(), points.collect()).unwrap()
    };
    near(&method.maps(&turn(&x)).unwrap().output, &turn(&method.maps(&x).unwrap().output));
    // A batch is its images.
    let signals = signals();
    let items = [0, 1].map(|i| signals.item(Part::Test, i).unwrap().input);
    let both = Tensor::new([2, 1, 96], [items[0].data(), items[1].data()].concat()).unwrap();
    let method = Augmented::new(trained());
    assert_eq!(method.maps(&both).unwrap().u.data()[96..], *method.maps(&items[1]).unwrap().u.data());
    assert!(method.maps(&Tensor::new([1, 96], vec![0.0; 96]).unwrap()).is_err());
}

fn difference(a: &Tensor<f32>, b: &Tensor<f32>) -> f32 {
    a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn near(a: &Tensor<f32>, b: &Tensor<f32>) {
    assert!(a.shape() == b.shape() && difference(a, b) < 1e-5, "{}", difference(a, b));
}

/// u is the size of the slope of the summed output, as differences find it.
#[test]
fn the_input_gradient_is_the_slope_of_the_sum() {
    let (model, source) = (trained(), signals());
    let items = [5, 6].map(|i| source.item(Part::Test, i).unwrap().input);
    let untrained = conv1d(&Conv1d { base: 4, dropout: None, seed: 8 }).unwrap();
    let mut slopes = Vec::new();
    for model in [model, &untrained] {
        let maps = InputGradient::new(model).maps(&items[0]).unwrap();
        assert_eq!(maps.output, says(model, &items[0]));
        let runtime = Runtime::<f64>::new(model.graph().clone());
        let total = |at: usize, by: f64| {
            let mut x = items[0].map(|&v| f64::from(v));
            x.data_mut()[at] += by;
            let y = runtime.forward(&model.parameters().cast(), &[x], Settings::default()).unwrap();
            y[0].data().iter().sum::<f64>()
        };
        for at in (0..96).step_by(5) {
            let slope = (total(at, 1e-6) - total(at, -1e-6)) / 2e-6;
            let u = f64::from(maps.u.data()[at]);
            assert!((u - slope.abs()).abs() < 1e-3 * (1.0 + u), "{at}: {u} {slope}");
            slopes.push(slope);
        }
    }
    assert!(slopes.iter().any(|&s| s < -0.01) && slopes.iter().any(|&s| s > 0.01), "{slopes:?}");
    let method = InputGradient::new(model);
    let maps = method.maps(&items[0]).unwrap();
    let both = Tensor::new([2, 1, 96], [items[0].data(), items[1].data()].concat()).unwrap();
    assert_eq!(method.maps(&both).unwrap().u.data()[..96], *maps.u.data());
    let wider = with_variance(model, -3.0).unwrap();
    let said = InputGradient::new(&wider).maps(&items[0]).unwrap_err().to_string();
    assert!(said.contains("[1, 2, 96]"), "{said}");
}

/// The predicted error has the size of the real one, and the network is untouched.
#[test]
fn a_learned_error_leaves_the_output_alone() {
    let (model, source) = (trained(), signals());
    let training = Training { learning_rate: 1e-3, steps: 150, ..TRAINING };
    let learned = train_learned_error(model, &source, &training, &Silent).unwrap();
    let (mut predicted, mut real) = (0.0, 0.0);
    for index in 0..20 {
        let item = source.item(Part::Test, index).unwrap();
        let maps = learned.maps(&item.input).unwrap();
        assert_eq!(maps.output, says(model, &item.input));
        assert!(maps.u.data().iter().all(|&u| u > 0.0));
        predicted += mean(maps.u.data().iter().map(|&u| f64::from(u)));
        real +=
            mean(maps.output.data().iter().zip(item.target.data()).map(|(y, t)| f64::from((y - t).abs())));
    }
    assert!((predicted / real - 1.0).abs() < 0.3, "{predicted} {real}");
}

/// What another member of an ensemble learns from: the same signals in another order with other noise.
#[test]
fn later_epochs_are_other_pairs() {
    let source = signals();
    let later = Later::new(&source, 7);
    let (own, same) = (later.batch(1, 0..4).unwrap(), source.batch(8, 0..4).unwrap());
    assert_eq!((&own.input, &own.target), (&same.input, &same.target));
    assert_ne!(own.input, source.batch(1, 0..4).unwrap().input);
    assert_eq!(later.item(Part::Test, 1).unwrap().input, source.item(Part::Test, 1).unwrap().input);
}

#[test]
fn a_new_variance_starts_where_it_should_and_leaves_the_output_alone() {
    let (model, source) = (trained(), signals());
    let item = source.item(Part::Test, 0).unwrap();
    let both = says(&with_variance(model, -3.0).unwrap(), &item.input);
    assert_eq!(both.shape(), [1, 2, 96]);
    let (mean, log) = both.data().split_at(96);
    assert_eq!(mean, says(model, &item.input).data());
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
