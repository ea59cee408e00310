//! Sections of a chest.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Ellipse;

/// Attenuation of soft tissue, of which the others are shares.
const TISSUE: f64 = 1.0;
/// Vessels of one lung.
const VESSELS: usize = 6;

/// A random section of a chest within the inscribed disc: a body of value 1, two lungs near 0.25 with vessels near 1, a heart near 1.05 and a spine near 1.8 with its
/// canal. Organs do not overlap except vessels with their lung, the canal with the spine.
pub fn organs(seed: u64) -> Vec<Ellipse> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut near = |value: f64, share: f64| value * rng.random_range(1.0 - share..1.0 + share);
    let [width, height] = [near(0.84, 0.06), near(0.6, 0.06)];
    let at = |value: f64, axes: [f64; 2], centre: [f64; 2], rotation: f64| Ellipse {
        value,
        axes: [axes[0] * width, axes[1] * height],
        centre: [centre[0] * width, centre[1] * height],
        rotation,
    };
    let mut all = vec![at(TISSUE, [1.0, 1.0], [0.0, 0.0], 0.0)];
    for side in [-1.0, 1.0] {
        let (axes, centre) =
            ([near(0.25, 0.08), near(0.58, 0.08)], [near(0.52, 0.04) * side, near(0.08, 0.5)]);
        let lung = near(0.25, 0.2);
        all.push(at(lung - TISSUE, axes, centre, 0.0));
        for vessel in 0..VESSELS {
            // Each in a sector of its own, not at the lung's edge.
            let (away, sector) = (near(0.6, 0.3), 360.0 / VESSELS as f64);
            let towards = (sector * vessel as f64 + near(10.0, 1.0)).to_radians();
            let place =
                [centre[0] + away * axes[0] * towards.cos(), centre[1] + away * axes[1] * towards.sin()];
            let thick = near(0.018, 0.4);
            all.push(at(near(TISSUE, 0.1) - lung, [thick, thick * near(1.0, 0.2)], place, near(90.0, 1.0)));
        }
    }
    all.push(at(
        near(0.05, 0.5),
        [near(0.14, 0.1), near(0.22, 0.1)],
        [near(0.02, 1.0), near(0.25, 0.2)],
        0.0,
    ));
    let (spine, place) = (near(0.8, 0.15), [0.0, near(-0.62, 0.05)]);
    all.push(at(spine, [near(0.12, 0.1), near(0.16, 0.1)], place, 0.0));
    all.push(at(-spine, [near(0.04, 0.1), near(0.05, 0.1)], place, 0.0));
    all
}
