//! Invented pictures of cells, 28 x 28.

use modelmend_report::input::Thumbnail;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 28;

/// A cell whose outline, colour and sharpness depend on its kind.
pub(crate) fn picture(rng: &mut ChaCha8Rng, kind: usize) -> Thumbnail {
    let (cx, cy) = (13.5 + rng.random_range(-1.5..1.5), 13.5 + rng.random_range(-1.5..1.5));
    let turn = rng.random_range(0.0..std::f64::consts::TAU);
    let stretch = if kind == 2 || kind == 5 { 0.35 } else { 0.06 };
    let (waves, height) = match kind {
        1 => (9.0, 0.12),
        6 => (3.0, 0.2),
        _ => (2.0, 0.03),
    };
    let softness = if kind == 6 { 4.0 } else { 1.2 };
    let tint: [f64; 3] = if kind == 4 { [150.0, 110.0, 190.0] } else { [205.0, 110.0, 120.0] };
    let mut rgb = Vec::with_capacity(SIDE * SIDE * 3);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (dx, dy) = (x as f64 - cx, y as f64 - cy);
            let angle = dy.atan2(dx) + turn;
            let radius = 9.5 * (1.0 + stretch * (2.0 * angle).cos() + height * (waves * angle).sin());
            let inside = 1.0 / (1.0 + ((dx.hypot(dy) - radius) / softness).exp());
            let pallor = if kind == 3 { 0.75 } else { 0.4 } * (-(dx * dx + dy * dy) / 14.0).exp();
            for channel in tint {
                let value = 238.0 + (channel - 238.0) * inside * (1.0 - pallor) + rng.random_range(-7.0..7.0);
                rgb.push(value.clamp(0.0, 255.0) as u8);
            }
        }
    }
    Thumbnail { width: SIDE, height: SIDE, rgb }
}
