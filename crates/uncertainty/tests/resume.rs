//! A training that is cut short goes on where it was, bit for bit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use modelmend_data::generate::Jumps;
use modelmend_learn::monitor::{Monitor, Silent};
use modelmend_net::architecture::{Conv1d, conv1d, with_dropout};
use modelmend_uncertainty::UncertaintyError;
use modelmend_uncertainty::source::Signals;
use modelmend_uncertainty::train::{Session, State, Training, fit};

/// Keeps the newest state and stops after some steps.
struct Cut {
    state: Mutex<Option<State>>,
    steps: AtomicUsize,
    after: usize,
}

impl Monitor for Cut {
    fn progress(&self, _: usize, _: usize) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    fn interrupted(&self) -> bool {
        self.steps.load(Ordering::Relaxed) >= self.after
    }
}

impl Session for Cut {
    fn kept(&self) -> Option<State> {
        self.state.lock().unwrap().clone()
    }

    fn keep(&self, state: &State) -> Result<(), UncertaintyError> {
        *self.state.lock().unwrap() = Some(state.clone());
        Ok(())
    }
}

#[test]
fn a_training_goes_on_where_it_was_cut_short() {
    let request = Jumps { length: 64, seed: 5, ..Jumps::default() };
    let source = Signals::new(request, [64, 4, 4], 0.05).unwrap();
    let model =
        with_dropout(&conv1d(&Conv1d { base: 2, dropout: Some(0.05), seed: 1 }).unwrap(), true).unwrap();
    let training = Training { learning_rate: 2e-3, batch_size: 8, steps: 230, seed: 3 };
    let whole = fit(&model, &source, &training, &Silent).unwrap();
    let cut = Cut { state: Mutex::default(), steps: AtomicUsize::new(0), after: 150 };
    assert!(fit(&model, &source, &training, &cut).is_err());
    let state = cut.kept().unwrap();
    assert_eq!(state.step, 100);
    let again = Cut { state: Mutex::new(Some(state)), steps: AtomicUsize::new(0), after: 1000 };
    assert_eq!(fit(&model, &source, &training, &again).unwrap().flatten(), whole.flatten());
    assert_eq!(again.steps.load(Ordering::Relaxed), 130);
}
