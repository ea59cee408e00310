//! Tissues and how they are drawn.

use std::f32::consts::PI;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::canvas::{Canvas, Dye, Ellipse, Fibres, SIZE};

/// A fine label: its name, its class and how a patch of it looks.
pub(super) struct Tissue {
    pub(super) name: &'static str,
    pub(super) malignant: bool,
    pub(super) draw: fn(&mut ChaCha8Rng) -> Canvas,
}

/// All tissues; the fine label is the index.
pub(super) const TISSUES: &[Tissue] = &[
    Tissue { name: "adipose", malignant: false, draw: adipose },
    Tissue { name: "lymphocytes", malignant: false, draw: lymphocytes },
    Tissue { name: "smooth muscle", malignant: false, draw: smooth_muscle },
    Tissue { name: "normal gland", malignant: false, draw: normal_gland },
    Tissue { name: "mucus", malignant: false, draw: mucus },
    Tissue { name: "tumour", malignant: true, draw: tumour },
    Tissue { name: "tumour stroma", malignant: true, draw: tumour_stroma },
    Tissue { name: "mucinous tumour", malignant: true, draw: mucinous_tumour },
    Tissue { name: "signet-ring tumour", malignant: true, draw: signet_ring_tumour },
    Tissue { name: "reactive gland", malignant: false, draw: |rng| crowded_gland(1.35, rng) },
    Tissue { name: "well-differentiated tumour", malignant: true, draw: |rng| crowded_gland(1.45, rng) },
];

/// Fine labels that the plan names.
pub(super) const LYMPHOCYTES: i64 = 1;
pub(super) const TUMOUR: i64 = 5;
pub(super) const SIGNET_RING: i64 = 8;
pub(super) const REACTIVE_GLAND: i64 = 9;
pub(super) const WELL_DIFFERENTIATED: i64 = 10;

fn dye(haematoxylin: f32, eosin: f32) -> Dye {
    Dye { haematoxylin, eosin }
}

fn place(rng: &mut ChaCha8Rng) -> (f32, f32) {
    (rng.random_range(-1.0..SIZE as f32), rng.random_range(-1.0..SIZE as f32))
}

fn nucleus(canvas: &mut Canvas, ellipse: Ellipse, rng: &mut ChaCha8Rng) {
    canvas.ellipse(dye(rng.random_range(0.85..1.25), 0.35), ellipse);
}

/// `count` nuclei anywhere, with radius and elongation drawn from ranges, directions within `spread` of `angle`.
fn scatter(canvas: &mut Canvas, nuclei: &Nuclei, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(nuclei.count.clone()) {
        let radius = rng.random_range(nuclei.radius.clone());
        let elongation = rng.random_range(nuclei.elongation.clone());
        let angle = nuclei.angle + rng.random_range(-1.0..1.0) * nuclei.spread;
        let radii = (radius * elongation, radius);
        nucleus(canvas, Ellipse { centre: place(rng), radii, angle }, rng);
    }
}

struct Nuclei {
    count: std::ops::Range<usize>,
    /// Short half axis in pixels.
    radius: std::ops::Range<f32>,
    elongation: std::ops::Range<f32>,
    angle: f32,
    spread: f32,
}

/// Round to oval nuclei in any direction.
fn round_nuclei(count: std::ops::Range<usize>, radius: std::ops::Range<f32>) -> Nuclei {
    Nuclei { count, radius, elongation: 1.0..1.3, angle: 0.0, spread: PI }
}

/// Empty fat cells with thin walls: cells of a Voronoi diagram.
fn adipose(rng: &mut ChaCha8Rng) -> Canvas {
    let mut canvas = Canvas::filled(dye(0.01, 0.06));
    let centres: Vec<_> = (0..rng.random_range(6..10)).map(|_| place(rng)).collect();
    let width = rng.random_range(0.7..1.2);
    canvas.paint(dye(0.15, 0.75), |x, y| (1.1 - wall_distance(&centres, x, y) / width).clamp(0.0, 1.0));
    scatter(&mut canvas, &round_nuclei(0..2, 0.7..1.0), rng);
    canvas
}

/// Distance in pixels to the nearest edge of the Voronoi diagram of `centres`.
fn wall_distance(centres: &[(f32, f32)], x: f32, y: f32) -> f32 {
    let squared = |&(cx, cy): &(f32, f32)| (x - cx) * (x - cx) + (y - cy) * (y - cy);
    let Some(own) = centres.iter().min_by(|a, b| squared(a).total_cmp(&squared(b))) else { return f32::MAX };
    let to_edge = |other: &(f32, f32)| {
        let apart = (own.0 - other.0).hypot(own.1 - other.1);
        if apart > 0.0 { (squared(other) - squared(own)) / (2.0 * apart) } else { f32::MAX }
    };
    centres.iter().map(to_edge).fold(f32::MAX, f32::min)
}

/// Small round nuclei, closely packed.
fn lymphocytes(rng: &mut ChaCha8Rng) -> Canvas {
    let mut canvas = Canvas::filled(dye(0.12, 0.30));
    canvas.mottle(0.4, 6.0, rng);
    scatter(&mut canvas, &round_nuclei(70..95, 0.9..1.25), rng);
    canvas
}

/// Parallel fibres with few thin nuclei along them.
fn smooth_muscle(rng: &mut ChaCha8Rng) -> Canvas {
    let mut canvas = Canvas::filled(dye(0.05, 0.85));
    let angle = rng.random_range(0.0..PI);
    let fibres = Fibres { angle, wavelength: rng.random_range(3.5..6.0), warp: 1.5, strength: 0.55 };
    canvas.fibres(dye(0.04, 0.45), &fibres, rng);
    canvas.mottle(0.12, 7.0, rng);
    scatter(
        &mut canvas,
        &Nuclei { count: 3..8, radius: 0.6..0.9, elongation: 2.5..4.0, angle, spread: 0.2 },
        rng,
    );
    canvas
}

/// A gland: a ring of nuclei around a pale lumen.
fn gland(
    canvas: &mut Canvas,
    centre: (f32, f32),
    radius: f32,
    layers: usize,
    size: f32,
    rng: &mut ChaCha8Rng,
) {
    let squeeze = rng.random_range(0.8..1.0);
    let angle = rng.random_range(0.0..PI);
    let scaled = |factor: f32| Ellipse { centre, radii: (radius * factor, radius * factor * squeeze), angle };
    canvas.ellipse(dye(0.15, 0.5), scaled(1.1));
    canvas.ellipse(dye(0.05, 0.2), scaled(0.72));
    canvas.ellipse(dye(0.0, 0.04), scaled(0.4));
    for layer in 0..layers {
        let at = radius * (1.0 - 0.24 * layer as f32);
        let count = (2.0 * PI * at / (2.6 * size)) as usize;
        let start = rng.random_range(0.0..2.0 * PI);
        for index in 0..count {
            let turn = start + 2.0 * PI * index as f32 / count as f32 + rng.random_range(-0.08..0.08);
            let (u, v) = (at * turn.cos(), at * squeeze * turn.sin());
            let (sin, cos) = angle.sin_cos();
            let centre = (centre.0 + u * cos - v * sin, centre.1 + u * sin + v * cos);
            let radii = (size * rng.random_range(1.0..1.35), size * rng.random_range(0.8..1.0));
            nucleus(canvas, Ellipse { centre, radii, angle: angle + turn }, rng);
        }
    }
}

fn gland_centre(rng: &mut ChaCha8Rng) -> (f32, f32) {
    let middle = SIZE as f32 / 2.0;
    (middle + rng.random_range(-5.0..5.0), middle + rng.random_range(-5.0..5.0))
}

/// One regular gland in loose tissue.
fn normal_gland(rng: &mut ChaCha8Rng) -> Canvas {
    let mut canvas = Canvas::filled(dye(0.06, 0.35));
    canvas.mottle(0.35, 5.0, rng);
    scatter(&mut canvas, &round_nuclei(4..10, 0.7..1.0), rng);
    let (centre, radius) = (gland_centre(rng), rng.random_range(9.0..12.0));
    gland(&mut canvas, centre, radius, 1, 1.0, rng);
    canvas
}

/// A gland with crowded nuclei in two rows: reactive or tumour, told apart by little more than the size of nuclei.
fn crowded_gland(size: f32, rng: &mut ChaCha8Rng) -> Canvas {
    let mut canvas = Canvas::filled(dye(0.12, 0.45));
    canvas.mottle(0.35, 5.0, rng);
    scatter(&mut canvas, &round_nuclei(6..14, 0.8..1.1), rng);
    let (centre, radius) = (gland_centre(rng), rng.random_range(8.0..11.0));
    let size = size * rng.random_range(0.85..1.15);
    gland(&mut canvas, centre, radius, 2, size, rng);
    canvas
}

fn mucus_pool(rng: &mut ChaCha8Rng) -> Canvas {
    let mut canvas = Canvas::filled(dye(0.06, 0.10));
    let angle = rng.random_range(0.0..PI);
    for _ in 0..2 {
        let wavelength = rng.random_range(6.0..11.0);
        canvas.fibres(dye(0.30, 0.25), &Fibres { angle, wavelength, warp: 8.0, strength: 0.45 }, rng);
    }
    canvas.mottle(0.3, 7.0, rng);
    canvas
}

/// Pale swirls, hardly any cell.
fn mucus(rng: &mut ChaCha8Rng) -> Canvas {
    let mut canvas = mucus_pool(rng);
    scatter(&mut canvas, &round_nuclei(0..4, 0.6..0.9), rng);
    canvas
}

/// Crowded, large nuclei of unequal size and shape.
fn tumour(rng: &mut ChaCha8Rng) -> Canvas {
    let mut canvas = Canvas::filled(dye(0.25, 0.50));
    canvas.mottle(0.35, 6.0, rng);
    let nuclei = Nuclei { count: 20..32, radius: 1.4..2.5, elongation: 1.0..1.6, angle: 0.0, spread: PI };
    scatter(&mut canvas, &nuclei, rng);
    canvas
}

/// Wavy fibres with many plump spindle-shaped nuclei.
fn tumour_stroma(rng: &mut ChaCha8Rng) -> Canvas {
    let mut canvas = Canvas::filled(dye(0.16, 0.50));
    let angle = rng.random_range(0.0..PI);
    let fibres = Fibres { angle, wavelength: rng.random_range(4.0..7.0), warp: 6.0, strength: 0.6 };
    canvas.fibres(dye(0.08, 0.24), &fibres, rng);
    canvas.mottle(0.2, 6.0, rng);
    scatter(
        &mut canvas,
        &Nuclei { count: 16..24, radius: 0.9..1.3, elongation: 1.7..2.8, angle, spread: 0.9 },
        rng,
    );
    canvas
}

/// Clusters of tumour cells that float in mucus.
fn mucinous_tumour(rng: &mut ChaCha8Rng) -> Canvas {
    let mut canvas = mucus_pool(rng);
    for _ in 0..rng.random_range(1..3) {
        let centre = gland_centre(rng);
        let spread = rng.random_range(4.0..6.5f32);
        canvas.ellipse(dye(0.2, 0.5), Ellipse::disc(centre, spread));
        for _ in 0..rng.random_range(9..15) {
            let (turn, out) =
                (rng.random_range(0.0..2.0 * PI), spread * rng.random_range(0.0f32..1.0).sqrt());
            let centre = (centre.0 + out * turn.cos(), centre.1 + out * turn.sin());
            nucleus(&mut canvas, Ellipse::disc(centre, rng.random_range(1.2..2.0)), rng);
        }
    }
    canvas
}

/// Cells filled by one pale vacuole that pushes a flat nucleus to the rim.
fn signet_ring_tumour(rng: &mut ChaCha8Rng) -> Canvas {
    let mut canvas = Canvas::filled(dye(0.08, 0.40));
    canvas.mottle(0.3, 6.0, rng);
    for _ in 0..rng.random_range(9..14) {
        let (centre, radius) = (place(rng), rng.random_range(3.2..5.0f32));
        canvas.ellipse(dye(0.10, 0.65), Ellipse::disc(centre, radius + 0.8));
        canvas.ellipse(dye(0.02, 0.08), Ellipse::disc(centre, radius));
        let turn = rng.random_range(0.0..2.0 * PI);
        let centre = (centre.0 + radius * 0.85 * turn.cos(), centre.1 + radius * 0.85 * turn.sin());
        nucleus(&mut canvas, Ellipse { centre, radii: (0.7, 1.7), angle: turn }, rng);
    }
    canvas
}
