//! How a failing region looks.

use anyhow::Result;
use modelmend_failure::Judge as _;
use modelmend_failure::regions::{Region, Regions};
use modelmend_report::input::Thumbnail;
use modelmend_report::intensities;

/// Width of the picture of an interval of a signal, at least, and its height, in pixels.
const SIGNAL: [usize; 2] = [96, 48];
/// Pixels between target, output and error.
const GAP: usize = 2;
/// Errors from so many thresholds on have the last colour.
const BRIGHTEST: f64 = 4.0;

/// What there is to say about a failing region, and to see.
pub(super) struct Look {
    /// Mean of the target.
    pub(super) mean: f64,
    /// Standard deviation of the target.
    pub(super) spread: f64,
    /// Mean of output minus target.
    pub(super) bias: f64,
    pub(super) picture: Thumbnail,
}

/// Runs the network on every item with a failure.
pub(super) fn looks(regions: &Regions, failures: &[usize]) -> Result<Vec<Look>> {
    let pens = Pens::new(regions);
    let of = |case: usize| regions.regions()[case];
    let mut looks = Vec::with_capacity(failures.len());
    for of_item in failures.chunk_by(|&a, &b| of(a).item == of(b).item) {
        let Some(&first) = of_item.first() else { continue };
        let item = of(first).item;
        let output = regions.outputs(regions.parameters(), &[item])?;
        let target = regions.items()[item].target.data();
        looks.extend(of_item.iter().map(|&case| look(&of(case), target, output.data(), &pens)));
    }
    Ok(looks)
}

/// Scale of grey values and of errors, common to all pictures.
struct Pens {
    low: f32,
    high: f32,
    largest: f32,
    ramp: Vec<u8>,
}

impl Pens {
    fn new(regions: &Regions) -> Self {
        let targets = || regions.items().iter().flat_map(|item| item.target.data()).copied();
        Self {
            low: targets().fold(f32::INFINITY, f32::min),
            high: targets().fold(f32::NEG_INFINITY, f32::max),
            largest: (BRIGHTEST * regions.threshold()) as f32,
            ramp: intensities(),
        }
    }

    /// Where a value lies between the ends, in 0 ..= 1.
    fn share(&self, value: f32) -> f32 {
        ((value - self.low) / (self.high - self.low).max(f32::MIN_POSITIVE)).clamp(0.0, 1.0)
    }

    fn grey(&self, value: f32) -> u8 {
        (255.0 * self.share(value)).round() as u8
    }

    fn error(&self, error: f32) -> [u8; 3] {
        let at = (255.0 * (error / self.largest.max(f32::MIN_POSITIVE)).clamp(0.0, 1.0)).round() as usize;
        self.ramp.get(3 * at..3 * at + 3).and_then(|c| c.try_into().ok()).unwrap_or_default()
    }
}

fn look(region: &Region, target: &[f32], output: &[f32], pens: &Pens) -> Look {
    let cut = |values: &[f32]| -> Vec<f32> {
        region.spans().into_iter().flat_map(|span| values.get(span).unwrap_or_default().to_vec()).collect()
    };
    let (target, output) = (cut(target), cut(output));
    let count = target.len().max(1) as f64;
    let mean = target.iter().map(|&t| f64::from(t)).sum::<f64>() / count;
    let squares: f64 = target.iter().map(|&t| (f64::from(t) - mean).powi(2)).sum();
    let bias = output.iter().zip(&target).map(|(y, t)| f64::from(y - t)).sum::<f64>() / count;
    let picture = match region.whole[1] {
        1 => curves(region.extent[1], &target, &output, pens),
        _ => panes(region, &target, &output, pens),
    };
    Look { mean, spread: (squares / count).sqrt(), bias, picture }
}

/// Target, output and |error| side by side.
fn panes(region: &Region, target: &[f32], output: &[f32], pens: &Pens) -> Thumbnail {
    let [height, width] = region.extent;
    let plane = height * width;
    let channels = region.whole[0];
    let colour = |values: &[f32], at: usize| {
        let channel = |c: usize| pens.grey(values[if channels == 3 { c * plane + at } else { at }]);
        [channel(0), channel(1), channel(2)]
    };
    let error = |at: usize| {
        let of = |c: usize| (output[c * plane + at] - target[c * plane + at]).abs();
        pens.error((0..channels).map(of).sum::<f32>() / channels as f32)
    };
    let whole = 3 * width + 2 * GAP;
    let mut canvas = Canvas::new(whole, height);
    for at in 0..plane {
        let (y, x) = (at / width, at % width);
        canvas.dot([x, y], colour(target, at));
        canvas.dot([width + GAP + x, y], colour(output, at));
        canvas.dot([2 * (width + GAP) + x, y], error(at));
    }
    canvas.picture()
}

/// Target and output of a signal (its first channel) as curves, the output on top.
fn curves(samples: usize, target: &[f32], output: &[f32], pens: &Pens) -> Thumbnail {
    const TARGET: [u8; 3] = [150, 155, 160];
    const OUTPUT: [u8; 3] = [213, 94, 0];
    let zoom = SIGNAL[0].div_ceil(samples.max(1));
    let height = SIGNAL[1];
    let mut canvas = Canvas::new(samples * zoom, height);
    let row = |value: f32| ((1.0 - pens.share(value)) * (height - 1) as f32).round() as usize;
    for (values, colour) in [(target, TARGET), (output, OUTPUT)] {
        let mut before = values.first().map_or(0, |&value| row(value));
        for (sample, &value) in values.iter().take(samples).enumerate() {
            let here = row(value);
            (before.min(here)..=before.max(here)).for_each(|y| canvas.dot([sample * zoom, y], colour));
            (0..zoom).for_each(|x| canvas.dot([sample * zoom + x, here], colour));
            before = here;
        }
    }
    canvas.picture()
}

/// A white picture to draw on.
struct Canvas(Thumbnail);

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self(Thumbnail { width, height, rgb: vec![255; 3 * width * height] })
    }

    fn dot(&mut self, [x, y]: [usize; 2], colour: [u8; 3]) {
        let start = 3 * (y * self.0.width + x);
        if let Some(pixel) = self.0.rgb.get_mut(start..start + 3) {
            pixel.copy_from_slice(&colour);
        }
    }

    fn picture(self) -> Thumbnail {
        self.0
    }
}
