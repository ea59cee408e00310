//! A trained classifier with labelled cases: what every analysis starts from.

use modelmend_data::{Cases, Images};
use modelmend_net::loss::{CrossEntropy, Loss};
use modelmend_net::{Model, NetError, Parameters, Runtime, Settings, Tensor};

use crate::error::{FailureError, Result};
use crate::judge::Judge;

/// Images that are converted and run at a time: bounds memory whatever the number of cases.
const BATCH: usize = 512;

/// A classifier and the cases that it is judged by.
#[derive(Debug)]
pub struct Problem {
    model: Model,
    runtime: Runtime<f32>,
    images: Images,
    targets: Vec<usize>,
    classes: usize,
}

/// What the model makes of one case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The class of the largest logit; the lower class where two are equal.
    pub class: usize,
    /// Softmax probability of that class, in `0..=1`.
    pub confidence: f32,
    /// Cross entropy (natural logarithm).
    pub loss: f32,
    /// Whether the class is the target.
    pub correct: bool,
}

impl Problem {
    /// Joins model and cases; `targets` gives the class of each case.
    ///
    /// # Errors
    /// A model with other than one image input and a first output of shape (N, classes); images of another shape than
    /// the model takes; a class that the model does not have.
    pub fn new(model: Model, cases: &Cases, targets: Vec<usize>) -> Result<Self> {
        let runtime = Runtime::new(model.graph().clone());
        let mut problem = Self { model, runtime, images: cases.images.clone(), targets, classes: 0 };
        if problem.targets.len() != problem.images.count() {
            return Err(FailureError::invalid(format!(
                "{} labels for {} images",
                problem.targets.len(),
                problem.images.count()
            )));
        }
        if problem.graph().inputs().len() != 1 {
            return Err(FailureError::invalid("a classifier has one input, the images"));
        }
        problem.classes = problem.probe()?;
        if let Some(case) = problem.targets.iter().position(|&t| t >= problem.classes) {
            return Err(FailureError::invalid(format!(
                "case {case} has class {}, the model has classes 0 to {}",
                problem.targets[case],
                problem.classes - 1
            )));
        }
        Ok(problem)
    }

    /// Runs one image to learn the number of classes.
    fn probe(&self) -> Result<usize> {
        let outputs = self.runtime.forward(self.parameters(), &[self.input(&[0])?], Settings::default())?;
        match outputs.first().map(Tensor::shape) {
            Some([1, classes]) if *classes > 1 => Ok(*classes),
            shape => Err(FailureError::invalid(format!(
                "the first output must hold the logits, (N, classes) with at least two classes; it has shape {shape:?}"
            ))),
        }
    }

    /// Class of each case.
    pub fn targets(&self) -> &[usize] {
        &self.targets
    }

    /// Number of classes of the model.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Targets of the cases chosen.
    pub fn targets_of(&self, cases: &[usize]) -> Vec<usize> {
        cases.iter().map(|&c| self.targets[c]).collect()
    }

    /// What the model with these weights makes of the cases chosen.
    pub fn predict(&self, parameters: &Parameters<f32>, cases: &[usize]) -> Result<Vec<Prediction>> {
        let mut predictions = Vec::with_capacity(cases.len());
        self.logits(parameters, cases, |case, row| predictions.push(judge(row, self.targets[case])))?;
        Ok(predictions)
    }

    /// The softmax probabilities of all classes for the cases chosen.
    ///
    /// # Errors
    /// Execution errors.
    pub fn probabilities(&self, parameters: &Parameters<f32>, cases: &[usize]) -> Result<Vec<Vec<f32>>> {
        let mut rows = Vec::with_capacity(cases.len());
        self.logits(parameters, cases, |_, row| rows.push(softmax(row)))?;
        Ok(rows)
    }

    /// Calls `visit` with every case chosen and its logits, in order.
    fn logits(
        &self,
        parameters: &Parameters<f32>,
        cases: &[usize],
        mut visit: impl FnMut(usize, &[f32]),
    ) -> Result<()> {
        for batch in cases.chunks(BATCH) {
            let outputs = self.runtime.forward(parameters, &[self.input(batch)?], Settings::default())?;
            let logits = outputs.first().ok_or_else(|| NetError::input("the model has no output"))?;
            let rows = logits.data().chunks_exact(self.classes.max(1));
            batch.iter().zip(rows).for_each(|(&case, row)| visit(case, row));
        }
        Ok(())
    }

    /// The loss of single cases: cross entropy on the first output.
    pub fn loss<'a>(&self, labels: &'a [usize]) -> CrossEntropy<'a> {
        CrossEntropy { labels, weight: 1.0, output: 0 }
    }
}

impl Judge for Problem {
    fn model(&self) -> &Model {
        &self.model
    }

    fn runtime(&self) -> &Runtime<f32> {
        &self.runtime
    }

    fn count(&self) -> usize {
        self.targets.len()
    }

    /// The images as the model takes them, (N, C, H, W) with values as stored (0 to 255).
    fn input(&self, cases: &[usize]) -> Result<Tensor<f32>> {
        let row = self.images.values_per_image();
        let mut data = vec![0.0; cases.len() * row];
        for (&case, out) in cases.iter().zip(data.chunks_exact_mut(row.max(1))) {
            self.images.write_nchw(case, out)?;
        }
        let shape = [cases.len(), self.images.channels(), self.images.height(), self.images.width()];
        Tensor::new(shape, data).ok_or_else(|| FailureError::invalid("images do not fill their shape"))
    }

    fn alike(&self, _: usize, _: usize) -> bool {
        true
    }

    fn loss_of(&self, cases: &[usize], weight: f64) -> Box<dyn Loss<f32> + '_> {
        Box::new(OfLabels { labels: self.targets_of(cases), weight })
    }

    fn correct(&self, parameters: &Parameters<f32>, cases: &[usize]) -> Result<Vec<bool>> {
        Ok(self.predict(parameters, cases)?.into_iter().map(|p| p.correct).collect())
    }
}

/// Cross entropy on the first output, with labels of its own.
struct OfLabels {
    labels: Vec<usize>,
    weight: f64,
}

impl Loss<f32> for OfLabels {
    fn output(&self) -> usize {
        0
    }

    fn evaluate(&self, image: usize, output: &[f32], gradient: &mut [f32]) -> f32 {
        CrossEntropy { labels: &self.labels, weight: self.weight, output: 0 }
            .evaluate(image, output, gradient)
    }
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|z| (z - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

fn judge(logits: &[f32], target: usize) -> Prediction {
    let class =
        (0..logits.len()).reduce(|best, c| if logits[c] > logits[best] { c } else { best }).unwrap_or(0);
    let sum: f32 = logits.iter().map(|z| (z - logits[class]).exp()).sum();
    let loss = sum.ln() - (logits[target] - logits[class]);
    Prediction { class, confidence: 1.0 / sum, loss, correct: class == target }
}
