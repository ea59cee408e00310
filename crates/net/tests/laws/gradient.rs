//! Finite differences in double precision against `backward`, for every data input and every weight.

use modelmend_net::{Parameters, Settings, Tensor};

use super::cases::{Case, Projection, close, for_every_case, largest, terms};

const STEP: f64 = 1e-5;
const IMAGES: usize = 3;

#[test]
fn gradients_are_those_of_finite_differences() {
    for_every_case(|case| if case.entry.gradient { differences(case) } else { refused(case) });
}

fn refused(case: &Case) -> Result<(), String> {
    let projection = Projection::first();
    let (parameters, inputs) = (case.parameters::<f64>(), case.inputs(IMAGES));
    let result = case.runtime().gradient(&parameters, &inputs, &[&projection], true, Settings::default());
    let expected = format!("example of {}", case.entry.name);
    match result {
        Err(e) if e.to_string().contains(&expected) => Ok(()),
        Err(e) => Err(format!("refused without the node's name: {e}")),
        Ok(_) => Err("has no gradient by the table, and is not refused".into()),
    }
}

fn differences(case: &Case) -> Result<(), String> {
    let projections = case.projections();
    if projections.is_empty() {
        return Ok(());
    }
    let runtime = case.runtime::<f64>();
    let (mut parameters, mut inputs) = (case.parameters::<f64>(), case.inputs::<f64>(IMAGES));
    let settings = Settings::default();
    let gradient = runtime
        .gradient(&parameters, &inputs, &terms(&projections), true, settings)
        .map_err(|e| e.to_string())?;
    let loss = |parameters: &Parameters<f64>, inputs: &[Tensor<f64>]| -> f64 {
        let outputs = runtime.forward(parameters, inputs, settings).expect("ran before");
        projections.iter().map(|p| p.total(&outputs, IMAGES)).sum()
    };
    let total: f64 = gradient.losses.iter().sum();
    close("loss", &[total], &[loss(&parameters, &inputs)], 1e-9 * (1.0 + total.abs()))?;

    for i in 0..inputs.len() {
        let expected: Vec<f64> = (0..inputs[i].len())
            .map(|at| {
                let value = inputs[i].data()[at];
                let [above, below] = [value + STEP, value - STEP].map(|v| {
                    inputs[i].data_mut()[at] = v;
                    loss(&parameters, &inputs)
                });
                inputs[i].data_mut()[at] = value;
                (above - below) / (2.0 * STEP)
            })
            .collect();
        let zeros = vec![0.0; expected.len()];
        let got = gradient.inputs[i].as_ref().map_or(&zeros[..], |g| g.data());
        close(&format!("data input {i}"), got, &expected, 1e-6 * largest(&expected) + 1e-8)?;
    }
    for (i, got) in gradient.parameters.iter().enumerate() {
        let expected: Vec<f64> = (0..got.len())
            .map(|at| {
                let value = nth(&mut parameters, i).data()[at];
                let [above, below] = [value + STEP, value - STEP].map(|v| {
                    nth(&mut parameters, i).data_mut()[at] = v;
                    loss(&parameters, &inputs)
                });
                nth(&mut parameters, i).data_mut()[at] = value;
                (above - below) / (2.0 * STEP)
            })
            .collect();
        close(&format!("weight {i}"), got.data(), &expected, 1e-6 * largest(&expected) + 1e-8)?;
    }
    Ok(())
}

fn nth(parameters: &mut Parameters<f64>, i: usize) -> &mut Tensor<f64> {
    parameters.iter_mut().nth(i).expect("as many as gradients")
}
