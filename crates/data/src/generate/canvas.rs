//! Drawing with two dyes: every pixel holds an amount of haematoxylin (blue, nuclei) and of eosin (pink, the rest).

use std::f32::consts::PI;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Height and width of a patch in pixels.
pub(super) const SIZE: usize = 28;

/// Amounts of both dyes, row by row; 1 is a strong stain.
#[derive(Clone)]
pub(super) struct Canvas {
    haematoxylin: Vec<f32>,
    eosin: Vec<f32>,
}

/// An amount of both dyes.
#[derive(Clone, Copy)]
pub(super) struct Dye {
    pub(super) haematoxylin: f32,
    pub(super) eosin: f32,
}

/// A nucleus, vacuole or lumen: an ellipse with a soft edge.
#[derive(Clone, Copy)]
pub(super) struct Ellipse {
    pub(super) centre: (f32, f32),
    /// Half axes in pixels.
    pub(super) radii: (f32, f32),
    /// Direction of the first half axis in radians.
    pub(super) angle: f32,
}

impl Canvas {
    pub(super) fn filled(dye: Dye) -> Self {
        Canvas { haematoxylin: vec![dye.haematoxylin; SIZE * SIZE], eosin: vec![dye.eosin; SIZE * SIZE] }
    }

    /// The two dyes of every pixel.
    pub(super) fn pixels(&self) -> impl Iterator<Item = Dye> {
        let both = self.haematoxylin.iter().zip(&self.eosin);
        both.map(|(&haematoxylin, &eosin)| Dye { haematoxylin, eosin })
    }

    /// Moves every pixel towards `dye` by `weight(x, y)` in 0..=1.
    pub(super) fn paint(&mut self, dye: Dye, weight: impl Fn(f32, f32) -> f32) {
        for at in 0..SIZE * SIZE {
            self.mix(at, dye, weight((at % SIZE) as f32, (at / SIZE) as f32));
        }
    }

    fn mix(&mut self, at: usize, dye: Dye, weight: f32) {
        self.haematoxylin[at] += weight * (dye.haematoxylin - self.haematoxylin[at]);
        self.eosin[at] += weight * (dye.eosin - self.eosin[at]);
    }

    /// Paints an ellipse whose edge is about a pixel wide.
    pub(super) fn ellipse(&mut self, dye: Dye, ellipse: Ellipse) {
        let reach = ellipse.radii.0.max(ellipse.radii.1) + 1.0;
        // Casting a negative number gives 0, so that an ellipse outside covers nothing.
        let around = |centre: f32| (centre - reach).ceil() as usize..(centre + reach + 1.0) as usize;
        for y in around(ellipse.centre.1).take_while(|&y| y < SIZE) {
            for x in around(ellipse.centre.0).take_while(|&x| x < SIZE) {
                self.mix(y * SIZE + x, dye, ellipse.cover(x as f32, y as f32));
            }
        }
    }

    /// Multiplies both dyes by 1 + `amplitude` x a smooth field that varies over `scale` pixels.
    pub(super) fn mottle(&mut self, amplitude: f32, scale: f32, rng: &mut ChaCha8Rng) {
        let field = SmoothField::new(scale, rng);
        for at in 0..SIZE * SIZE {
            let factor = 1.0 + amplitude * field.at((at % SIZE) as f32, (at / SIZE) as f32);
            self.haematoxylin[at] *= factor;
            self.eosin[at] *= factor;
        }
    }

    /// Fibres: waves across `angle` with the given wavelength in pixels, bent by up to `warp` pixels.
    pub(super) fn fibres(&mut self, dye: Dye, fibres: &Fibres, rng: &mut ChaCha8Rng) {
        let field = SmoothField::new(10.0, rng);
        let phase = rng.random_range(0.0..2.0 * PI);
        let (sin, cos) = fibres.angle.sin_cos();
        self.paint(dye, |x, y| {
            let across = y * cos - x * sin + fibres.warp * field.at(x, y);
            let wave = (2.0 * PI * across / fibres.wavelength + phase).sin();
            fibres.strength * (0.5 + 0.5 * wave)
        });
    }

    /// Gaussian blur with standard deviation `sigma` in pixels; the border is repeated outwards.
    pub(super) fn blur(&mut self, sigma: f32) {
        let reach = (3.0 * sigma).ceil() as i32;
        let weights: Vec<f32> =
            (-reach..=reach).map(|d| (-(d * d) as f32 / (2.0 * sigma * sigma)).exp()).collect();
        let total: f32 = weights.iter().sum();
        for dye in [&mut self.haematoxylin, &mut self.eosin] {
            for (along, across) in [(1, SIZE), (SIZE, 1)] {
                let before = dye.clone();
                for at in 0..SIZE * SIZE {
                    let (line, place) = (at / SIZE, (at % SIZE) as i32);
                    let taps = weights.iter().zip(place - reach..);
                    let sum: f32 = taps
                        .map(|(weight, tap)| {
                            weight * before[line * across + tap.clamp(0, SIZE as i32 - 1) as usize * along]
                        })
                        .sum();
                    dye[line * across + place as usize * along] = sum / total;
                }
            }
        }
    }
}

impl Ellipse {
    pub(super) fn disc(centre: (f32, f32), radius: f32) -> Self {
        Ellipse { centre, radii: (radius, radius), angle: 0.0 }
    }

    /// How much of the pixel at (x, y) is covered, 0..=1.
    pub(super) fn cover(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        let (sin, cos) = self.angle.sin_cos();
        let (u, v) = ((dx * cos + dy * sin) / self.radii.0, (dy * cos - dx * sin) / self.radii.1);
        let distance = (u * u + v * v).sqrt();
        ((1.0 - distance) * self.radii.0.min(self.radii.1) + 0.5).clamp(0.0, 1.0)
    }
}

/// How fibres run.
pub(super) struct Fibres {
    pub(super) angle: f32,
    pub(super) wavelength: f32,
    pub(super) warp: f32,
    /// 0..=1.
    pub(super) strength: f32,
}

/// Random values in -1..=1 on a coarse grid, interpolated smoothly.
struct SmoothField {
    scale: f32,
    side: usize,
    values: Vec<f32>,
}

impl SmoothField {
    fn new(scale: f32, rng: &mut ChaCha8Rng) -> Self {
        let side = (SIZE as f32 / scale).ceil() as usize + 2;
        SmoothField { scale, side, values: (0..side * side).map(|_| rng.random_range(-1.0..1.0)).collect() }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let (u, v) = (x / self.scale, y / self.scale);
        let (column, row) = (u as usize, v as usize);
        let (s, t) = (ease(u.fract()), ease(v.fract()));
        let value = |dx: usize, dy: usize| self.values[(row + dy) * self.side + column + dx];
        let top = value(0, 0) * (1.0 - s) + value(1, 0) * s;
        let bottom = value(0, 1) * (1.0 - s) + value(1, 1) * s;
        top * (1.0 - t) + bottom * t
    }
}
