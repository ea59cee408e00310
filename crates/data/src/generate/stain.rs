//! From amounts of dye to colours: the Beer-Lambert law, as in colour deconvolution (Ruifrok and Johnston, Analytical
//! and Quantitative Cytology and Histology 23, 2001), with stains that vary from slide to slide.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use super::canvas::Canvas;

/// Optical density per unit of haematoxylin, for red, green and blue.
const HAEMATOXYLIN: [f32; 3] = [0.80, 0.95, 0.45];
/// The same of eosin.
const EOSIN: [f32; 3] = [0.22, 0.85, 0.36];
/// Light that passes where there is no tissue.
const BACKGROUND: [f32; 3] = [243.0, 238.0, 243.0];

/// Laboratories stain in their own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// What most slides have.
    Usual,
    /// The bluish stain of one laboratory.
    Bluish,
}

/// The stain of one slide.
#[derive(Clone)]
pub(super) struct Stain {
    haematoxylin: [f32; 3],
    eosin: [f32; 3],
    background: [f32; 3],
}

impl Stain {
    /// Draws a slide's stain around its protocol.
    pub(super) fn draw(protocol: Protocol, rng: &mut ChaCha8Rng) -> Self {
        let strength = |rng: &mut ChaCha8Rng| rng.random_range(0.85..1.18f32);
        let mut tinted = |dye: [f32; 3]| {
            let strength = strength(rng);
            dye.map(|density| density * strength * rng.random_range(0.93..1.07f32))
        };
        let (mut haematoxylin, mut eosin) = (tinted(HAEMATOXYLIN), tinted(EOSIN));
        let mut background = BACKGROUND;
        if protocol == Protocol::Bluish {
            // More red and less blue light is absorbed, by the dyes and by the mounting medium.
            haematoxylin[0] *= 1.15;
            eosin = [eosin[0] * 1.7, eosin[1] * 0.95, eosin[2] * 0.65];
            background = [background[0] * 0.88, background[1] * 0.95, background[2]];
        }
        Stain { haematoxylin, eosin, background }
    }

    /// Colours of all pixels, 8-bit RGB, with the noise of a camera (standard deviation 2.5).
    pub(super) fn render(&self, canvas: &Canvas, rng: &mut ChaCha8Rng) -> Vec<u8> {
        // A finite positive deviation is always accepted.
        let noise = Normal::new(0.0f32, 2.5).ok();
        let mut out = Vec::new();
        for dye in canvas.pixels() {
            for channel in 0..3 {
                let density = dye.haematoxylin * self.haematoxylin[channel] + dye.eosin * self.eosin[channel];
                let light = self.background[channel] * (-density).exp();
                let noise = noise.map_or(0.0, |noise| noise.sample(rng));
                // `as` saturates, as a camera does.
                out.push((light + noise).round() as u8);
            }
        }
        out
    }
}
