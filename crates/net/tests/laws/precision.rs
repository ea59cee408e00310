//! Single against double precision, from the same single-precision data.

use modelmend_net::{Settings, Tensor};

use super::cases::{close, for_every_case, largest, terms};

#[test]
fn single_precision_follows_double_precision() {
    for_every_case(|case| {
        let single = case.inputs::<f32>(4);
        let double: Vec<Tensor<f64>> = single.iter().map(|t| t.map(|&v| f64::from(v))).collect();
        let low = case.forward(&single, Settings::default())?;
        let high = case.forward(&double, Settings::default())?;
        for (i, (low, high)) in low.iter().zip(&high).enumerate() {
            if low.shape() != high.shape() {
                return Err(format!("output {i}: shape {:?} against {:?}", low.shape(), high.shape()));
            }
            let low = low.map(|&v| f64::from(v));
            close(&format!("output {i}"), low.data(), high.data(), 1e-5 * (1.0 + largest(high.data())))?;
        }
        let projections = case.projections();
        if !case.entry.gradient || projections.is_empty() {
            return Ok(());
        }
        let settings = Settings::default();
        let low = case
            .runtime()
            .gradient(&case.parameters(), &single, &terms(&projections), true, settings)
            .map_err(|e| e.to_string())?;
        let high = case
            .runtime()
            .gradient(&case.parameters(), &double, &terms(&projections), true, settings)
            .map_err(|e| e.to_string())?;
        let weights = low.parameters.iter().zip(high.parameters.iter());
        let inputs = low.inputs.iter().flatten().zip(high.inputs.iter().flatten());
        for (i, (low, high)) in weights.chain(inputs).enumerate() {
            let low = low.map(|&v| f64::from(v));
            close(&format!("gradient {i}"), low.data(), high.data(), 1e-4 * (1.0 + largest(high.data())))?;
        }
        Ok(())
    });
}
