//! Angles that are one angle of the image turned by quarters or mirrored.
//!
//! Rays at 30, 60, 120 and 150 degrees meet the pixels of four orientations of the image at the same places and with the same weights. So the four images lie
//! side by side, value by value, and one computation of places serves four angles with vectors of four. Every angle is computed as one of a group, also where
//! it is alone: what it gives does not depend on the others.

use std::collections::BTreeMap;

/// Orientations of an image.
pub(crate) const LANES: usize = 4;

/// A value for each orientation.
pub(crate) type Four<T> = [T; LANES];

/// Angles that share the places of their rays, at most one for each orientation.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Slope of the rays against the rows of the oriented images, in 0 to 45 degrees.
    pub(crate) sin: f64,
    /// Cosine of that slope.
    pub(crate) cos: f64,
    /// Whether detectors count backwards: angles from 180 to 360 degrees.
    pub(crate) backwards: bool,
    /// The index of the angle that each orientation serves.
    pub(crate) angles: Four<Option<usize>>,
}

impl Group {
    /// Whether the points of a ray of an orientation run backwards, against the order of the rows of the turned image.
    pub(crate) fn against(&self, lane: usize) -> bool {
        lane.is_multiple_of(2) != self.backwards
    }
}

/// All angles of a geometry in groups.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    pub(crate) all: Vec<Group>,
    /// The group and the orientation of each angle.
    pub(crate) places: Vec<(usize, usize)>,
}

impl Groups {
    /// The groups of angles in degrees.
    pub(crate) fn new(angles: &[f64]) -> Self {
        let oriented: Vec<Oriented> = angles.iter().map(|&angle| Oriented::new(angle)).collect();
        let mut order: Vec<usize> = (0..angles.len()).collect();
        order.sort_by_key(|&i| (oriented[i], i));
        // Equal angles are in as many groups.
        let (mut grouped, mut copy) = (BTreeMap::<_, Four<Option<usize>>>::new(), 0);
        for (position, &i) in order.iter().enumerate() {
            let again = position > 0 && oriented[order[position - 1]] == oriented[i];
            copy = if again { copy + 1 } else { 0 };
            let Oriented { slope, backwards, lane } = oriented[i];
            grouped.entry((slope, backwards, copy)).or_default()[lane] = Some(i);
        }
        let mut places = vec![(0, 0); angles.len()];
        let mut all = Vec::with_capacity(grouped.len());
        for (group, ((slope, backwards, _), angles)) in grouped.into_iter().enumerate() {
            for (lane, &i) in angles.iter().enumerate() {
                i.into_iter().for_each(|i| places[i] = (group, lane));
            }
            let (sin, cos) = (slope as f64 / STEPS).to_radians().sin_cos();
            all.push(Group { sin, cos, backwards, angles });
        }
        Self { all, places }
    }
}

/// Steps of a degree: finer differences are those of rounding, and must not part angles of one group.
const STEPS: f64 = (1u64 << 40) as f64;

/// An angle as an orientation and a slope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Oriented {
    /// In steps of a degree, from 0 to 45 degrees.
    slope: u64,
    backwards: bool,
    lane: usize,
}

impl Oriented {
    fn new(angle: f64) -> Self {
        let degrees = |count: u64| count << 40;
        let turned = (angle.rem_euclid(360.0) * STEPS).round() as u64 % degrees(360);
        let half = turned % degrees(180);
        let (lane, slope) = if half <= degrees(45) {
            (0, half)
        } else if half <= degrees(90) {
            (1, degrees(90) - half)
        } else if half < degrees(135) {
            (2, half - degrees(90))
        } else {
            (3, degrees(180) - half)
        };
        Self { slope, backwards: turned >= degrees(180), lane }
    }
}
