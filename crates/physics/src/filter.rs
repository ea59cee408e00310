//! Filters of filtered back-projection.

use std::f64::consts::PI;

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

/// Windows on the ramp filter, as scikit-image names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The band-limited ramp alone (Ram-Lak).
    Ramp,
    /// Times a sinc (Shepp-Logan).
    SheppLogan,
    /// Times a cosine.
    Cosine,
    /// Times a Hamming window.
    Hamming,
    /// Times a Hann window.
    Hann,
    /// No filter: plain back-projection.
    None,
}

/// The frequency response of a filter of even `size`, in the order of a Fourier transform (scikit-image's `_get_fourier_filter`; Kak and Slaney, *Principles of
/// Computerized Tomographic Imaging*, 1988, chapter 3, eq. 61): the ramp is twice the transform of its band-limited form in space.
pub fn response(filter: Filter, size: usize) -> Vec<f64> {
    if filter == Filter::None {
        return vec![1.0; size];
    }
    let ramp = ramp(size);
    let weight = |k: usize| {
        // Frequencies from -1/2 to 1/2; windows are functions of the place among them.
        let frequency = if k < size.div_ceil(2) { k as f64 } else { k as f64 - size as f64 } / size as f64;
        let place = (k + size / 2) % size;
        match filter {
            Filter::Ramp | Filter::None => 1.0,
            Filter::SheppLogan if k == 0 => 1.0,
            Filter::SheppLogan => (PI * frequency).sin() / (PI * frequency),
            Filter::Cosine => (PI * place as f64 / size as f64).sin(),
            Filter::Hamming => raised_cosine(0.54, place, size),
            Filter::Hann => raised_cosine(0.5, place, size),
        }
    };
    ramp.into_iter().enumerate().map(|(k, value)| value * weight(k)).collect()
}

/// A symmetric raised cosine of `size` points.
fn raised_cosine(mean: f64, place: usize, size: usize) -> f64 {
    mean - (1.0 - mean) * (2.0 * PI * place as f64 / (size - 1) as f64).cos()
}

fn ramp(size: usize) -> Vec<f64> {
    let mut space: Vec<Complex<f64>> = (0..size)
        .map(|i| {
            let distance = i.min(size - i) as f64;
            let value = match i {
                0 => 0.25,
                _ if i % 2 == 1 => -1.0 / (PI * distance).powi(2),
                _ => 0.0,
            };
            Complex::new(value, 0.0)
        })
        .collect();
    FftPlanner::new().plan_fft_forward(size).process(&mut space);
    space.into_iter().map(|value| 2.0 * value.re).collect()
}
