//! Phantoms of ellipses with exact projections.

mod organs;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub use organs::organs;

use crate::fan::Fan;
use crate::geometry::Parallel;

/// An ellipse on the square from -1 to 1 (x to the right, y up), whose value adds to what lies below it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ellipse {
    /// Value inside.
    pub value: f64,
    /// Half the axes: along x and along y before rotation.
    pub axes: [f64; 2],
    /// Centre: x and y.
    pub centre: [f64; 2],
    /// Rotation in degrees, counterclockwise.
    pub rotation: f64,
}

impl Ellipse {
    fn holds(&self, [x, y]: [f64; 2]) -> bool {
        let (sin, cos) = self.rotation.to_radians().sin_cos();
        let [dx, dy] = [x - self.centre[0], y - self.centre[1]];
        let [u, v] = [dx * cos + dy * sin, dy * cos - dx * sin];
        (u / self.axes[0]).powi(2) + (v / self.axes[1]).powi(2) <= 1.0
    }

    /// The integral along the line of points with `x cos + y sin = distance`.
    fn integral(&self, (sin, cos): (f64, f64), distance: f64) -> f64 {
        let (turn_sin, turn_cos) = self.rotation.to_radians().sin_cos();
        // The direction of the line's normal in the frame of the ellipse.
        let [c, s] = [cos * turn_cos + sin * turn_sin, sin * turn_cos - cos * turn_sin];
        let square = (self.axes[0] * c).powi(2) + (self.axes[1] * s).powi(2);
        let from_centre = distance - self.centre[0] * cos - self.centre[1] * sin;
        let inside = square - from_centre.powi(2);
        if inside <= 0.0 {
            return 0.0;
        }
        self.value * 2.0 * self.axes[0] * self.axes[1] * inside.sqrt() / square
    }
}

/// The image of ellipses, `size x size`, sampled at the middles of pixels; pixel `(size / 2, size / 2)` lies at the origin.
pub fn image(ellipses: &[Ellipse], size: usize) -> Vec<f64> {
    let place = |index: usize| (index as f64 - (size / 2) as f64) / (size as f64 / 2.0);
    let value = |i: usize| {
        let point = [place(i % size), -place(i / size)];
        ellipses.iter().filter(|ellipse| ellipse.holds(point)).map(|ellipse| ellipse.value).sum()
    };
    (0..size * size).map(value).collect()
}

/// The exact line integrals of ellipses, in pixels of an image: `angles x detectors`.
pub fn sinogram(ellipses: &[Ellipse], geometry: &Parallel) -> Vec<f64> {
    let distance = |detector: usize| detector as f64 - (geometry.detectors() / 2) as f64;
    let rays = geometry.angles().iter();
    rays.flat_map(|&angle| (0..geometry.detectors()).map(move |detector| (angle, distance(detector))))
        .map(|ray| integral(ellipses, geometry.size(), ray))
        .collect()
}

/// The exact line integrals of ellipses along the rays of a fan, in pixels of an image: `sources x detectors`.
pub fn fan_sinogram(ellipses: &[Ellipse], fan: &Fan) -> Vec<f64> {
    (0..fan.sinogram_len())
        .map(|i| integral(ellipses, fan.size(), fan.ray(i / fan.detectors(), i % fan.detectors())))
        .collect()
}

/// The integral along a ray, given by its angle (degrees) and distance from the middle (pixels).
fn integral(ellipses: &[Ellipse], size: usize, (angle, distance): (f64, f64)) -> f64 {
    let (half, turned) = (size as f64 / 2.0, angle.to_radians().sin_cos());
    half * ellipses.iter().map(|ellipse| ellipse.integral(turned, distance / half)).sum::<f64>()
}

/// The head phantom of Shepp and Logan (1974) with the contrast of Toft (1996), as in scikit-image.
pub fn shepp_logan() -> Vec<Ellipse> {
    const ROWS: [[f64; 6]; 10] = [
        [1.0, 0.69, 0.92, 0.0, 0.0, 0.0],
        [-0.8, 0.6624, 0.874, 0.0, -0.0184, 0.0],
        [-0.2, 0.11, 0.31, 0.22, 0.0, -18.0],
        [-0.2, 0.16, 0.41, -0.22, 0.0, 18.0],
        [0.1, 0.21, 0.25, 0.0, 0.35, 0.0],
        [0.1, 0.046, 0.046, 0.0, 0.1, 0.0],
        [0.1, 0.046, 0.046, 0.0, -0.1, 0.0],
        [0.1, 0.046, 0.023, -0.08, -0.605, 0.0],
        [0.1, 0.023, 0.023, 0.0, -0.606, 0.0],
        [0.1, 0.023, 0.046, 0.06, -0.605, 0.0],
    ];
    ROWS.map(|[value, a, b, x, y, rotation]| Ellipse { value, axes: [a, b], centre: [x, y], rotation })
        .to_vec()
}

/// A random body: an ellipse of value 1 with `count` smaller ones of values from -0.4 to 0.4 inside, all within the inscribed disc.
pub fn random(count: usize, seed: u64) -> Vec<Ellipse> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let body = Ellipse {
        value: 1.0,
        axes: [rng.random_range(0.6..0.85), rng.random_range(0.5..0.8)],
        centre: [rng.random_range(-0.05..0.05), rng.random_range(-0.05..0.05)],
        rotation: rng.random_range(0.0..180.0),
    };
    let within = body.axes[0].min(body.axes[1]);
    let mut all = vec![body];
    for _ in 0..count {
        let axes: [f64; 2] = std::array::from_fn(|_| rng.random_range(0.03..0.3) * within);
        let (away, towards) = (
            (within - axes[0].max(axes[1])) * rng.random_range(0.0f64..1.0).sqrt(),
            rng.random_range(0.0f64..360.0),
        );
        let (sin, cos) = towards.to_radians().sin_cos();
        let centre = [body.centre[0] + away * cos, body.centre[1] + away * sin];
        all.push(Ellipse {
            value: rng.random_range(-0.4..0.4),
            axes,
            centre,
            rotation: rng.random_range(0.0..180.0),
        });
    }
    all
}
