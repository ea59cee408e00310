//! Items of a reconstruction study, or windows of them, as pictures and lines.

use crate::input::{Plane, StressExample, UncertaintyExample};
use crate::raster::{self, Raster};
use crate::svg::lines::Line;

/// Share of the values of a map up to the last colour.
const BELOW_SCALE: f64 = 0.995;

/// Where a window lies in its item, and how its values (channels, height, width) lie in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    corner: [usize; 2],
    channels: usize,
    height: usize,
    width: usize,
}

impl From<&UncertaintyExample> for Window {
    fn from(e: &UncertaintyExample) -> Self {
        Self { corner: e.corner, channels: e.channels, height: e.height, width: e.width }
    }
}

impl From<&StressExample> for Window {
    fn from(e: &StressExample) -> Self {
        Self { corner: e.corner, channels: e.channels, height: e.height, width: e.width }
    }
}

impl Window {
    /// Whether it lies anywhere, and all arrays have its size and are numbers.
    pub(crate) fn holds<'a>(&self, arrays: impl IntoIterator<Item = &'a Vec<f32>>) -> bool {
        let size = self.channels.checked_mul(self.height).and_then(|rows| rows.checked_mul(self.width));
        let fits = |values: &Vec<f32>| Some(values.len()) == size && values.iter().all(|v| v.is_finite());
        let reach = |start: usize, extent: usize| start.checked_add(extent).is_some();
        let [row, column] = self.corner;
        size.is_some_and(|size| size > 0)
            && reach(row, self.height)
            && reach(column, self.width)
            && arrays.into_iter().all(fits)
    }

    /// Whether the values are samples of a signal and not pixels.
    pub(crate) fn is_signal(&self) -> bool {
        self.height == 1
    }

    /// Width and height.
    pub(crate) fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }

    /// Which part of the item it is, counted from 1.
    pub(crate) fn place(&self) -> String {
        let [row, column] = self.corner;
        let columns = format!("{} to {}", column + 1, column + self.width);
        if self.is_signal() {
            return format!("samples {columns}");
        }
        format!("rows {} to {}, columns {columns}", row + 1, row + self.height)
    }

    /// Grey or colours from the least to the largest value of a range, as base64 PNG.
    pub(crate) fn tones(&self, values: &[f32], (lo, hi): (f32, f32)) -> Option<String> {
        let byte = |value: f32| {
            if hi > lo { (255.0 * (value - lo) / (hi - lo)).round().clamp(0.0, 255.0) as u8 } else { 128 }
        };
        let pixels = self.height * self.width;
        if let (3, Some((red, rest))) = (self.channels, values.split_at_checked(pixels)) {
            let (green, blue) = rest.split_at(pixels.min(rest.len()));
            let rgb = red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b].map(byte));
            return self.png(&Raster::Rgb(rgb.collect()));
        }
        self.png(&Raster::Grey(self.over_channels(values).into_iter().map(byte).collect()))
    }

    /// Places on a scale that begins with 0, means over the channels, as base64 PNG.
    pub(crate) fn intensity(&self, values: &[f32], scale: f64) -> Option<String> {
        let place = |value: f32| (255.0 * f64::from(value) / scale).round().clamp(0.0, 255.0) as u8;
        self.png(&Raster::Mapped(self.over_channels(values).into_iter().map(place).collect()))
    }

    fn png(&self, raster: &Raster) -> Option<String> {
        raster::png(self.width, self.height, raster)
    }

    fn over_channels(&self, values: &[f32]) -> Vec<f32> {
        let pixels = (self.height * self.width).max(1);
        let mut sums = vec![0.0f32; pixels];
        for plane in values.chunks_exact(pixels) {
            sums.iter_mut().zip(plane).for_each(|(sum, value)| *sum += value / self.channels.max(1) as f32);
        }
        sums
    }

    /// Number of a sample of a signal, counted from 1.
    pub(crate) fn sample(&self, index: usize) -> f64 {
        (self.corner[1] + index + 1) as f64
    }

    /// A signal as a line; of several channels the first.
    pub(crate) fn line(&self, name: &str, colour: usize, values: &[f32]) -> Line {
        let point = |(i, &y): (usize, &f32)| (self.sample(i), f64::from(y));
        let points = values.iter().take(self.width).enumerate().map(point).collect();
        Line { name: name.to_owned(), colour, dashed: false, points }
    }
}

/// A picture of its own size in grey from its least to its largest value, as base64 PNG; `None` where its values do not fit.
pub(crate) fn plane(plane: &Plane) -> Option<String> {
    let window = Window { corner: [0; 2], channels: 1, height: plane.height, width: plane.width };
    window.holds([&plane.values]).then(|| window.tones(&plane.values, range(&plane.values)))?
}

/// Least and largest value.
pub(crate) fn range(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::MAX, f32::MIN), |(lo, hi), &v| (lo.min(v), hi.max(v)))
}

/// The value that all but the largest do not exceed; 1 where that is 0.
pub(crate) fn scale(mut values: Vec<f32>) -> f64 {
    values.sort_unstable_by(f32::total_cmp);
    let at = (values.len() as f64 * BELOW_SCALE) as usize;
    let found = values.get(at.min(values.len().saturating_sub(1))).copied().map_or(1.0, f64::from);
    if found > 0.0 { found } else { 1.0 }
}
