//! Gaussian random projection R ~ N(0, 1/d), addressed like an array.
//!
//! The normals come from one ChaCha8 stream that can be entered at any word, so any range of rows is drawn
//! without the rows before it. A tile of 64 stream words gives 64 normals by the Box-Muller transform, whose
//! logarithm, sine and cosine are polynomials in plain `f32` operations: they vectorise, and they give the
//! same bits on every CPU.

use pulp::{Simd, WithSimd};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Normals that one tile of the stream yields: half by cosine, half by sine.
const TILE: usize = 64;
const HALF: usize = TILE / 2;
/// Tiles drawn at once: 4 KiB of words stay in the first-level cache.
const TILES_AT_ONCE: usize = 16;
const BATCH: usize = TILE * TILES_AT_ONCE;

/// A random matrix R of any number of rows (parameters) and `dim` columns, entries N(0, 1/dim), that
/// preserves distances: E |x R|^2 = |x|^2 (Johnson and Lindenstrauss 1984; Dasgupta and Gupta 2003).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GaussianProjection {
    /// Names the matrix together with `stream`.
    pub seed: u64,
    /// Independent matrices of one seed, for example one for each layer.
    pub stream: u64,
    /// Columns: the dimensions that remain.
    pub dim: usize,
}

impl GaussianProjection {
    /// The matrix number 0 of `seed` with `dim` columns.
    pub fn new(seed: u64, dim: usize) -> Self {
        Self { seed, stream: 0, dim }
    }

    /// The independent matrix number `stream` of the same seed.
    pub fn with_stream(self, stream: u64) -> Self {
        Self { stream, ..self }
    }

    /// Writes rows `first_row ..` of R to `out`, row-major, as many as fit: entry (r, c) of R is number
    /// `r * dim + c` of the stream, whatever range it is drawn in. Runs on the calling thread; split the rows
    /// to use more.
    pub fn fill(&self, first_row: usize, out: &mut [f32]) {
        let start = first_row as u64 * self.dim as u64;
        let scale = 1.0 / (self.dim as f32).sqrt();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(self.stream);
        rng.set_word_pos(u128::from(start - start % TILE as u64));
        let skip = (start % TILE as u64) as usize;

        let mut normals = [0.0f32; BATCH];
        let (head, body) = out.split_at_mut(out.len().min((TILE - skip) % TILE));
        if !head.is_empty() {
            draw(&mut rng, scale, &mut normals[..TILE]);
            head.copy_from_slice(&normals[skip..skip + head.len()]);
        }
        for piece in body.chunks_mut(BATCH) {
            let whole = piece.len() - piece.len() % TILE;
            let (tiles, tail) = piece.split_at_mut(whole);
            draw(&mut rng, scale, tiles);
            if !tail.is_empty() {
                draw(&mut rng, scale, &mut normals[..TILE]);
                tail.copy_from_slice(&normals[..tail.len()]);
            }
        }
    }
}

/// Fills `out`, a multiple of [`TILE`] long and at most [`BATCH`], with normals of standard deviation
/// `scale`.
fn draw(rng: &mut ChaCha8Rng, scale: f32, out: &mut [f32]) {
    let mut bytes = [0u8; BATCH * 4];
    let bytes = &mut bytes[..out.len() * 4];
    rng.fill_bytes(bytes);
    pulp::Arch::new().dispatch(Normals { words: bytes.as_chunks().0, scale, out });
}

/// A struct, since a closure would not be compiled for the instruction set.
struct Normals<'a> {
    words: &'a [[u8; 4]],
    scale: f32,
    out: &'a mut [f32],
}

impl WithSimd for Normals<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let tiles = self.words.as_chunks::<TILE>().0.iter().zip(self.out.as_chunks_mut::<TILE>().0);
        tiles.for_each(|(words, out)| box_muller(words, self.scale, out));
    }
}

/// Box and Muller 1958: sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v); u from the first half of the words, v from
/// the second.
#[inline(always)]
fn box_muller(words: &[[u8; 4]; TILE], scale: f32, out: &mut [f32; TILE]) {
    for i in 0..HALF {
        let radius = scale * (-2.0 * ln_unit(u32::from_le_bytes(words[i]))).sqrt();
        let (sin, cos) = sin_cos_turn(u32::from_le_bytes(words[HALF + i]));
        out[i] = radius * cos;
        out[HALF + i] = radius * sin;
    }
}

/// ln((word + 1/2) / 2^32), at most 0: exponent and mantissa apart, ln(1 + f) by the series of atanh.
#[inline(always)]
fn ln_unit(word: u32) -> f32 {
    // The 31 upper bits convert through i32, which every vector unit can do.
    let x = (word >> 1) as i32 as f32 + 0.5;
    let bits = x.to_bits();
    // Centre the mantissa on 1: [sqrt(1/2), sqrt(2)).
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (shifted as i32) >> 23;
    let mantissa = f32::from_bits((shifted & 0x007f_ffff) + 0x3f35_04f3);
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let t2 = t * t;
    let series = 2.0 * t * (1.0 + t2 * (1.0 / 3.0 + t2 * (0.2 + t2 * (1.0 / 7.0 + t2 * (1.0 / 9.0)))));
    ((exponent - 31) as f32 * std::f32::consts::LN_2 + series).min(0.0)
}

/// Sine and cosine of `word` / 2^32 turns. The two top bits choose the quadrant; the rest is an angle in
/// [-pi/4, pi/4), where Taylor polynomials are exact to `f32`.
#[inline(always)]
fn sin_cos_turn(word: u32) -> (f32, f32) {
    let quadrant = word >> 30;
    let centred = ((word & 0x3fff_ffff) as i32) - 0x2000_0000;
    let angle = centred as f32 * (std::f32::consts::FRAC_PI_2 / 1_073_741_824.0);
    let a2 = angle * angle;
    let sin = angle * (1.0 + a2 * (-1.0 / 6.0 + a2 * (1.0 / 120.0 + a2 * (-1.0 / 5040.0))));
    let cos = 1.0 + a2 * (-0.5 + a2 * (1.0 / 24.0 + a2 * (-1.0 / 720.0 + a2 * (1.0 / 40320.0))));
    let swap = quadrant & 1 == 1;
    let (s, c) = if swap { (cos, sin) } else { (sin, cos) };
    let s = if quadrant & 2 == 2 { -s } else { s };
    let c = if (quadrant + 1) & 2 == 2 { -c } else { c };
    (s, c)
}
