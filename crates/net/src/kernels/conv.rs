//! Convolutions in 1, 2 or 3 dimensions as gathered matrix products (see [`super::Product`]).

use std::ops::Range;

use super::bands::{Band, bands, within};
use super::frame::{Frame, strides};
use super::product::{Product, Run, Start, Tables};
use super::reading::{Finish, Forward, Preparation, Prepared, Reading, Side, Taps, Weights};
use super::simd::widest;
use crate::error::OpError;
use crate::op::Scratch;
use crate::tensor::{Element, checked_len};

/// Shapes of a convolution (cross-correlation, as in every deep learning library). Lower dimensions have leading
/// axes of size 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Input channels of one group.
    pub in_channels: usize,
    /// Output channels of one group.
    pub out_channels: usize,
    /// Groups.
    pub groups: usize,
    /// Depth, height, width of the input.
    pub input: [usize; 3],
    /// Depth, height, width of the output.
    pub output: [usize; 3],
    /// Kernel size.
    pub kernel: [usize; 3],
    /// Strides.
    pub stride: [usize; 3],
    /// Dilations.
    pub dilation: [usize; 3],
    /// Zeros put before the input.
    pub pad: [usize; 3],
}

/// Images with borders may have this many elements in any case.
const SMALL: usize = 1 << 24;
/// Beyond [`SMALL`]: so many times the elements of input and output.
const BORDERS: usize = 8;
/// Elements of framed images that each thread of a team holds at a time for an output: few beside the images themselves, but enough work.
const FRAMED: usize = 1 << 18;

impl Geometry {
    /// Input elements of one image and one group.
    pub fn input_len(&self) -> usize {
        self.in_channels * self.input.iter().product::<usize>()
    }

    /// Pixels of the output.
    pub fn pixels(&self) -> usize {
        self.output.iter().product()
    }

    /// Output elements of one image and one group.
    pub fn output_len(&self) -> usize {
        self.out_channels * self.pixels()
    }

    /// Taps of a kernel for one channel.
    pub(super) fn kernel_len(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Length of the reduction: input channels times kernel size.
    pub fn reduction(&self) -> usize {
        self.in_channels * self.kernel_len()
    }

    /// Weights of one group.
    pub fn weights(&self) -> usize {
        self.out_channels * self.reduction()
    }

    /// Elements of a frame along each axis: what the windows reach.
    pub(super) fn reach(&self) -> [usize; 3] {
        std::array::from_fn(|a| {
            (self.output[a] - 1) * self.stride[a] + (self.kernel[a] - 1) * self.dilation[a] + 1
        })
    }

    /// Zeros before the output gradient and its size with all zeros, so that every input pixel finds all its taps.
    fn gradient_frame(&self) -> ([usize; 3], [usize; 3]) {
        let before: [usize; 3] = std::array::from_fn(|a| {
            ((self.kernel[a] - 1) * self.dilation[a]).saturating_sub(self.pad[a]).div_ceil(self.stride[a])
        });
        let size = |a: usize| {
            before[a]
                + self.output[a].max((self.input[a].saturating_sub(1) + self.pad[a]) / self.stride[a] + 1)
        };
        (before, std::array::from_fn(size))
    }

    /// This geometry, unless a size is zero or its borders are out of all proportion to the images: the kernels
    /// make copies of the images with their borders.
    ///
    /// # Errors
    /// [`OpError::Invalid`].
    pub fn checked(self) -> Result<Self, OpError> {
        let sizes = [self.input, self.output, self.kernel, self.stride, self.dilation];
        let counts = [self.in_channels, self.out_channels, self.groups];
        if counts.contains(&0) || sizes.concat().contains(&0) {
            return Err(OpError::invalid(format!("a size of the convolution is zero: {self:?}")));
        }
        let elements =
            |size: [usize; 3], channels| checked_len(&[&size[..], &[channels, self.groups]].concat());
        let (_, behind) = self.gradient_frame();
        let framed = [elements(self.reach(), self.in_channels), elements(behind, self.out_channels)];
        let [input, output] = [(self.input, self.in_channels), (self.output, self.out_channels)]
            .map(|(size, channels)| elements(size, channels).unwrap_or(usize::MAX));
        let most = input.saturating_add(output).saturating_mul(BORDERS).max(SMALL);
        if framed.iter().any(|len| len.is_none_or(|n| n > most)) {
            return Err(OpError::invalid(format!(
                "the padding is out of proportion to the images: {self:?}"
            )));
        }
        Ok(self)
    }

    /// The size of the images with their padding.
    fn frame(&self) -> [usize; 3] {
        let size = self.reach();
        let inside = self.pad == [0; 3] && (0..3).all(|a| size[a] <= self.input[a]);
        if inside { self.input } else { size }
    }

    /// Parts of the output of so many images whose framed inputs have no more than about `held` elements.
    fn strips(&self, images: usize, held: usize) -> Vec<Strip> {
        let (frame, channels) = (self.frame(), self.groups * self.in_channels);
        let (line, height) = (channels * frame[0] * frame[2], self.output[1]);
        let at_once = held / (line * frame[1]).max(1);
        if frame == self.input || at_once >= images {
            return vec![Strip { images: 0..images, rows: 0..height }];
        }
        let halo = (self.kernel[1] - 1) * self.dilation[1];
        let rows = match at_once {
            0 => ((held / line).saturating_sub(halo) / self.stride[1]).max(1),
            _ => height,
        };
        let part = |start: usize, step: usize, end: usize| start..(start + step).min(end);
        let firsts = (0..images).step_by(at_once.max(1));
        let strip = |first| {
            (0..height).step_by(rows).map(move |top| Strip {
                images: part(first, at_once.max(1), images),
                rows: part(top, rows, height),
            })
        };
        firsts.flat_map(strip).collect()
    }

    /// What a strip reads, with its padding.
    fn framed<'a, T: Element>(&self, x: &'a [T], strip: &Strip, scratch: &mut Scratch<T>) -> Frame<'a, T> {
        let (size, image) = (self.frame(), self.groups * self.input_len());
        let halo = (self.kernel[1] - 1) * self.dilation[1];
        let rows = match strip.rows == (0..self.output[1]) {
            true => 0..size[1],
            false => strip.rows.start * self.stride[1]..(strip.rows.end - 1) * self.stride[1] + halo + 1,
        };
        let x = &x[strip.images.start * image..strip.images.end * image];
        Frame::of_rows(x, self.input, (size, self.pad, rows), scratch)
    }

    /// The rows of the output with the rows of the kernel that read data.
    fn output_bands(&self, images: usize) -> Vec<Band> {
        let (taps, step) = (self.kernel[1], self.dilation[1]);
        let first = |row: usize| (row * self.stride[1]) as isize - self.pad[1] as isize;
        let width = images * self.output[0] * self.output[2];
        bands((self.output[1], taps), width, |row| within((first(row), step, taps), self.input[1]))
    }

    /// The rows of the input with the rows of the kernel that read a gradient; all in one where strides divide them already.
    fn input_bands(&self, images: usize) -> Vec<Band> {
        let (taps, step) = (self.kernel[1], self.dilation[1]);
        if self.stride != [1; 3] {
            return vec![Band { rows: 0..self.input[1], taps: 0..taps }];
        }
        // Tap `j` reads output row `row + pad - j x step`: from the last tap on they ascend.
        let last = ((taps - 1) * step) as isize;
        let first = |row: usize| (row + self.pad[1]) as isize - last;
        let width = images * self.input[0] * self.input[2];
        bands((self.input[1], taps), width, |row| {
            let ascending = within((first(row), step, taps), self.output[1]);
            taps - ascending.end..taps - ascending.start
        })
    }

    /// Product rows for output channels: the weight of one group against windows of a framed strip.
    fn forward_tables<T>(
        &self,
        (frame, strip): (&Frame<'_, T>, &Strip),
        band: &Band,
        group: usize,
        tables: &mut Tables,
    ) {
        let (channel, image) = (frame.volume(), self.groups * self.in_channels * frame.volume());
        tables.clear();
        let [d, h, w] = strides(frame.size);
        for c in 0..self.in_channels {
            let (start, weight) = ((group * self.in_channels + c) * channel, c * self.kernel_len());
            for_each([self.kernel[0], band.taps.len(), self.kernel[2]], |[i, j, k]| {
                let j = band.taps.start + j;
                let [z, y, x] = [i * self.dilation[0], j * self.dilation[1], k * self.dilation[2]];
                tables.a_steps.push(weight + (i * self.kernel[1] + j) * self.kernel[2] + k);
                tables.b_steps.push(start + z * d + y * h + x * w);
            });
        }
        let (out, [planes, lines, len]) = (self.groups * self.output_len(), self.output);
        for n in strip.images.clone() {
            for_each([planes, band.rows.len(), 1], |[i, j, _]| {
                let j = band.rows.start + j;
                let line = (j - strip.rows.start) * self.stride[1];
                let b = (n - strip.images.start) * image + i * self.stride[0] * d + line * h;
                let c = n * out + group * self.output_len() + (i * lines + j) * len;
                tables.push(Run { b, c, len }, self.stride[2]);
            });
        }
    }

    /// Product rows for input channels, for the input pixels `phase`, `phase + stride`, ...: their windows of the
    /// framed output gradient meet every `stride`-th tap.
    fn phase_tables<T>(
        &self,
        frame: &Frame<'_, T>,
        (phase, before): ([usize; 3], [usize; 3]),
        band: &Band,
        (group, images): (usize, usize),
        tables: &mut Tables,
    ) {
        tables.clear();
        let [d, h, w] = strides(frame.size);
        for c in 0..self.out_channels {
            let (start, mut tap) = ((group * self.out_channels + c) * frame.volume(), 0);
            for_each(self.kernel, |k| {
                let at = |a: usize| {
                    // Output coordinate of the phase's first pixel, shifted by the frame's border.
                    let shifted = phase[a] + self.pad[a] + before[a] * self.stride[a];
                    let rest = shifted - k[a] * self.dilation[a];
                    rest.is_multiple_of(self.stride[a]).then_some(rest / self.stride[a])
                };
                if let (Some(z), Some(y), Some(x)) = (at(0), at(1), at(2))
                    && band.taps.contains(&k[1])
                {
                    tables.a_steps.push(c * self.reduction() + tap);
                    tables.b_steps.push(start + z * d + y * h + x * w);
                }
                tap += 1;
            });
        }
        let count: [usize; 3] =
            std::array::from_fn(|a| self.input[a].saturating_sub(phase[a]).div_ceil(self.stride[a]));
        let (image, [_, height, width]) = (self.groups * self.out_channels * frame.volume(), self.input);
        // A band is of all phases, or of the only one.
        let lines = band.rows.start..count[1].min(band.rows.end);
        for n in 0..images {
            for_each([count[0], lines.len(), 1], |[i, j, _]| {
                let j = lines.start + j;
                let (z, y) = (phase[0] + i * self.stride[0], phase[1] + j * self.stride[1]);
                let c = (n * self.groups + group) * self.input_len() + (z * height + y) * width + phase[2];
                tables.push(Run { b: n * image + i * d + j * h, c, len: count[2] }, self.stride[2]);
            });
        }
    }

    /// Product rows for output channels, reduced over the pixels of all images.
    fn weight_tables<T>(&self, frame: &Frame<'_, T>, group: usize, images: usize, tables: &mut Tables) {
        tables.clear();
        let [d, h, w] = strides(frame.size);
        for n in 0..images {
            let a = (n * self.groups + group) * self.output_len();
            tables.a_steps.extend(a..a + self.pixels());
            let image = n * self.groups * self.in_channels * frame.volume();
            for_each(self.output, |[i, j, k]| {
                let [z, y, x] = [i * self.stride[0], j * self.stride[1], k * self.stride[2]];
                tables.b_steps.push(image + z * d + y * h + x * w);
            });
        }
        let start = group * self.in_channels * frame.volume();
        if self.kernel == [1; 3] {
            tables.runs.push(Run { b: start, c: 0, len: self.in_channels });
            return;
        }
        for channel in 0..self.in_channels {
            let [planes, lines, len] = self.kernel;
            for_each([planes, lines, 1], |[i, j, _]| {
                let b =
                    start + channel * frame.volume() + i * self.dilation[0] * d + j * self.dilation[1] * h;
                tables.runs.push(Run { b, c: ((channel * planes + i) * lines + j) * len, len });
            });
        }
    }
}

/// Some rows of the output of some images.
struct Strip {
    images: Range<usize>,
    rows: Range<usize>,
}

impl Strip {
    /// Its rows of these bands.
    fn within(&self, bands: Vec<Band>) -> Vec<Band> {
        let part = |band: Band| Band {
            rows: band.rows.start.max(self.rows.start)..band.rows.end.min(self.rows.end),
            ..band
        };
        bands.into_iter().map(part).filter(|band| !band.rows.is_empty()).collect()
    }
}

/// Every band of every group.
fn bands_of_groups(g: &Geometry, bands: Vec<Band>) -> impl Iterator<Item = (usize, Band)> {
    (0..g.groups).flat_map(move |group| bands.clone().into_iter().map(move |band| (group, band)))
}

/// Calls `visit` for every index below `size`, the last axis fastest.
pub(super) fn for_each(size: [usize; 3], mut visit: impl FnMut([usize; 3])) {
    for i in 0..size[0] {
        for j in 0..size[1] {
            for k in 0..size[2] {
                visit([i, j, k]);
            }
        }
    }
}

/// What can be made of the weights before [`forward_and`] ([`Side::Output`]) or [`backward_input_and`] ([`Side::Input`]) meets `images`
/// images at a time; `None` where that is nothing or little beside the rest of the work. Results have the same bits with and without.
pub fn prepare<T: Element>(
    (g, side): (&Geometry, Side),
    weights: &[T],
    images: usize,
    scratch: &mut Scratch<T>,
) -> Option<Prepared<T>> {
    T::kernels().prepare(Preparation { geometry: g, side, weights, images, scratch })
}

/// `y = w * x + bias`: `x` is `images x groups x in`, `w` is `groups x out x reduction`, `y` is
/// `images x groups x out x pixels`.
pub fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    w: &[T],
    bias: Option<&[T]>,
    y: &mut [T],
    scratch: &mut Scratch<T>,
) {
    forward_and(g, x, (w.into(), bias), (y, &|_, _| {}), scratch);
}

/// [`forward`], with something to be done with the output while it is in cache.
pub fn forward_and<T: Element>(
    g: &Geometry,
    x: &[T],
    (taps, bias): (Taps<'_, T>, Option<&[T]>),
    (y, finish): (&mut [T], Finish<'_, T>),
    scratch: &mut Scratch<T>,
) {
    let work = Forward {
        geometry: g,
        side: Side::Output,
        from: x,
        taps,
        bias,
        to: &mut *y,
        finish,
        scratch: &mut *scratch,
    };
    if T::kernels().shortcut(Reading::Forward(work)) {
        return;
    }
    let images = x.len() / (g.groups * g.input_len()).max(1);
    for strip in g.strips(images, FRAMED * scratch.how.team) {
        forward_strip(g, &strip, x, (taps.weights, bias), y, scratch);
    }
    finish(0, y);
}

/// A strip of the output.
fn forward_strip<T: Element>(
    g: &Geometry,
    strip: &Strip,
    x: &[T],
    (weights, bias): (&[T], Option<&[T]>),
    y: &mut [T],
    scratch: &mut Scratch<T>,
) {
    let frame = g.framed(x, strip, scratch);
    let mut tables = scratch.take_tables();
    for (group, band) in bands_of_groups(g, strip.within(g.output_bands(strip.images.len()))) {
        g.forward_tables((&frame, strip), &band, group, &mut tables);
        let product = Product {
            a: &weights[group * g.weights()..],
            rows: g.out_channels,
            a_row: g.reduction(),
            a_steps: &tables.a_steps,
            b: frame.data(),
            b_steps: &tables.b_steps,
            b_column: g.stride[2],
            runs: &tables.runs,
            c_row: g.pixels(),
            c_column: 1,
            start: bias.map_or(Start::Zero, |b| Start::Rows(&b[group * g.out_channels..][..g.out_channels])),
        };
        T::kernels().product(&product, y, scratch);
    }
    scratch.give_tables(tables);
    frame.recycle(scratch);
}

/// The gradient of the input, from that of the output; overwrites `dx`. It is also the forward reading of the
/// transposed convolution.
pub fn backward_input<T: Element>(g: &Geometry, w: &[T], dy: &[T], dx: &mut [T], scratch: &mut Scratch<T>) {
    backward_input_and(g, w.into(), dy, (dx, &|_, _| {}), scratch);
}

/// [`backward_input`], with something to be done with the gradient while it is in cache.
pub fn backward_input_and<T: Element>(
    g: &Geometry,
    taps: Taps<'_, T>,
    dy: &[T],
    (dx, finish): (&mut [T], Finish<'_, T>),
    scratch: &mut Scratch<T>,
) {
    let work = Forward {
        geometry: g,
        side: Side::Input,
        from: dy,
        taps,
        bias: None,
        to: &mut *dx,
        finish,
        scratch: &mut *scratch,
    };
    if T::kernels().shortcut(Reading::Forward(work)) {
        return;
    }
    let images = dx.len() / (g.groups * g.input_len()).max(1);
    let (before, size) = g.gradient_frame();
    let frame = Frame::new(dy, g.output, size, before, scratch);
    let mut tables = scratch.take_tables();
    for (group, band) in bands_of_groups(g, g.input_bands(images)) {
        for_each(std::array::from_fn(|a| g.stride[a].min(g.input[a])), |phase| {
            g.phase_tables(&frame, (phase, before), &band, (group, images), &mut tables);
            let product = Product {
                a: &taps.weights[group * g.weights()..],
                rows: g.in_channels,
                a_row: g.kernel_len(),
                a_steps: &tables.a_steps,
                b: frame.data(),
                b_steps: &tables.b_steps,
                b_column: 1,
                runs: &tables.runs,
                c_row: g.input.iter().product(),
                c_column: g.stride[2],
                start: Start::Zero,
            };
            T::kernels().product(&product, dx, scratch);
        });
    }
    scratch.give_tables(tables);
    frame.recycle(scratch);
    finish(0, dx);
}

/// The gradient of the weights, summed over the images given; `start` says whether it is added to `dw`.
pub fn backward_weight<T: Element>(
    g: &Geometry,
    x: &[T],
    dy: &[T],
    (dw, start): (&mut [T], Start<'_, T>),
    scratch: &mut Scratch<T>,
) {
    let work = Weights { geometry: g, x, dy, dw: &mut *dw, start, scratch: &mut *scratch };
    if T::kernels().shortcut(Reading::Weights(work)) {
        return;
    }
    let images = dy.len() / (g.groups * g.output_len()).max(1);
    let all = Strip { images: 0..images, rows: 0..g.output[1] };
    let frame = g.framed(x, &all, scratch);
    let mut tables = scratch.take_tables();
    for group in 0..g.groups {
        g.weight_tables(&frame, group, images, &mut tables);
        let product = Product {
            a: dy,
            rows: g.out_channels,
            a_row: g.pixels(),
            a_steps: &tables.a_steps,
            b: frame.data(),
            b_steps: &tables.b_steps,
            b_column: if g.kernel == [1; 3] { frame.volume() } else { g.dilation[2] },
            runs: &tables.runs,
            c_row: g.reduction(),
            c_column: 1,
            start,
        };
        T::kernels().product(&product, &mut dw[group * g.weights()..][..g.weights()], scratch);
    }
    scratch.give_tables(tables);
    frame.recycle(scratch);
}

/// Adds the gradient of the bias, summed over the images given.
pub fn backward_bias<T: Element>(g: &Geometry, dy: &[T], dbias: &mut [T]) {
    for image in dy.chunks_exact(dbias.len() * g.pixels()) {
        for (total, plane) in dbias.iter_mut().zip(image.chunks_exact(g.pixels())) {
            *total += widest(|| sum(plane));
        }
    }
}

/// The sum of a slice: eight interleaved chains, then their sum.
fn sum<T: Element>(values: &[T]) -> T {
    let mut chains = [T::zero(); 8];
    let parts = values.chunks_exact(8);
    let rest = parts.remainder();
    for part in parts {
        chains.iter_mut().zip(part).for_each(|(s, &v)| *s += v);
    }
    chains.iter_mut().zip(rest).for_each(|(s, &v)| *s += v);
    chains.into_iter().sum()
}
