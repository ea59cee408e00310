//! Optimisers.

use crate::graph::Parameters;
use crate::tensor::Element;

/// Settings of [`Adam`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f64,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// Adam (Kingma and Ba, arXiv 1412.6980), as `torch.optim.Adam`.
#[derive(Clone, Debug)]
pub struct Adam<T> {
    settings: AdamSettings,
    steps: i32,
    mean: Parameters<T>,
    square: Parameters<T>,
}

impl<T: Element> Adam<T> {
    /// An optimiser for these parameters.
    pub fn new(parameters: &Parameters<T>, settings: AdamSettings) -> Self {
        Self { settings, steps: 0, mean: parameters.zeros_like(), square: parameters.zeros_like() }
    }

    /// Steps taken and the two moments, for a checkpoint.
    pub fn state(&self) -> (u32, &Parameters<T>, &Parameters<T>) {
        (self.steps as u32, &self.mean, &self.square)
    }

    /// An optimiser that goes on from a checkpoint ([`Self::state`]).
    pub fn resume(settings: AdamSettings, steps: u32, mean: Parameters<T>, square: Parameters<T>) -> Self {
        Self { settings, steps: steps as i32, mean, square }
    }

    /// One step along `gradient`.
    pub fn step(&mut self, parameters: &mut Parameters<T>, gradient: &Parameters<T>) {
        self.steps += 1;
        let s = self.settings;
        let (b1, b2) = (T::of(s.beta1), T::of(s.beta2));
        let (c1, c2) = (T::one() - b1, T::one() - b2);
        let rate = T::of(s.learning_rate / (1.0 - s.beta1.powi(self.steps)));
        let root = T::of((1.0 - s.beta2.powi(self.steps)).sqrt().recip());
        let (epsilon, decay) = (T::of(s.epsilon), T::of(s.weight_decay));
        let moments = self.mean.iter_mut().zip(self.square.iter_mut());
        for ((w, g), (m, v)) in parameters.iter_mut().zip(gradient.iter()).zip(moments) {
            let moments = m.data_mut().iter_mut().zip(v.data_mut());
            for ((w, &g), (m, v)) in w.data_mut().iter_mut().zip(g.data()).zip(moments) {
                let g = g + decay * *w;
                *m = b1 * *m + c1 * g;
                *v = b2 * *v + c2 * g * g;
                *w -= rate * *m / (v.sqrt() * root + epsilon);
            }
        }
    }
}
