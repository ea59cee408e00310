//! Intervals that grow with one factor, and the factor at which each of them reaches its target.

use crate::error::{LearnError, check_finite_values, check_lengths};

/// A method's uncertainty of each pixel below and above its output, not negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HalfWidths<'a> {
    /// The same on both sides: a method with one u.
    Symmetric(&'a [f32]),
    /// output - lo and hi - output of an interval network.
    Sides {
        /// Below the output.
        below: &'a [f32],
        /// Above the output.
        above: &'a [f32],
    },
}

impl<'a> HalfWidths<'a> {
    fn sides(self) -> (&'a [f32], &'a [f32]) {
        match self {
            HalfWidths::Symmetric(u) => (u, u),
            HalfWidths::Sides { below, above } => (below, above),
        }
    }
}

/// Intervals [output - lambda (below + floor), output + lambda (above + floor)].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    floor: f64,
}

impl Scaling {
    /// `floor` is in the unit of the pixels and keeps pixels of no uncertainty from needing an infinite factor.
    ///
    /// # Errors
    /// [`LearnError::Parameter`] for a floor that is not positive and finite.
    pub fn new(floor: f64) -> Result<Self, LearnError> {
        if floor > 0.0 && floor.is_finite() {
            return Ok(Self { floor });
        }
        Err(LearnError::Parameter { name: "floor", value: floor, rule: "positive and finite" })
    }

    /// What is added to every half-width.
    pub fn floor(&self) -> f64 {
        self.floor
    }

    /// The smallest lambda that covers each pixel, lo < target <= hi: |target - output| / (half-width + floor) with the
    /// half-width of the side on which the target lies. Rounded up, so that [`Scaling::interval`] covers at that lambda.
    ///
    /// # Errors
    /// [`LearnError::Length`], [`LearnError::NotFiniteValue`], [`LearnError::Parameter`] for a negative half-width.
    pub fn scores(
        &self,
        output: &[f32],
        target: &[f32],
        widths: HalfWidths<'_>,
    ) -> Result<Vec<f32>, LearnError> {
        check_lengths("output and target", output.len(), target.len())?;
        check_finite_values("target", target)?;
        let (below, above) = checked(output, widths)?;
        let sides = below.iter().zip(above);
        let score = |((&y, &truth), (&below, &above)): ((&f32, &f32), (&f32, &f32))| {
            let error = f64::from(truth) - f64::from(y);
            if error > 0.0 {
                round_up(error / (f64::from(above) + self.floor))
            } else {
                // A target at its lower end is not covered: strictly more is needed.
                round_up(-error / (f64::from(below) + self.floor)).next_up()
            }
        };
        Ok(output.iter().zip(target).zip(sides).map(score).collect())
    }

    /// Lower and upper ends at `lambda`, rounded outwards.
    ///
    /// # Errors
    /// [`LearnError::Length`], [`LearnError::NotFiniteValue`]; [`LearnError::Parameter`] for a negative half-width or lambda.
    pub fn interval(
        &self,
        output: &[f32],
        widths: HalfWidths<'_>,
        lambda: f32,
    ) -> Result<(Vec<f32>, Vec<f32>), LearnError> {
        if !(lambda >= 0.0 && lambda.is_finite()) {
            let rule = "at least 0 and finite";
            return Err(LearnError::Parameter { name: "lambda", value: f64::from(lambda), rule });
        }
        let (below, above) = checked(output, widths)?;
        let reach = |half: f32| f64::from(lambda) * (f64::from(half) + self.floor);
        let lo = output.iter().zip(below).map(|(&y, &half)| -round_up(reach(half) - f64::from(y)));
        let hi = output.iter().zip(above).map(|(&y, &half)| round_up(f64::from(y) + reach(half)));
        Ok((lo.collect(), hi.collect()))
    }
}

fn checked<'a>(output: &[f32], widths: HalfWidths<'a>) -> Result<(&'a [f32], &'a [f32]), LearnError> {
    check_finite_values("output", output)?;
    let (below, above) = widths.sides();
    for side in [below, above] {
        check_lengths("output and half-widths", output.len(), side.len())?;
        check_finite_values("half-widths", side)?;
        if let Some(&value) = side.iter().find(|&&half| half < 0.0) {
            let value = f64::from(value);
            return Err(LearnError::Parameter { name: "half-width", value, rule: "at least 0" });
        }
    }
    Ok((below, above))
}

/// The smallest `f32` that is not below.
fn round_up(x: f64) -> f32 {
    let nearest = x as f32;
    if f64::from(nearest) < x { nearest.next_up() } else { nearest }
}
