//! The curve that turns a distance of the embedding into a membership.

/// 1 / (1 + a x^(2b)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    /// Scale.
    pub a: f64,
    /// Steepness.
    pub b: f64,
}

/// Sample points of the fit, and how often a step is tried.
const POINTS: usize = 300;
const STEPS: usize = 200;

/// The least-squares fit of [`Curve`] to 1 below `min_dist` and exp(-(x - min_dist) / spread) above, on 300
/// points in 0 ..= 3 spread: umap-learn's `find_ab_params`, by Levenberg-Marquardt steps from a = b = 1.
pub fn find_ab(spread: f64, min_dist: f64) -> Curve {
    let samples: Vec<(f64, f64)> = (0..POINTS)
        .map(|i| 3.0 * spread * i as f64 / (POINTS - 1) as f64)
        .map(|x| (x, if x < min_dist { 1.0 } else { (-(x - min_dist) / spread).exp() }))
        .collect();
    let mut curve = Curve { a: 1.0, b: 1.0 };
    let mut loss = squared_error(curve, &samples);
    let mut damping = 1e-3;
    for _ in 0..STEPS {
        let next = damped_step(curve, damping, &samples);
        let next_loss = squared_error(next, &samples);
        if next.a > 0.0 && next.b > 0.0 && next_loss < loss {
            (curve, loss) = (next, next_loss);
            damping *= 0.3;
        } else {
            damping *= 4.0;
        }
    }
    curve
}

fn squared_error(curve: Curve, samples: &[(f64, f64)]) -> f64 {
    samples.iter().map(|&(x, y)| (1.0 / (1.0 + curve.a * x.powf(2.0 * curve.b)) - y).powi(2)).sum()
}

/// Solves (J^T J + damping diag(J^T J)) step = -J^T r for the two parameters.
fn damped_step(curve: Curve, damping: f64, samples: &[(f64, f64)]) -> Curve {
    let (mut aa, mut ab, mut bb, mut ra, mut rb) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for &(x, y) in samples.iter().filter(|&&(x, _)| x > 0.0) {
        let power = x.powf(2.0 * curve.b);
        let value = 1.0 / (1.0 + curve.a * power);
        let by_a = -value * value * power;
        let by_b = by_a * curve.a * 2.0 * x.ln();
        let residual = value - y;
        aa += by_a * by_a;
        ab += by_a * by_b;
        bb += by_b * by_b;
        ra += by_a * residual;
        rb += by_b * residual;
    }
    let (aa, bb) = (aa * (1.0 + damping), bb * (1.0 + damping));
    let determinant = aa * bb - ab * ab;
    Curve { a: curve.a - (bb * ra - ab * rb) / determinant, b: curve.b - (aa * rb - ab * ra) / determinant }
}
