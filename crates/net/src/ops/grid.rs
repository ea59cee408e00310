//! Where the elements of a resized axis lie between those of the original: the coordinate transformations of `Resize`.

use super::axes::ordered;
use super::given::{Given, size};
use crate::error::OpError;
use crate::kernels::interpolate::Blend;
use crate::onnx::Attributes;

/// `coordinate_transformation_mode`.
#[derive(Clone, Copy, Debug)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
}

/// `nearest_mode`.
#[derive(Clone, Copy, Debug)]
enum Rounding {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
    /// Before opset 11: down where the axis grows, up where it shrinks (as in ONNX Runtime).
    Old,
}

/// From output coordinates to input coordinates.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    coordinates: Coordinates,
    rounding: Rounding,
    axes: Option<Vec<i64>>,
    /// Input that holds the scales; sizes come one later.
    scales: usize,
}

/// One axis of a resize.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Size before.
    pub(super) input: usize,
    /// Size after.
    pub(super) output: usize,
    scale: f32,
}

impl Line {
    /// Whether nothing changes along this axis.
    pub(super) fn is_identity(&self) -> bool {
        self.scale == 1.0
    }
}

impl Grid {
    /// `Upsample`, and `Resize` before opset 11.
    pub(super) fn old() -> Self {
        Self { coordinates: Coordinates::Asymmetric, rounding: Rounding::Old, axes: None, scales: 1 }
    }

    pub(super) fn parse(attributes: &Attributes<'_>) -> Result<Self, OpError> {
        let coordinates = match attributes.string("coordinate_transformation_mode", "half_pixel")? {
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            other => return Err(OpError::unsupported(format!("coordinate_transformation_mode `{other}`"))),
        };
        let rounding = match attributes.string("nearest_mode", "round_prefer_floor")? {
            "round_prefer_floor" => Rounding::PreferFloor,
            "round_prefer_ceil" => Rounding::PreferCeil,
            "floor" => Rounding::Floor,
            "ceil" => Rounding::Ceil,
            other => return Err(OpError::invalid(format!("nearest_mode `{other}` is unknown"))),
        };
        let axes = attributes.ints("axes")?.map(<[i64]>::to_vec);
        Ok(Self { coordinates, rounding, axes, scales: 2 })
    }

    /// What happens to each axis of input 0.
    pub(super) fn lines<G: Given + ?Sized>(&self, given: &G) -> Result<Vec<Line>, OpError> {
        let shape = given.shape(0)?;
        let mut lines: Vec<Line> = shape.iter().map(|&n| Line { input: n, output: n, scale: 1.0 }).collect();
        let axes = match &self.axes {
            Some(list) => ordered(list, shape.len())?,
            None => (0..shape.len()).collect(),
        };
        let fits = |len: usize, what: &str| match len == axes.len() {
            true => Ok(()),
            false => Err(OpError::invalid(format!("{len} {what} given for {} axes", axes.len()))),
        };
        let sizes = self.scales + 1;
        if given.has(sizes) && given.shape(sizes)?.iter().product::<usize>() > 0 {
            let list = given.ints(sizes, "sizes")?;
            fits(list.len(), "sizes")?;
            for (&a, &n) in axes.iter().zip(list) {
                lines[a].output = size(n)?;
                lines[a].scale = lines[a].output as f32 / lines[a].input as f32;
            }
        } else {
            let list = given.floats(self.scales, "scales")?;
            fits(list.len(), "scales")?;
            for (&a, scale) in axes.iter().zip(list) {
                // Single precision, as in ONNX Runtime: 10 times 0.7 makes 7.
                lines[a].output = size((lines[a].input as f32 * scale) as i64)?;
                lines[a].scale = scale;
            }
        }
        match lines.iter().find(|l| !(l.scale.is_finite() && l.scale > 0.0 && l.input > 0)) {
            Some(l) => {
                Err(OpError::invalid(format!("an axis of size {} cannot get size {}", l.input, l.output)))
            }
            None => Ok(lines),
        }
    }

    /// The input coordinate of output `i`. Single precision as in ONNX Runtime, so that ties fall alike.
    fn coordinate(&self, line: Line, i: usize) -> f32 {
        let (input, output, at) = (line.input as f32, line.output as f32, i as f32);
        match self.coordinates {
            _ if line.is_identity() => at,
            Coordinates::PytorchHalfPixel if line.output <= 1 => 0.0,
            Coordinates::HalfPixel | Coordinates::PytorchHalfPixel => (at + 0.5) / line.scale - 0.5,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = output / (line.scale * input);
                input / 2.0 * (1.0 - adjustment) + (at + 0.5) / line.scale - 0.5
            }
            Coordinates::AlignCorners if line.output <= 1 => 0.0,
            Coordinates::AlignCorners => at * (input - 1.0) / (output - 1.0),
            Coordinates::Asymmetric => at / line.scale,
        }
    }

    /// The input element that output `i` copies.
    pub(super) fn nearest(&self, line: Line, i: usize) -> usize {
        let at = self.coordinate(line, i);
        let rounded = match self.rounding {
            Rounding::Floor => at.floor(),
            Rounding::Ceil => at.ceil(),
            Rounding::Old if line.scale < 1.0 => at.ceil(),
            Rounding::Old => at.floor(),
            Rounding::PreferFloor => (at - 0.5).ceil(),
            Rounding::PreferCeil => (at + 0.5).floor(),
        };
        (rounded.max(0.0) as usize).min(line.input - 1)
    }

    /// The input elements between which output `i` lies.
    pub(super) fn blend(&self, line: Line, i: usize) -> Blend {
        let last = line.input - 1;
        let at = self.coordinate(line, i).clamp(0.0, last as f32);
        let before = (at as usize).min(last);
        Blend { before, after: (before + 1).min(last), weight: f64::from(at - before as f32) }
    }
}
