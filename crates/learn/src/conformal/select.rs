//! The smallest lambda at which a mean risk is small enough, exactly, whatever the number of pixels.
//!
//! The bits of an `f32`, with the sign turned, are ordered as the numbers. One pass counts the scores by the upper half of
//! these 16 + 16 bits, a second counts those of the one upper half in which lambda must lie by the lower half. Counts are 64-bit
//! integers, so that they merge in any order and any division of the images, and nothing saturates. Memory is half a
//! megabyte for each distinct size of images.

use crate::error::{LearnError, check_count};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Values of half a key.
const BUCKETS: usize = 1 << 16;

/// An integer that orders as the number does. Both zeros have the key of the positive one.
fn key(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

fn number(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// Counts of the scores of images of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Counts {
    images: u64,
    /// Scores beyond all buckets.
    above: u64,
    buckets: Vec<u64>,
}

/// Counts by the number of pixels of an image: the risk of an image is a share of its pixels, and a sum of shares is exact
/// only where they have one denominator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Tally(BTreeMap<usize, Counts>);

/// What a pass does with a score.
enum Place {
    Bucket(u32),
    Above,
    Below,
}

impl Tally {
    fn add(&mut self, scores: &[f32], place: impl Fn(u32) -> Place) -> Result<(), LearnError> {
        check_count("pixels of a calibration image", 1, scores.len())?;
        if let Some(index) = scores.iter().position(|score| score.is_nan()) {
            return Err(LearnError::NotFiniteValue { what: "scores", index });
        }
        let empty = || Counts { images: 0, above: 0, buckets: vec![0; BUCKETS] };
        let counts = self.0.entry(scores.len()).or_insert_with(empty);
        counts.images += 1;
        for &score in scores {
            match place(key(score)) {
                Place::Bucket(bucket) => counts.buckets[bucket as usize] += 1,
                Place::Above => counts.above += 1,
                Place::Below => {}
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        for (size, more) in other.0 {
            let Some(counts) = self.0.get_mut(&size) else {
                self.0.insert(size, more);
                continue;
            };
            counts.images += more.images;
            counts.above += more.above;
            counts.buckets.iter_mut().zip(more.buckets).for_each(|(to, count)| *to += count);
        }
    }

    /// The first bucket at whose end the mean risk, the mean over images of the share of scores beyond, is at most `limit`.
    fn first_within(&self, limit: f64) -> Option<u32> {
        let images: u64 = self.0.values().map(|counts| counts.images).sum();
        let mut beyond: Vec<(usize, u64)> = (self.0.iter())
            .map(|(&size, counts)| (size, counts.above + counts.buckets.iter().sum::<u64>()))
            .collect();
        (0..BUCKETS).find_map(|bucket| {
            for ((_, count), counts) in beyond.iter_mut().zip(self.0.values()) {
                *count -= counts.buckets[bucket];
            }
            let risks: f64 = beyond.iter().map(|&(size, count)| count as f64 / size as f64).sum();
            (images > 0 && risks / images as f64 <= limit).then_some(bucket as u32)
        })
    }
}

/// The first pass over the scores. Tallies of parts of the images can be merged in any order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CoarseTally(Tally);

impl CoarseTally {
    /// Counts the scores of an image.
    ///
    /// # Errors
    /// [`LearnError::TooFew`] for an image without pixels, [`LearnError::NotFiniteValue`] for NaN.
    pub fn add(&mut self, scores: &[f32]) -> Result<(), LearnError> {
        self.0.add(scores, |key| Place::Bucket(key >> 16))
    }

    /// Adds the counts of other images.
    pub fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// The second pass for the smallest lambda at which the mean risk is at most `limit`; `None` without images, or for a
    /// limit outside 0 .. 1, where no lambda does or every one.
    pub fn refine(&self, limit: f64) -> Option<FineTally> {
        if !(0.0..1.0).contains(&limit) {
            return None;
        }
        Some(FineTally { upper: self.0.first_within(limit)?, limit, tally: Tally::default() })
    }
}

/// The second pass, over the same scores.
#[derive(Debug, Clone, PartialEq)]
pub struct FineTally {
    upper: u32,
    limit: f64,
    tally: Tally,
}

impl FineTally {
    /// Counts the scores of an image.
    ///
    /// # Errors
    /// As [`CoarseTally::add`].
    pub fn add(&mut self, scores: &[f32]) -> Result<(), LearnError> {
        let upper = self.upper;
        self.tally.add(scores, |key| match (key >> 16).cmp(&upper) {
            std::cmp::Ordering::Less => Place::Below,
            std::cmp::Ordering::Equal => Place::Bucket(key & 0xffff),
            std::cmp::Ordering::Greater => Place::Above,
        })
    }

    /// Adds the counts of other images.
    ///
    /// # Errors
    /// [`LearnError::Parameter`] if the other tally comes from another first pass.
    pub fn merge(&mut self, other: Self) -> Result<(), LearnError> {
        if (self.upper, self.limit.to_bits()) != (other.upper, other.limit.to_bits()) {
            let rule = "the same for tallies that are merged: refine one first pass over all images";
            return Err(LearnError::Parameter { name: "limit", value: other.limit, rule });
        }
        self.tally.merge(other.tally);
        Ok(())
    }

    /// The smallest lambda at which the mean risk is at most the limit; `None` if nothing was counted.
    pub fn finish(&self) -> Option<f32> {
        self.tally.first_within(self.limit).map(|lower| number(self.upper << 16 | lower))
    }
}

/// The smallest lambda at which the mean over `images` of the share of scores above it is at most `limit`; it is one of the
/// scores. `None` without images or for a limit outside 0 .. 1.
///
/// # Errors
/// As [`CoarseTally::add`].
pub fn smallest_lambda(images: &[&[f32]], limit: f64) -> Result<Option<f32>, LearnError> {
    // Each part has counts of its own, which have to be worth it.
    let pixels: usize = images.iter().map(|image| image.len()).sum();
    let parts = (pixels / PIXELS_OF_A_PART).clamp(1, MAX_PARTS);
    let part = images.len().div_ceil(parts).max(1);
    let count = |images: &[&[f32]]| {
        let mut tally = CoarseTally::default();
        images.iter().try_for_each(|image| tally.add(image))?;
        Ok(tally)
    };
    let mut coarse = CoarseTally::default();
    let parts: Vec<CoarseTally> = images.par_chunks(part).map(count).collect::<Result<_, LearnError>>()?;
    parts.into_iter().for_each(|part| coarse.merge(part));
    let Some(mut fine) = coarse.refine(limit) else { return Ok(None) };
    let count = |images: &[&[f32]]| {
        let mut tally = fine.clone();
        images.iter().try_for_each(|image| tally.add(image))?;
        Ok(tally)
    };
    let parts: Vec<FineTally> = images.par_chunks(part).map(count).collect::<Result<_, LearnError>>()?;
    parts.into_iter().try_for_each(|part| fine.merge(part))?;
    Ok(fine.finish())
}

/// The images are counted in at most so many parts,
const MAX_PARTS: usize = 16;
/// each of about so many pixels or more.
const PIXELS_OF_A_PART: usize = 1 << 19;
