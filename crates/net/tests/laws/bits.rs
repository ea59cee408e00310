//! The same bits whatever the thread count, the chunk size and the company in the batch.

use modelmend_net::{Settings, Tensor};

use super::cases::{Case, for_every_case, terms};
use super::per_sample::{image_of, rows};

const IMAGES: usize = 64;

fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(work)
}

fn bits<'a>(data: impl IntoIterator<Item = &'a f32>) -> Vec<u32> {
    data.into_iter().map(|v| v.to_bits()).collect()
}

fn all_bits(tensors: &[Tensor<f32>]) -> Vec<u32> {
    tensors.iter().flat_map(|t| bits(t.data())).collect()
}

/// Everything that a run computes, as bits.
fn everything(case: &Case, chunk: usize) -> Result<[Vec<u32>; 3], String> {
    let inputs = case.inputs::<f32>(IMAGES);
    let settings = Settings { chunk, ..Settings::default() };
    let outputs = all_bits(&case.forward(&inputs, settings)?);
    let projections = case.projections();
    if !case.entry.gradient || projections.is_empty() {
        return Ok([outputs, vec![], vec![]]);
    }
    let gradient = case
        .runtime()
        .gradient(&case.parameters(), &inputs, &terms(&projections), true, settings)
        .map_err(|e| e.to_string())?;
    let mut sum: Vec<u32> = gradient.parameters.iter().flat_map(|t| bits(t.data())).collect();
    sum.extend(gradient.inputs.iter().flatten().flat_map(|t| bits(t.data())));
    sum.extend(bits(&gradient.losses));
    let per_sample = match case.plan(IMAGES).separable() {
        true => rows(case, &inputs, &projections, settings)?.values().flat_map(bits).collect(),
        false => vec![],
    };
    Ok([outputs, sum, per_sample])
}

#[test]
fn threads_and_chunks_change_no_bit() {
    for_every_case(|case| {
        let reference = with_threads(1, || everything(case, 16))?;
        for (threads, chunk) in [(2, 16), (4, 16), (2, 1), (2, 3), (4, 64)] {
            let other = with_threads(threads, || everything(case, chunk))?;
            for (what, (a, b)) in
                ["outputs", "gradient", "per-sample gradients"].iter().zip(reference.iter().zip(&other))
            {
                if a != b {
                    return Err(format!("{what} with {threads} threads and chunks of {chunk}: other bits"));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn an_image_gives_the_same_bits_alone_and_in_company() {
    for_every_case(|case| {
        if !case.plan(IMAGES).separable() || case.is_random() {
            return Ok(());
        }
        let inputs = case.inputs::<f32>(IMAGES);
        // One chunk: the operator sees all images at once.
        let together = case.forward(&inputs, Settings { chunk: IMAGES, ..Settings::default() })?;
        for image in [0, 1, 2, 3, 17, 31, 62, 63] {
            let alone: Vec<Tensor<f32>> = inputs.iter().map(|t| image_of(t, image)).collect();
            let alone = case.forward(&alone, Settings::default())?;
            let row: Vec<Tensor<f32>> = together.iter().map(|t| image_of(t, image)).collect();
            if all_bits(&alone) != all_bits(&row) {
                return Err(format!("image {image} alone: other bits than in a batch of {IMAGES}"));
            }
        }
        Ok(())
    });
}
