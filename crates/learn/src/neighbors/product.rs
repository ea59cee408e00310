//! Inner products of many rows with many rows in single precision, for choosing candidates.

use super::screen::BLOCK;
use pulp::{Simd, WithSimd};

/// Rows whose values lie beside each other, step by step; a tile of the product is as high.
pub(super) const GROUP: usize = 12;
/// Vectors that a tile is wide: 2 x 12 sums fill three quarters of 32 registers, and half as many those of 16.
const VECTORS: usize = 2;
/// Features of one pass over a block: a panel and a group fit the first-level cache together.
const DEPTH: usize = 192;

/// The longest chain of sums behind one product of rows with so many features.
pub(super) fn longest_chain(features: usize) -> usize {
    DEPTH + features.div_ceil(DEPTH)
}

/// A block of rows as panels as wide as a tile: in each, all rows of a feature lie beside each other.
#[derive(Default)]
pub(super) struct Panels {
    values: Vec<f32>,
    features: usize,
    width: usize,
}

impl Panels {
    /// Lays out the groups of a block for [`products`].
    pub(super) fn fill(&mut self, groups: &[f32], features: usize) {
        struct Width;
        impl WithSimd for Width {
            type Output = usize;
            fn with_simd<S: Simd>(self, _: S) -> usize {
                VECTORS * S::F32_LANES
            }
        }
        self.features = features;
        self.width = pulp::Arch::new().dispatch(Width);
        self.values.clear();
        self.values.resize(groups.len().next_multiple_of(self.width * features), 0.0);
        for (number, group) in groups.chunks_exact(features * GROUP).enumerate() {
            for place in 0..GROUP {
                let row = number * GROUP + place;
                let panel = &mut self.values[row / self.width * self.width * features..];
                let column = panel.iter_mut().skip(row % self.width).step_by(self.width);
                column.zip(group.iter().skip(place).step_by(GROUP)).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

/// Writes the inner product of row `i` of the panels with row `j` of `groups` to `out[j * BLOCK + i]`.
pub(super) fn products(panels: &Panels, groups: &[f32], out: &mut [f32]) {
    pulp::Arch::new().dispatch(Products { panels, groups, out });
}

struct Products<'a> {
    panels: &'a Panels,
    groups: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { panels, groups, out } = self;
        out.fill(0.0);
        let (groups, _) = groups.as_chunks::<GROUP>();
        for first in (0..panels.features).step_by(DEPTH) {
            let depth = first..panels.features.min(first + DEPTH);
            for (p, panel) in panels.values.chunks_exact(panels.width * panels.features).enumerate() {
                let (panel, _) = S::as_simd_f32s(panel);
                let (panel, _) = panel.as_chunks::<VECTORS>();
                for (g, group) in groups.chunks_exact(panels.features).enumerate() {
                    let out = &mut out[g * GROUP * BLOCK + p * panels.width..];
                    let (panel, group) = (&panel[depth.clone()], &group[depth.clone()]);
                    if S::REGISTER_COUNT >= 32 {
                        tile::<S, GROUP, 0>(simd, panel, group, out);
                    } else {
                        tile::<S, { GROUP / 2 }, 0>(simd, panel, group, out);
                        tile::<S, { GROUP / 2 }, { GROUP / 2 }>(simd, panel, group, out);
                    }
                }
            }
        }
    }
}

/// Adds the products of a panel with rows `FIRST .. FIRST + ROWS` of a group.
#[inline(always)]
fn tile<S: Simd, const ROWS: usize, const FIRST: usize>(
    simd: S,
    panel: &[[S::f32s; VECTORS]],
    group: &[[f32; GROUP]],
    out: &mut [f32],
) {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    for (wide, narrow) in panel.iter().zip(group) {
        for j in 0..ROWS {
            let factor = simd.splat_f32s(narrow[FIRST + j]);
            for v in 0..VECTORS {
                sums[j][v] = simd.mul_add_e_f32s(factor, wide[v], sums[j][v]);
            }
        }
    }
    for j in 0..ROWS {
        let (row, _) = S::as_mut_simd_f32s(&mut out[(FIRST + j) * BLOCK..][..VECTORS * S::F32_LANES]);
        for v in 0..VECTORS {
            row[v] = simd.add_f32s(row[v], sums[j][v]);
        }
    }
}
