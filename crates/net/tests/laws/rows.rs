//! A fact that says `batched` tells the truth: axis 0 counts images, and rows follow their images.

use modelmend_net::{Element, Settings, Tensor};

use super::cases::{close, for_every_case};
use super::per_sample::image_of;

const IMAGES: usize = 11;

#[test]
fn permuting_images_permutes_the_rows_of_batched_outputs() {
    for_every_case(|case| {
        let (plan, inputs) = (case.plan(IMAGES), case.inputs::<f64>(IMAGES));
        let settings = Settings { chunk: IMAGES, ..Settings::default() };
        let outputs = case.forward(&inputs, settings)?;
        let order: Vec<usize> = (0..IMAGES).map(|i| (i * 7 + 3) % IMAGES).collect();
        let shuffled: Vec<Tensor<f64>> = inputs.iter().map(|t| pick(t, &order)).collect();
        let random = case.is_random();
        let shuffled = case.forward(&shuffled, settings)?;
        for (i, &value) in case.model.graph().outputs().iter().enumerate() {
            let fact = plan.fact(value).ok_or("an output without a fact")?;
            if fact.shape != outputs[i].shape() {
                return Err(format!("output {i}: shape {:?}, inferred {:?}", outputs[i].shape(), fact.shape));
            }
            if !fact.batched || !case.has_data() {
                continue;
            }
            if outputs[i].rows() != IMAGES {
                return Err(format!("output {i}: batched, but {} rows", outputs[i].rows()));
            }
            // Random masks belong to the place in the batch, not to the image.
            if !random {
                close(&format!("output {i}"), shuffled[i].data(), pick(&outputs[i], &order).data(), 0.0)?;
            }
        }
        Ok(())
    });
}

fn pick<T: Element>(batch: &Tensor<T>, order: &[usize]) -> Tensor<T> {
    let data = order.iter().flat_map(|&i| image_of(batch, i).into_data()).collect();
    Tensor::new(batch.shape(), data).expect("the same rows")
}
