//! Maps of all images: computed first, then written.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use modelmend_data::formats::{write_npy, write_png};
use modelmend_learn::monitor::Monitor;
use modelmend_net::{Runtime, Settings, Tensor};
use modelmend_uncertainty::method::Maps;
use rayon::prelude::*;

use super::super::tensors;
use super::inputs::Image;
use super::methods::Ready;
use crate::output::Bar;

/// Share of the pixels of an image up to the last colour.
const BELOW_SCALE: f64 = 0.995;
/// Rows of the picture of a signal.
const STRIP: usize = 32;

/// What a method says about all images.
pub(in crate::commands) struct Measured {
    pub(in crate::commands) method: String,
    /// The u of the last colour.
    pub(in crate::commands) scale: f32,
    /// One for each image.
    pub(in crate::commands) maps: Vec<Map>,
}

/// What a method says about an image.
pub(in crate::commands) struct Map {
    output: Tensor<f32>,
    u: Tensor<f32>,
    /// Intervals by what they are called in the names of files: lower and upper ends.
    intervals: Vec<(&'static str, [Tensor<f32>; 2])>,
    pub(in crate::commands) mean: f64,
    pub(in crate::commands) p95: f32,
    /// The value that all but the largest u do not exceed.
    most: f32,
}

/// Asks every method about every image.
pub(in crate::commands) fn measure(methods: &[Ready], images: &[Image]) -> Result<Vec<Measured>> {
    methods.iter().map(|ready| of_method(ready, images)).collect()
}

fn of_method(ready: &Ready, images: &[Image]) -> Result<Measured> {
    let (bar, done) = (Bar::new(ready.name), AtomicUsize::new(0));
    let plain = ready.plain.as_ref().map(|model| (Runtime::<f32>::new(model.graph().clone()), model));
    let ask = |image: &Image| -> Result<Map> {
        let mut maps = ready.method.maps(&image.tensor)?;
        let scaled = ready.calibration.as_ref().map(|c| c.intervals(&maps)).transpose()?;
        if let Some((runtime, model)) = &plain {
            let input = std::slice::from_ref(&image.tensor);
            let outputs = runtime.forward(model.parameters(), input, Settings::default())?;
            maps.output = outputs.into_iter().next().context("the model has no output")?;
        }
        let shape = maps.u.shape().to_vec();
        let mut map = map(maps)?;
        if let Some((lo, hi)) = scaled {
            let tensor = |ends| Tensor::new(shape.clone(), ends).context("intervals of an impossible shape");
            map.intervals.push(("calibrated.", [tensor(lo)?, tensor(hi)?]));
        }
        bar.progress(done.fetch_add(1, Ordering::Relaxed) + 1, images.len());
        Ok(map)
    };
    let named = |image: &Image| ask(image).with_context(|| format!("image {}", image.name));
    let maps = images.par_iter().map(named).collect::<Result<Vec<Map>>>()?;
    Ok(Measured::new(ready.name.to_owned(), maps))
}

impl Measured {
    /// Joins what a method says about each image.
    pub(in crate::commands) fn new(method: String, maps: Vec<Map>) -> Self {
        let scale = maps.iter().map(|map| map.most).fold(0.0, f32::max);
        Self { method, scale, maps }
    }
}

/// Checks the maps of a model that came from elsewhere, and measures them.
pub(in crate::commands) fn map(maps: Maps) -> Result<Map> {
    let Maps { output, u, bounds } = maps;
    let ends = bounds.iter().flat_map(|(lo, hi)| [lo, hi]);
    for other in ends.chain([&u]) {
        ensure!(
            other.shape() == output.shape(),
            "the output is {:?}, its uncertainty {:?}: they must be of one shape",
            output.shape(),
            other.shape()
        );
    }
    ensure!(!u.is_empty(), "the output is empty");
    let all = output.data().iter().chain(u.data());
    ensure!(
        all.clone().all(|value| value.is_finite()),
        "output or uncertainty are not finite; look at the input's range"
    );
    ensure!(
        u.data().iter().all(|&u| u >= 0.0),
        "an upper end lies below its lower end: this is no interval network"
    );
    let mut sorted = u.data().to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let quantile = |share: f64| {
        let at = ((sorted.len() - 1) as f64 * share).round() as usize;
        sorted.get(at).copied().unwrap_or(0.0)
    };
    let mean = u.data().iter().map(|&u| f64::from(u)).sum::<f64>() / u.len() as f64;
    let intervals = bounds.map(|(lo, hi)| ("", [lo, hi])).into_iter().collect();
    Ok(Map { mean, p95: quantile(0.95), most: quantile(BELOW_SCALE), output, u, intervals })
}

/// Writes the maps of all images into a folder, which is made where it is missing; each file complete or not at all.
pub(in crate::commands) fn write(folder: &Path, images: &[Image], measured: &[Measured]) -> Result<()> {
    let colours = modelmend_report::intensities();
    for (at, image) in images.iter().enumerate() {
        for (first, of_method) in measured.iter().enumerate() {
            let Some(map) = of_method.maps.get(at) else { continue };
            let file = |end: &str| folder.join(format!("{}.{end}", image.name));
            if first == 0 {
                write_npy(&file("output.npy"), &tensors::array(map.output.clone())?)?;
            }
            let name = &of_method.method;
            write_npy(&file(&format!("{name}.u.npy")), &tensors::array(map.u.clone())?)?;
            for (kind, ends) in &map.intervals {
                for (end, values) in ["lo", "hi"].into_iter().zip(ends) {
                    let path = file(&format!("{name}.{kind}{end}.npy"));
                    write_npy(&path, &tensors::array(values.clone())?)?;
                }
            }
            let (size, pixels) = picture(&map.u);
            let place = |value: f32| {
                if of_method.scale > 0.0 {
                    (255.0 * value / of_method.scale).round().clamp(0.0, 255.0) as usize
                } else {
                    0
                }
            };
            let colour = |value: f32| colours.get(3 * place(value)..3 * place(value) + 3).unwrap_or(&[0; 3]);
            let rgb: Vec<u8> = pixels.into_iter().flat_map(colour).copied().collect();
            write_png(&file(&format!("{name}.u.png")), size, &rgb)?;
        }
    }
    Ok(())
}

/// Width, height and values of a picture of u: means over the channels; a signal becomes a strip.
fn picture(u: &Tensor<f32>) -> ([usize; 2], Vec<f32>) {
    let (channels, height, width) = match *u.shape() {
        [_, channels, height, width] => (channels, height, width),
        _ => {
            let channels = u.shape().get(1).copied().unwrap_or(1).max(1);
            (channels, 1, u.len() / channels)
        }
    };
    let mut sums = vec![0.0; height * width];
    for plane in u.data().chunks_exact((height * width).max(1)) {
        sums.iter_mut().zip(plane).for_each(|(sum, u)| *sum += u / channels as f32);
    }
    if height == 1 { ([width, STRIP], sums.repeat(STRIP)) } else { ([width, height], sums) }
}
