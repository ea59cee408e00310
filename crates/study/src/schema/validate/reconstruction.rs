//! Rules of `task: reconstruction`, section by section.

use super::analysis;
use super::{Checked, Door};
use crate::schema::*;

pub(super) fn study(door: &Door<'_>, study: &ReconstructionStudy) -> Checked {
    door.head(&study.name, study.runs)?;
    door.one_of("", ("model", study.model.is_some()), ("train", study.train.is_some()))?;
    study.train.as_ref().map_or(Ok(()), |section| train(door, section))?;
    data(door, &study.data)?;
    for (index, method) in study.uncertainty.iter().enumerate() {
        uncertainty(door, &format!("uncertainty[{index}]"), (method, study.train.is_some()))?;
    }
    for (index, test) in study.stress.iter().enumerate() {
        stress(door, &format!("stress[{index}]"), (test, study.data.source.is_some()))?;
    }
    study.failures.as_ref().map_or(Ok(()), |section| failures(door, section))?;
    study.conformal.map_or(Ok(()), |conformal| {
        door.inside_unit("conformal.level", conformal.level)?;
        conformal.delta.map_or(Ok(()), |delta| door.inside_unit("conformal.delta", delta))
    })
}

fn train(door: &Door<'_>, train: &ReconstructionTrain) -> Checked {
    door.optimizer(&train.optimizer)?;
    door.one_of("train.", ("epochs", train.epochs.is_some()), ("steps", train.steps.is_some()))?;
    door.counts(&[
        ("train.batch_size", Some(train.batch_size)),
        ("train.epochs", train.epochs),
        ("train.steps", train.steps),
    ])?;
    train.channels.map_or(Ok(()), |channels| door.within("train.channels", channels, 1..=4096))?;
    train.depth.map_or(Ok(()), |depth| door.within("train.depth", depth, 1..=100))?;
    let dropout = train.dropout.unwrap_or(0.0);
    door.ensure((0.0..1.0).contains(&dropout), "train.dropout", dropout, "must be at least 0 and below 1")
}

fn data(door: &Door<'_>, data: &ReconstructionData) -> Checked {
    let given = [data.source.is_some(), data.images.is_some(), data.generator.is_some()];
    let count = given.iter().filter(|given| **given).count();
    let rule = "exactly one of the three is needed";
    door.ensure(count == 1, "data.source | images | generator", format!("{count} given"), rule)?;
    let generated = data.generator.is_some();
    belongs(door, "data.split", data.split.is_some(), !generated, "only for data that is read; use samples")?;
    belongs(door, "data.samples", data.samples.is_some(), generated, "only for a generator; use split")?;
    belongs(door, "data.length", data.length.is_some(), generated, "only for a generator")?;
    belongs(door, "data.patch", data.patch.is_some(), data.images.is_some(), "only for images")?;
    belongs(door, "data.grey", data.grey, data.images.is_some(), "only for images")?;
    belongs(door, "data.physics", data.physics.is_some(), data.source.is_some(), "only for source")?;
    belongs(door, "data.window", data.window.is_some(), data.source.is_some(), "only for source")?;
    door.counts(&[("data.size", data.size), ("data.length", data.length)])?;
    measures(door, data)?;
    data.split.as_ref().map_or(Ok(()), |split| parts(door, "data.split", split))?;
    data.samples.as_ref().map_or(Ok(()), |samples| parts(door, "data.samples", samples))
}

fn failures(door: &Door<'_>, failures: &Failures) -> Checked {
    door.count("failures.edge", failures.edge)?;
    door.inside_unit("failures.share", failures.share)?;
    let subtype = &failures.subtype;
    analysis::subtype(door, "failures.", subtype)?;
    let rule = "regions are described by `gradients`";
    let fits = subtype.representation == Representation::Gradients;
    door.ensure(fits, "failures.subtype.representation", "another", rule)?;
    let given = !subtype.checkpoints.is_empty();
    belongs(door, "failures.subtype.checkpoints", given, false, "only for a classifier")?;
    let finetune = failures.finetune.as_ref();
    finetune.map_or(Ok(()), |section| analysis::finetune(door, "failures.", section))?;
    analysis::statistics(door, "failures.", &failures.statistics)
}

fn belongs(door: &Door<'_>, key: &str, given: bool, fits: bool, rule: &str) -> Checked {
    door.ensure(!given || fits, key, "given", rule)
}

fn measures(door: &Door<'_>, data: &ReconstructionData) -> Checked {
    if let Some([low, high]) = data.window {
        let rule = "the lower end must be below the upper end";
        let ordered = low.is_finite() && high.is_finite() && low < high;
        door.ensure(ordered, "data.window", format!("[{low}, {high}]"), rule)?;
    }
    if let Some(Patch { size, stride }) = data.patch {
        door.count("data.patch.size", size)?;
        door.count("data.patch.stride", stride)?;
    }
    if let Some(Physics { angles, missing_wedge, .. }) = data.physics {
        door.count("data.physics.angles", angles)?;
        let rule = "must be at least 0 and below 180";
        door.ensure(
            (0.0..180.0).contains(&missing_wedge),
            "data.physics.missing_wedge",
            missing_wedge,
            rule,
        )?;
    }
    match &data.noise {
        Some(Noise::Gaussian(GaussianNoise { gaussian })) => {
            door.within("data.noise.gaussian", *gaussian, 0.0..=255.0)
        }
        Some(Noise::Levels(noise)) => levels(door, "data.noise", noise),
        None => Ok(()),
    }
}

fn levels(door: &Door<'_>, key: &str, levels: &[f64]) -> Checked {
    door.ensure(!levels.is_empty(), key, "[]", "must name at least one noise level")?;
    levels.iter().try_for_each(|level| door.not_negative(key, *level))
}

fn parts(door: &Door<'_>, key: &str, parts: &Parts) -> Checked {
    door.not_empty(&format!("{key}.by"), parts.by.as_deref())?;
    let sizes = [("train", parts.train), ("validation", parts.validation), ("test", parts.test)];
    let fractions = sizes.iter().filter(|(_, size)| matches!(size, PartSize::Fraction(_))).count();
    let rule = "give three counts or three fractions";
    door.ensure(fractions == 0 || fractions == 3, key, format!("{fractions} of 3 are fractions"), rule)?;
    let mut sum = 0.0;
    for (part, size) in sizes {
        let key = format!("{key}.{part}");
        match size {
            PartSize::Count(count) => door.within(&key, count, 1..=1_000_000_000)?,
            PartSize::Fraction(fraction) => door.inside_unit(&key, fraction)?,
        }
        sum += if let PartSize::Fraction(fraction) = size { fraction } else { 0.0 };
    }
    door.ensure(sum <= 1.0 + 1e-9, key, sum, "the three shares must not add up to more than 1")
}

fn uncertainty(door: &Door<'_>, key: &str, (method, trains): (&Uncertainty, bool)) -> Checked {
    match method {
        Uncertainty::Inn { epochs, steps, learning_rate, beta, layers } => {
            training_length(door, key, *epochs, *steps)?;
            door.positive(&format!("{key}.learning_rate"), *learning_rate)?;
            beta.value().map_or(Ok(()), |beta| door.positive(&format!("{key}.beta"), *beta))?;
            let none = matches!(layers, Layers::Nodes(nodes) if nodes.is_empty());
            door.ensure(!none, &format!("{key}.layers"), "[]", "must name at least one node")
        }
        Uncertainty::McDropout { passes, ratio } => {
            door.within(&format!("{key}.passes"), *passes, 2..=100_000)?;
            ratio.map_or(Ok(()), |ratio| door.inside_unit(&format!("{key}.ratio"), ratio))
        }
        Uncertainty::ProbOut { epochs, steps, learning_rate }
        | Uncertainty::Error { epochs, steps, learning_rate } => {
            training_length(door, key, *epochs, *steps)?;
            learning_rate.map_or(Ok(()), |rate| door.positive(&format!("{key}.learning_rate"), rate))
        }
        Uncertainty::Tta {} | Uncertainty::Gradient {} => Ok(()),
        Uncertainty::Ensemble { members, epochs, steps, models } => {
            let section = format!("{key}.");
            let given = !models.is_empty();
            door.one_of(&section, ("members", members.is_some()), ("models", given))?;
            let both = epochs.is_some() && steps.is_some();
            door.ensure(!both, &format!("{key}.epochs | steps"), "both", "give one of the two")?;
            door.counts(&[(&format!("{key}.epochs"), *epochs), (&format!("{key}.steps"), *steps)])?;
            let length = epochs.is_some() || steps.is_some();
            belongs(door, &format!("{key}.epochs | steps"), length, !given, "only with members")?;
            let Some(members) = members else { return Ok(()) };
            let rule = "needs a `train` section; with a trained `model` give `models`";
            door.ensure(trains, &format!("{key}.members"), members, rule)?;
            door.within(&format!("{key}.members"), *members, 2..=MOST_MEMBERS)
        }
    }
}

/// Networks of an ensemble: each is a whole training.
const MOST_MEMBERS: u32 = 100;

fn training_length(door: &Door<'_>, key: &str, epochs: Option<u32>, steps: Option<u32>) -> Checked {
    door.one_of(&format!("{key}."), ("epochs", epochs.is_some()), ("steps", steps.is_some()))?;
    door.counts(&[(&format!("{key}.epochs"), epochs), (&format!("{key}.steps"), steps)])
}

fn stress(door: &Door<'_>, key: &str, (test, scanned): (&Stress, bool)) -> Checked {
    match test {
        Stress::Adversarial { size, bound_image, bound_rms, bound_sinogram, steps, .. } => {
            door.counts(&[(&format!("{key}.size"), Some(*size)), (&format!("{key}.steps"), Some(*steps))])?;
            bound_image.map_or(Ok(()), |bound| door.not_negative(&format!("{key}.bound_image"), bound))?;
            bound_rms.map_or(Ok(()), |bound| door.not_negative(&format!("{key}.bound_rms"), bound))?;
            let sinogram = format!("{key}.bound_sinogram");
            belongs(door, &sinogram, bound_sinogram.is_some(), scanned, "only for data.source")?;
            bound_sinogram.map_or(Ok(()), |bound| door.not_negative(&sinogram, bound))
        }
        Stress::Artefact { size, .. } => door.counts(&[(&format!("{key}.size"), *size)]),
        Stress::Noise { levels: noise } => levels(door, &format!("{key}.levels"), noise),
        Stress::Metal { .. }
        | Stress::Truncation { .. }
        | Stress::Motion { .. }
        | Stress::Rotation { .. } => {
            belongs(
                door,
                key,
                true,
                scanned,
                "metal, truncation, motion and rotation are only for data.source",
            )?;
            fault(door, key, test)
        }
    }
}

fn fault(door: &Door<'_>, key: &str, test: &Stress) -> Checked {
    match test {
        Stress::Metal { pieces, photons } => {
            door.count(&format!("{key}.pieces"), *pieces)?;
            door.positive(&format!("{key}.photons"), *photons)
        }
        Stress::Truncation { share } => door.inside_unit(&format!("{key}.share"), *share),
        Stress::Motion { degrees } | Stress::Rotation { degrees } => {
            door.within(&format!("{key}.degrees"), *degrees, -360.0..=360.0)
        }
        Stress::Adversarial { .. } | Stress::Artefact { .. } | Stress::Noise { .. } => Ok(()),
    }
}
