//! Optimisers.

use rayon::prelude::*;

use crate::exec::denormals;
use crate::graph::Parameters;
use crate::kernels::widest;
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

    /// Steps from here on have this size.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.settings.learning_rate = learning_rate;
    }

    /// The running means of the gradients and of their squares.
    pub fn moments(&self) -> impl Iterator<Item = &Parameters<T>> {
        [&self.mean, &self.square].into_iter()
    }

    /// One step along `gradient`. Every element has its own arithmetic: the same bits on any number of threads.
    pub fn step(&mut self, parameters: &mut Parameters<T>, gradient: &Parameters<T>) {
        self.steps += 1;
        let s = self.settings;
        let rule = Rule {
            betas: [s.beta1, s.beta2].map(T::of),
            rests: [s.beta1, s.beta2].map(|b| T::one() - T::of(b)),
            rate: T::of(s.learning_rate / (1.0 - s.beta1.powi(self.steps))),
            root: T::of((1.0 - s.beta2.powi(self.steps)).sqrt().recip()),
            epsilon: T::of(s.epsilon),
            decay: T::of(s.weight_decay),
        };
        let moments = self.mean.iter_mut().zip(self.square.iter_mut());
        let tensors = parameters.iter_mut().zip(gradient.iter()).zip(moments);
        let parts = tensors.flat_map(|((w, g), (m, v))| {
            let moments = m.data_mut().chunks_mut(PART).zip(v.data_mut().chunks_mut(PART));
            w.data_mut().chunks_mut(PART).zip(g.data().chunks(PART)).zip(moments)
        });
        // One loop over the parts of all tensors: most are too small for a loop of their own.
        parts.collect::<Vec<_>>().into_par_iter().for_each(|((w, g), (m, v))| {
            let _guard = denormals::flush();
            widest(
                #[inline(always)]
                || rule.apply(w, g, m, v),
            );
        });
    }
}

/// Elements that one thread updates at a time.
const PART: usize = 1 << 15;

/// The update of one step, the same for every element.
struct Rule<T> {
    betas: [T; 2],
    /// One minus each beta.
    rests: [T; 2],
    rate: T,
    root: T,
    epsilon: T,
    decay: T,
}

impl<T: Element> Rule<T> {
    /// Weights, gradients and both moments in one pass.
    #[inline(always)]
    fn apply(&self, w: &mut [T], g: &[T], m: &mut [T], v: &mut [T]) {
        let ([b1, b2], [r1, r2]) = (self.betas, self.rests);
        for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
            // All loads before the stores: large arrays lie alike in their pages, and a load waits for a store to the same place of another page.
            let (weight, mean, square) = (*w, *m, *v);
            let g = g + self.decay * weight;
            let (mean, square) = (b1 * mean + r1 * g, b2 * square + r2 * g * g);
            (*m, *v) = (mean, square);
            *w = weight - self.rate * mean / (square.sqrt() * self.root + self.epsilon);
        }
    }
}
