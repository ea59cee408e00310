//! Stress tests in words.

use modelmend_study::schema::{AttackShape, Stress};

/// What a test does, for a reader of the page.
pub(super) fn about(stress: &Stress) -> String {
    match stress {
        Stress::Adversarial { shape, size, bound_image, bound_rms, bound_sinogram, steps } => {
            let shape = match shape {
                AttackShape::Square => "square",
                AttackShape::Disc => "disc",
            };
            let bounds = [
                bound_sinogram.map(|share| format!("of each entry of the sinogram of at most {share} of its largest")),
                bound_image.map(|bound| format!("of each pixel of the input of at most {bound}")),
                bound_rms.map(|bound| format!("of the input with a root mean square of at most {bound}")),
            ];
            let bounds: Vec<String> = bounds.into_iter().flatten().collect();
            let within = if bounds.is_empty() {
                "by any change of the input".to_owned()
            } else {
                format!("by a change {}", bounds.join(", "))
            };
            format!(
                "An attacker who knows the network makes it draw a dark {shape} of {size} pixels that is not there, {within} ({steps} steps of L-BFGS). \
                 u should mark what changed in the output."
            )
        }
        Stress::Artefact { .. } => {
            "A bird as bright as the brightest pixel lies in the object: a shape that training never saw. u should mark it.".to_owned()
        }
        Stress::Noise { levels } => {
            let level = levels.first().copied().unwrap_or(0.0);
            format!("Noise of {level} of the measurement's range is added to it. u should mark the error.")
        }
        Stress::Metal { pieces, photons } => format!(
            "{pieces} pieces of metal lie in the body and starve the detectors of photons ({photons:.0} without a body). u should mark the error; the pixels aimed at are those of the metal."
        ),
        Stress::Truncation { share } => {
            format!("Only the central {share} of the detectors measures. u should mark the error.")
        }
        Stress::Motion { degrees } => {
            format!("The body turns by {degrees} degrees while it is scanned. u should mark the error.")
        }
        Stress::Rotation { degrees } => {
            format!("The body lies turned by {degrees} degrees. u should mark the error against the turned truth.")
        }
    }
}
