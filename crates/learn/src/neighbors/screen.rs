//! Bounds on squared distances of all pairs from products in single precision.
//!
//! Rows are moved by their mean and scaled by a power of two, so that no entry exceeds 1, and rounded to
//! single precision. For rows a and b, |a|^2 + |b|^2 - 2 ab is then off the squared distance by at most
//! slack(a) + slack(b), where slack(a) = c u |a|^2 with u the unit of rounding and c the longest chain of
//! sums plus a constant: a product of m terms is off by m u |a| |b| (Higham 2002, section 3.1), a distance of
//! rounded rows by u (|a| + |b|), and 2 |a| |b| <= |a|^2 + |b|^2.

use super::Rows;
use super::product::{GROUP, Panels, longest_chain, products};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Rows of one block; as many whole groups as whole panels.
pub(super) const BLOCK: usize = 192;
/// Roundings besides those of the product.
const OTHER_ROUNDINGS: usize = 32;
/// Bounds that are compared at once.
const LANES: usize = 16;

/// How rows are moved and scaled.
pub(super) struct Frame {
    mean: Vec<f64>,
    scale: f64,
}

impl Frame {
    /// By the mean and the largest entry of the rows.
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a [f32]> + Clone, features: usize) -> Self {
        let (mut mean, mut count) = (vec![0.0; features], 0.0);
        for row in rows.clone() {
            mean.iter_mut().zip(row).for_each(|(sum, &v)| *sum += f64::from(v));
            count += 1.0;
        }
        mean.iter_mut().for_each(|sum| *sum /= count);
        let mut largest = 0.0f64;
        for row in rows {
            let apart = row.iter().zip(&mean).map(|(&v, mean)| (f64::from(v) - mean).abs());
            largest = apart.fold(largest, f64::max);
        }
        let scale = if largest > 0.0 { largest.log2().ceil().exp2().recip() } else { 1.0 };
        Self { mean, scale }
    }

    /// A squared distance in the unit of the frame, not below what it would be without rounding.
    pub(super) fn squared(&self, squared: f64) -> f32 {
        ((squared * self.scale * self.scale) as f32).next_up()
    }
}

/// Rows in a frame, in groups for the product.
pub(super) struct Screened {
    groups: Vec<f32>,
    features: usize,
    /// |a|^2 - slack(a); not a number behind the last row, which no comparison passes.
    low: Vec<f32>,
    slack: Vec<f32>,
}

impl Screened {
    pub(super) fn new(rows: &Rows<'_>, frame: &Frame) -> Self {
        // Without features all distances are 0, as with one that is always 0.
        let features = frame.mean.len().max(1);
        let count = rows.count.next_multiple_of(BLOCK);
        let rounding = (longest_chain(features) + OTHER_ROUNDINGS) as f64 * f64::from(f32::EPSILON) / 2.0;
        // What underflow may take off a product.
        let underflow = features as f64 * f64::from(f32::MIN_POSITIVE);
        let mut groups = vec![0.0f32; count * features];
        let bounds: Vec<(f32, f32)> = groups
            .par_chunks_exact_mut(GROUP * features)
            .enumerate()
            .flat_map_iter(|(group, values)| {
                let place = |place: usize| {
                    let row = group * GROUP + place;
                    if row >= rows.count {
                        return (f32::NAN, 0.0);
                    }
                    let mut squared = 0.0;
                    let column = values.iter_mut().skip(place).step_by(GROUP);
                    for ((to, &from), mean) in column.zip(rows.row(row)).zip(&frame.mean) {
                        *to = ((f64::from(from) - mean) * frame.scale) as f32;
                        squared += f64::from(*to) * f64::from(*to);
                    }
                    let slack = rounding * squared + underflow;
                    ((squared - slack) as f32, slack as f32)
                };
                (0..GROUP).map(place).collect::<Vec<_>>()
            })
            .collect();
        let (low, slack) = bounds.into_iter().unzip();
        Self { groups, features, low, slack }
    }

    pub(super) fn blocks(&self) -> usize {
        self.low.len() / BLOCK
    }

    /// Half of the width of the bounds that a row adds.
    pub(super) fn slack(&self, row: usize) -> f32 {
        self.slack[row]
    }

    /// A block of rows as the first factor of products.
    pub(super) fn panels(&self, block: usize, panels: &mut Panels) {
        panels.fill(self.groups(block), self.features);
    }

    fn groups(&self, block: usize) -> &[f32] {
        &self.groups[block * BLOCK * self.features..(block + 1) * BLOCK * self.features]
    }

    fn low(&self, block: usize) -> &[f32] {
        &self.low[block * BLOCK..(block + 1) * BLOCK]
    }
}

/// A query and a reference row, by their places in two blocks, and a lower bound of their squared distance.
pub(super) struct Near {
    pub(super) query: usize,
    pub(super) row: usize,
    pub(super) low: f32,
}

/// A block of queries and one of reference rows.
pub(super) struct Pair<'a> {
    pub(super) queries: (&'a Screened, usize),
    pub(super) reference: (&'a Screened, usize),
}

impl Pair<'_> {
    /// Finds the rows that may be within the limit of the query or the query within that of the row.
    /// `panels` hold the queries, `room` is overwritten.
    pub(super) fn near(
        &self,
        panels: &Panels,
        (query_limits, row_limits): (&[f32; BLOCK], &[f32; BLOCK]),
        room: &mut Vec<f32>,
        near: &mut Vec<Near>,
    ) {
        room.resize(BLOCK * BLOCK, 0.0);
        products(panels, self.reference.0.groups(self.reference.1), room);
        near.clear();
        let query_low = self.queries.0.low(self.queries.1);
        let row_low = self.reference.0.low(self.reference.1);
        pulp::Arch::new().dispatch(Compare {
            products: room,
            query_low,
            row_low,
            query_limits,
            row_limits,
            near,
        });
    }
}

/// Looks for small bounds in the products of two blocks.
struct Compare<'a> {
    products: &'a [f32],
    query_low: &'a [f32],
    row_low: &'a [f32],
    query_limits: &'a [f32; BLOCK],
    row_limits: &'a [f32; BLOCK],
    near: &'a mut Vec<Near>,
}

impl WithSimd for Compare<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (query_low, _) = self.query_low.as_chunks::<LANES>();
        let (query_limits, _) = self.query_limits.as_chunks::<LANES>();
        for (row, products) in self.products.chunks_exact(BLOCK).enumerate() {
            let (row_low, row_limit) = (self.row_low[row], self.row_limits[row]);
            let (products, _) = products.as_chunks::<LANES>();
            for (chunk, products) in products.iter().enumerate() {
                let (mut low, mut limits) = ([0.0; LANES], [0.0; LANES]);
                let mut any = false;
                for lane in 0..LANES {
                    low[lane] = query_low[chunk][lane] + row_low - 2.0 * products[lane];
                    limits[lane] = query_limits[chunk][lane].max(row_limit);
                    any |= low[lane] <= limits[lane];
                }
                if any {
                    let lanes = (0..LANES).filter(|&lane| low[lane] <= limits[lane]);
                    let found = |lane| Near { query: chunk * LANES + lane, row, low: low[lane] };
                    self.near.extend(lanes.map(found));
                }
            }
        }
    }
}
