//! Problems of reconstruction: every item a pure function of its number, and the truth as described.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod shared;

use std::fs;

use image::{GrayImage, RgbImage};
use modelmend_data::Picture;
use modelmend_data::formats::read_pictures;
use modelmend_data::generate::{Denoise, Denoising, JumpSignals, Jumps, noisy_picture};
use modelmend_data::split::{Part, deal};

fn signals() -> JumpSignals {
    JumpSignals::new(Jumps::default()).unwrap()
}

fn std_dev(values: &[f32]) -> f64 {
    let squares: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
    (squares / values.len() as f64).sqrt()
}

#[test]
fn signals_are_pure_functions_of_their_number() {
    let all = signals().pairs(Part::Train, &(0..20).collect::<Vec<_>>(), 0.1, 3).unwrap();
    let one = signals().pair(Part::Train, 13, 0.1, 3).unwrap();
    assert_eq!(all.input[13 * 512..14 * 512], one.input);
    assert_eq!(all.target[13 * 512..14 * 512], one.target);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let again = pool.install(|| signals().pairs(Part::Train, &(0..20).collect::<Vec<_>>(), 0.1, 3));
    assert_eq!(again.unwrap(), all);
    let other = JumpSignals::new(Jumps { seed: 43, ..Jumps::default() }).unwrap();
    let target = |signals: &JumpSignals, part, index| signals.signal(part, index).target;
    let mine = target(&signals(), Part::Train, 0);
    for different in [
        target(&signals(), Part::Train, 1),
        target(&signals(), Part::Validation, 0),
        target(&other, Part::Train, 0),
    ] {
        assert_ne!(mine, different);
    }
}

#[test]
fn pieces_are_constant_long_enough_and_a_jump_apart() {
    let mut jumps = Vec::new();
    for index in 0..300 {
        let signal = signals().signal(Part::Train, index);
        assert_eq!((signal.target.len(), signal.blurred.len()), (512, 512));
        assert!(signal.target.iter().all(|v| (0.0..=1.0).contains(v)));
        assert!(!signal.ramp.contains(&true));
        let pieces: Vec<&[f32]> = signal.target.chunk_by(|a, b| a == b).collect();
        assert!(pieces.iter().all(|piece| piece.len() >= 5), "signal {index}");
        assert!(pieces.windows(2).all(|pair| (pair[0][0] - pair[1][0]).abs() > 0.0999), "signal {index}");
        jumps.push(pieces.len() - 1);
    }
    assert_eq!((jumps.iter().min(), jumps.iter().max()), (Some(&5), Some(&20)));
}

#[test]
fn a_stated_share_of_the_held_out_signals_has_ramps() {
    let signals = JumpSignals::new(Jumps { ramps: 0.3, ..Jumps::default() }).unwrap();
    let with_ramps: Vec<u64> =
        (0..200).filter(|&index| signals.signal(Part::Test, index).ramp.contains(&true)).collect();
    assert_eq!(with_ramps.len(), 60);
    // Spread over the set, so that the first half of it has half of them.
    assert_eq!(with_ramps.iter().filter(|&&index| index < 100).count(), 30);
    // Calibration asks that validation signals are drawn like test signals; training never sees a ramp.
    let sloped = |part| (0..200).filter(|&index| signals.signal(part, index).ramp.contains(&true)).count();
    assert_eq!([sloped(Part::Validation), sloped(Part::Train)], [60, 0]);
    let signal = signals.signal(Part::Test, with_ramps[0]);
    assert!(signal.target.iter().all(|v| (0.0..=1.0).contains(v)));
    let steps = signal.target.windows(2).zip(signal.ramp.windows(2));
    let within: Vec<f32> = steps.filter(|(_, on)| on[0] && on[1]).map(|(v, _)| v[1] - v[0]).collect();
    // Smooth: never steeper than 1.5 heights over the shortest length, and hardly ever flat; jumps are at the ends alone.
    let flat = within.iter().filter(|step| **step == 0.0).count();
    assert!(within.len() >= 23 && flat < within.len() / 10, "{flat} of {}", within.len());
    let jumps = within.iter().filter(|step| step.abs() > 1.5 / 24.0).count();
    assert!(jumps <= 2, "{jumps} jumps between neighbouring ramps");
}

#[test]
fn the_blur_is_a_gaussian_that_keeps_constants() {
    let signals = JumpSignals::new(Jumps { blur: 3.0, ..Jumps::default() }).unwrap();
    let signal = signals.signal(Part::Train, 0);
    // By definition, in this one place: weights exp(-d^2 / 2 s^2) over 4 s, the ends repeated.
    let weight = |d: i64| (-0.5 * (d as f64 / 3.0).powi(2)).exp();
    let total: f64 = (-12..=12).map(weight).sum();
    for sample in [0, 1, 100, 300, 511] {
        let sum = |d: i64| weight(d) * f64::from(signal.target[(sample + d).clamp(0, 511) as usize]);
        let expected: f64 = (-12..=12).map(sum).sum::<f64>() / total;
        assert!((f64::from(signal.blurred[sample as usize]) - expected).abs() < 1e-6, "sample {sample}");
    }
    let sharp = JumpSignals::new(Jumps { blur: 0.0, ..Jumps::default() }).unwrap().signal(Part::Train, 0);
    assert_eq!(sharp.blurred, sharp.target);
    assert_eq!(sharp.target, signal.target);
}

#[test]
fn noise_has_its_level_and_is_paired_over_levels() {
    let noise = |sigma: f64, draw| -> Vec<f32> {
        let indices: Vec<u64> = (0..40).collect();
        let noisy = signals().pairs(Part::Test, &indices, sigma, draw).unwrap().input;
        let clean = signals().pairs(Part::Test, &indices, 0.0, draw).unwrap().input;
        noisy.iter().zip(&clean).map(|(a, b)| a - b).collect()
    };
    let (low, high) = (noise(0.02, 0), noise(0.14, 0));
    assert!((std_dev(&low) / 0.02 - 1.0).abs() < 0.02, "{}", std_dev(&low));
    assert!(low.iter().zip(&high).all(|(a, b)| (7.0 * a - b).abs() < 1e-5));
    let fresh = noise(0.02, 1);
    let product: f64 = low.iter().zip(&fresh).map(|(a, b)| f64::from(a * b)).sum();
    assert!((product / low.len() as f64).abs() < 0.05 * 0.02 * 0.02, "draws are independent");
}

#[test]
fn impossible_signals_are_refused() {
    for request in [
        Jumps { length: 49, ..Jumps::default() },
        Jumps { blur: -1.0, ..Jumps::default() },
        Jumps { blur: f64::NAN, ..Jumps::default() },
        Jumps { blur: 200.0, ..Jumps::default() },
        Jumps { ramps: 1.1, ..Jumps::default() },
    ] {
        assert!(JumpSignals::new(request).is_err(), "{request:?}");
    }
    assert!(signals().pair(Part::Test, 0, -0.1, 0).is_err());
    let short = JumpSignals::new(Jumps { length: 50, ..Jumps::default() }).unwrap();
    assert!((0..100).all(|index| short.signal(Part::Test, index).target.len() == 50));
}

#[test]
fn units_are_dealt_by_count() {
    let parts = deal(16, [10, 2, 3], 7).unwrap();
    assert_eq!(parts.clone().map(|part| part.len()), [10, 2, 3]);
    let mut all = parts.concat();
    all.sort_unstable();
    all.dedup();
    assert!(all.len() == 15 && all.last() < Some(&16));
    assert_eq!(deal(16, [10, 2, 3], 7).unwrap(), parts);
    assert_ne!(deal(16, [10, 2, 3], 8).unwrap(), parts);
    assert!(deal(16, [12, 3, 2], 7).is_err() && deal(16, [16, 0, 0], 7).is_err());
}

/// A picture in which no two places look alike.
fn picture(name: &str, channels: usize, height: usize, width: usize) -> Picture {
    let bytes = (0..channels * height * width).map(|i| ((i * i / 7 + 13 * i) % 251) as u8).collect();
    Picture::new(name, [channels, height, width], bytes).unwrap()
}

#[test]
fn an_epoch_has_every_patch_once() {
    let pictures = [picture("a", 3, 20, 31), picture("b", 3, 33, 17)];
    let request = Denoise { patch: 8, stride: 5, sigma: 0.0, seed: 1 };
    let data = Denoising::new(request, &pictures).unwrap();
    // (20 - 8) / 5 + 1 = 3 by 5, and 6 by 2
    assert_eq!(data.patches(), 3 * 5 + 6 * 2);
    let sorted = |number| {
        let pairs = data.epoch(number).pairs(0..data.patches()).unwrap();
        assert_eq!(pairs.input, pairs.target);
        let mut patches: Vec<Vec<u32>> = pairs
            .target
            .chunks(3 * 64)
            .map(|p| p.iter().map(|v| (v * 255.0).round() as u32).collect())
            .collect();
        patches.sort();
        patches
    };
    let mut expected = Vec::new();
    for picture in &pictures {
        for top in (0..=picture.height() - 8).step_by(5) {
            for left in (0..=picture.width() - 8).step_by(5) {
                let values = picture.rectangle([top, left], [8, 8]).unwrap();
                expected.push(values.iter().map(|v| (v * 255.0).round() as u32).collect::<Vec<u32>>());
            }
        }
    }
    expected.sort();
    assert_eq!(sorted(0), expected);
    assert_eq!(sorted(1), expected);
    assert_ne!(data.epoch(0).pairs(0..5).unwrap(), data.epoch(1).pairs(0..5).unwrap());
}

#[test]
fn patches_are_pure_functions_of_their_number() {
    let pictures = [picture("a", 1, 60, 50)];
    let request = Denoise { patch: 16, stride: 4, ..Denoise::default() };
    let data = Denoising::new(request, &pictures).unwrap();
    let all = data.epoch(2).pairs(0..data.patches()).unwrap();
    let some = data.epoch(2).pairs(40..43).unwrap();
    assert_eq!(all.input[40 * 256..43 * 256], some.input);
    assert_eq!(all.target[40 * 256..43 * 256], some.target);
    let noise: Vec<f32> = all.input.iter().zip(&all.target).map(|(a, b)| a - b).collect();
    assert!((std_dev(&noise) * 255.0 / 25.0 - 1.0).abs() < 0.02, "{}", std_dev(&noise));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(pool.install(|| data.epoch(2).pairs(0..data.patches())).unwrap(), all);
    let other = Denoising::new(Denoise { seed: 43, ..request }, &pictures).unwrap();
    assert_ne!(other.epoch(2).pairs(40..43).unwrap().input, some.input);
    // A picture of which every patch is the same shows the noise alone.
    let flat = [Picture::new("flat", [1, 60, 50], vec![100; 3000]).unwrap()];
    let flat = Denoising::new(request, &flat).unwrap();
    assert_ne!(flat.epoch(0).pairs(0..1).unwrap(), flat.epoch(1).pairs(0..1).unwrap());
    assert_ne!(flat.epoch(0).pairs(0..1).unwrap(), flat.epoch(0).pairs(1..2).unwrap());
}

#[test]
fn impossible_patches_are_refused() {
    let pictures = [picture("a", 1, 20, 20), picture("b", 3, 20, 20)];
    let request = Denoise { patch: 8, stride: 4, sigma: 25.0, seed: 0 };
    let refused = |request, pictures| Denoising::new(request, pictures).unwrap_err().to_string();
    assert!(refused(request, &pictures).contains("b (20 x 20, 3 channels)"));
    let one = &pictures[..1];
    assert!(refused(Denoise { patch: 21, ..request }, one).contains("gives no patches"));
    assert!(refused(Denoise { stride: 0, ..request }, one).contains("at least 1"));
    assert!(refused(Denoise { sigma: -1.0, ..request }, one).contains("cannot be drawn"));
    assert!(refused(request, &[]).contains("no samples"));
    let data = Denoising::new(request, one).unwrap();
    assert!(data.epoch(0).pairs(0..data.patches() + 1).is_err());
}

#[test]
fn whole_pictures_and_their_centres() {
    let whole = picture("a", 3, 9, 14);
    let pairs = noisy_picture(&whole, 25.0, 1, 0, 0).unwrap();
    assert_eq!((pairs.target.len(), pairs.target.clone()), (3 * 9 * 14, whole.values()));
    assert_eq!(noisy_picture(&whole, 25.0, 1, 0, 0).unwrap(), pairs);
    for (seed, index, draw) in [(2, 0, 0), (1, 1, 0), (1, 0, 1)] {
        assert_ne!(noisy_picture(&whole, 25.0, seed, index, draw).unwrap(), pairs);
    }
    let centre = whole.centre(5, 4).unwrap();
    assert_eq!((centre.channels(), centre.height(), centre.width()), (3, 5, 4));
    assert_eq!(centre.values(), whole.rectangle([2, 5], [5, 4]).unwrap());
    assert_eq!(centre.values()[20], whole.values()[9 * 14 + 2 * 14 + 5]);
    assert!(whole.centre(10, 4).is_err() && whole.rectangle([5, 0], [5, 1]).is_err());
    assert!(whole.rectangle([usize::MAX, 0], [2, 1]).is_err() && whole.rectangle([0, 0], [0, 1]).is_err());
    assert!(Picture::new("x", [1, 2, 2], vec![0; 3]).is_err());
}

#[test]
fn folders_of_pictures_are_read_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    RgbImage::from_fn(4, 3, |x, y| image::Rgb([x as u8, y as u8, 100])).save(at("b.png")).unwrap();
    RgbImage::from_pixel(3, 4, image::Rgb([200, 100, 50])).save(at("a.PNG")).unwrap();
    GrayImage::from_pixel(2, 2, image::Luma([7])).save(at("c.bmp")).unwrap();
    fs::write(at("notes.txt"), "no picture").unwrap();
    let colour = read_pictures(folder.path(), false).unwrap();
    let names: Vec<&str> = colour.iter().map(Picture::name).collect();
    assert_eq!(names, ["a.PNG", "b.png", "c.bmp"]);
    assert_eq!((colour[1].channels(), colour[1].height(), colour[1].width()), (3, 3, 4));
    assert_eq!(colour[1].values()[7], 3.0 / 255.0, "red of row 1, column 3");
    assert_eq!(colour[1].values()[12 + 7], 1.0 / 255.0, "green of it");
    assert_eq!(colour[2].values(), [7.0 / 255.0; 12]);
    let grey = read_pictures(folder.path(), true).unwrap();
    assert_eq!(grey[0].channels(), 1);
    let luma = 0.2126 * 200.0 + 0.7152 * 100.0 + 0.0722 * 50.0;
    assert!((grey[0].values()[0] * 255.0 - luma).abs() <= 1.0);
}

#[test]
fn bad_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = || read_pictures(folder.path(), true).unwrap_err().to_string();
    assert!(error().contains("no samples"));
    fs::write(folder.path().join("x.png"), "no picture").unwrap();
    assert!(error().contains("image x.png: "), "{}", error());
    // A bitmap of 60000 x 60000 pixels as its head declares, and not one byte of them.
    let mut head = b"BM".to_vec();
    head.extend([54u32, 0, 54, 40, 60_000, 60_000].iter().flat_map(|word| word.to_le_bytes()));
    head.extend([1u16, 24].iter().flat_map(|word| word.to_le_bytes()));
    head.extend([0u8; 24]);
    fs::write(folder.path().join("x.bmp"), head).unwrap();
    assert!(error().contains("put fewer into the folder"), "{}", error());
    assert!(read_pictures(&folder.path().join("gone"), true).is_err());
}

#[test]
fn the_photographs_of_the_study_are_read() {
    let Some(folder) = shared::path("data/kodak") else { return };
    let pictures = read_pictures(&folder, true).unwrap();
    assert_eq!(pictures.len(), 16);
    let pixels = |p: &Picture| p.height() * p.width();
    assert!(pictures.iter().all(|p| p.channels() == 1 && pixels(p) == 768 * 512));
    let [train, _, _] = deal(pictures.len(), [11, 2, 3], 42).unwrap();
    let train: Vec<Picture> = train.iter().map(|&picture| pictures[picture].clone()).collect();
    let data = Denoising::new(Denoise::default(), &train).unwrap();
    assert_eq!(data.patches(), 11 * 73 * 48);
    let batch = data.epoch(0).pairs(64..128).unwrap();
    assert_eq!(batch.input.len(), 64 * 1600);
}
