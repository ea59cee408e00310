//! Denoising of photographs with additive Gaussian noise (METHODS 2.6), drawn on the fly.
//!
//! Values are bytes / 255. Noise is not clipped, so that the noisy pixel's expectation is the clean one.

use std::ops::Range;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::Pairs;
use super::stream::{Kind, add_noise, check_sigma, stream};
use crate::error::{Error, Result};
use crate::picture::Picture;

/// Training patches to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Denoise {
    /// Edge of the square patches in pixels.
    pub patch: usize,
    /// Distance between neighbouring patches in pixels.
    pub stride: usize,
    /// Standard deviation of the noise, of 255.
    pub sigma: f64,
    /// Everything follows from it.
    pub seed: u64,
}

impl Default for Denoise {
    fn default() -> Self {
        Denoise { patch: 40, stride: 10, sigma: 25.0, seed: 42 }
    }
}

/// The patches of some pictures: all squares whose corner lies on the grid of the stride. Memory holds the pictures as bytes,
/// and four bytes for each patch while an epoch is under way.
#[derive(Clone, Debug)]
pub struct Denoising<'a> {
    request: Denoise,
    pictures: &'a [Picture],
    /// Number of the first patch of each picture, and that of all.
    first: Vec<u32>,
}

impl<'a> Denoising<'a> {
    /// Patches as requested.
    ///
    /// # Errors
    /// [`Error::Request`] for a patch or stride of 0, a sigma that is negative or not finite, a picture smaller than a
    /// patch or of other channels than the first, more than 2^32 patches; [`Error::NoSamples`] without pictures.
    pub fn new(request: Denoise, pictures: &'a [Picture]) -> Result<Self> {
        let Some(model) = pictures.first() else {
            return Err(Error::NoSamples { name: "pictures to train on".to_owned() });
        };
        if request.patch == 0 || request.stride == 0 {
            return Err(Error::Request("patches need a size and a stride of at least 1".to_owned()));
        }
        check_sigma(request.sigma)?;
        let mut first = vec![0u32];
        let mut total = 0u32;
        for picture in pictures {
            let [down, across] = grid(&request, picture);
            let patches = u32::try_from(down * across).ok().filter(|&patches| patches > 0);
            let fits = patches.filter(|_| picture.channels() == model.channels());
            total = fits.and_then(|patches| total.checked_add(patches)).ok_or_else(|| {
                Error::Request(format!(
                    "{} ({} x {}, {} channels) gives no patches of {} pixels, other channels than {}, or too many patches",
                    picture.name(),
                    picture.height(),
                    picture.width(),
                    picture.channels(),
                    request.patch,
                    model.name()
                ))
            })?;
            first.push(total);
        }
        Ok(Denoising { request, pictures, first })
    }

    /// Patches of an epoch.
    pub fn patches(&self) -> usize {
        self.first.last().map_or(0, |&total| total as usize)
    }

    /// Epoch `number`: every patch once, in an order of its own and with noise of its own.
    pub fn epoch(&self, number: u64) -> Epoch<'_> {
        let mut order: Vec<u32> = (0..self.patches() as u32).collect();
        order.shuffle(&mut stream(self.request.seed, Kind::Order, [number, 0]));
        Epoch { data: self, number, order }
    }

    /// A clean patch.
    fn clean(&self, patch: u32) -> Result<Vec<f32>> {
        let picture = self.first.partition_point(|&first| first <= patch).saturating_sub(1);
        let within = (patch - self.first.get(picture).copied().unwrap_or(0)) as usize;
        let Some(picture) = self.pictures.get(picture) else {
            return Err(Error::Request(format!("there is no patch {patch}")));
        };
        let [_, across] = grid(&self.request, picture);
        let corner = [within / across, within % across].map(|step| step * self.request.stride);
        picture.rectangle(corner, [self.request.patch; 2])
    }
}

/// One pass over the patches.
#[derive(Clone, Debug)]
pub struct Epoch<'a> {
    data: &'a Denoising<'a>,
    number: u64,
    order: Vec<u32>,
}

impl Epoch<'_> {
    /// Patches `range` of this epoch, (N, channels, patch, patch): a pure function of seed, epoch and number of the patch.
    ///
    /// # Errors
    /// [`Error::Request`] for a range beyond the epoch.
    pub fn pairs(&self, range: Range<usize>) -> Result<Pairs> {
        let Some(patches) = self.order.get(range.clone()) else {
            return Err(Error::Request(format!(
                "patches {range:?} of an epoch of {} were asked for",
                self.order.len()
            )));
        };
        let pair = |(index, &patch): (usize, &u32)| {
            let target = self.data.clean(patch)?;
            let item = [self.number, (range.start + index) as u64];
            let request = &self.data.request;
            let input = noisy(&target, request.sigma, stream(request.seed, Kind::PatchNoise, item));
            Ok(Pairs { input, target })
        };
        let pairs: Vec<Pairs> = patches.par_iter().enumerate().map(pair).collect::<Result<_>>()?;
        Ok(Pairs::concat(&pairs))
    }
}

/// A whole picture with noise of `sigma` (of 255), to validate and to test, (channels, height, width). `index` is the picture's
/// number in its data set and `draw` that of the noise; at another sigma the same noise comes in another size.
///
/// # Errors
/// [`Error::Request`] for a sigma that is negative or not finite.
pub fn noisy_picture(picture: &Picture, sigma: f64, seed: u64, index: u64, draw: u64) -> Result<Pairs> {
    check_sigma(sigma)?;
    let target = picture.values();
    let input = noisy(&target, sigma, stream(seed, Kind::PictureNoise, [draw, index]));
    Ok(Pairs { input, target })
}

fn noisy(clean: &[f32], sigma: f64, rng: ChaCha8Rng) -> Vec<f32> {
    let mut values = clean.to_vec();
    add_noise(&mut values, sigma / 255.0, rng);
    values
}

/// Patches of a picture along both axes.
fn grid(request: &Denoise, picture: &Picture) -> [usize; 2] {
    let steps = |extent: usize| match extent.checked_sub(request.patch) {
        Some(room) => room / request.stride + 1,
        None => 0,
    };
    [steps(picture.height()), steps(picture.width())]
}
