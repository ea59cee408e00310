//! Windows that slide over the spatial axes: what convolutions and pools share.

use crate::error::OpError;
use crate::onnx::Attributes;

/// How output sizes are rounded and padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AutoPad {
    /// As the `pads` attribute says.
    NotSet,
    /// Output = ceil(input / stride), the odd zero at the end.
    SameUpper,
    /// The same, the odd zero at the beginning.
    SameLower,
    /// None.
    Valid,
}

/// The attributes `kernel_shape`, `strides`, `dilations`, `pads`, `auto_pad` and `ceil_mode`.
#[derive(Clone, Debug)]
pub(super) struct Spatial {
    /// Kernel size, where the attribute is given.
    pub(super) kernel: Option<Vec<usize>>,
    strides: Option<Vec<usize>>,
    dilations: Option<Vec<usize>>,
    pads: Option<Vec<usize>>,
    auto_pad: AutoPad,
    ceil: bool,
}

/// A window over given sizes, one entry per spatial axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) output: Vec<usize>,
    pub(super) stride: Vec<usize>,
    pub(super) dilation: Vec<usize>,
    /// Padding before the first element.
    pub(super) begin: Vec<usize>,
    /// Padding after the last element.
    pub(super) end: Vec<usize>,
}

impl Spatial {
    pub(super) fn parse(attributes: &Attributes<'_>) -> Result<Self, OpError> {
        let auto_pad = match attributes.string("auto_pad", "NOTSET")? {
            "NOTSET" | "" => AutoPad::NotSet,
            "SAME_UPPER" => AutoPad::SameUpper,
            "SAME_LOWER" => AutoPad::SameLower,
            "VALID" => AutoPad::Valid,
            other => return Err(OpError::invalid(format!("auto_pad `{other}` is unknown"))),
        };
        let positive = |name: &str| {
            let sizes = attributes.sizes(name)?;
            match sizes.as_ref().is_some_and(|s| s.contains(&0)) {
                true => Err(OpError::invalid(format!("attribute `{name}` holds 0"))),
                false => Ok(sizes),
            }
        };
        Ok(Self {
            kernel: positive("kernel_shape")?,
            strides: positive("strides")?,
            dilations: positive("dilations")?,
            pads: attributes.sizes("pads")?,
            auto_pad,
            ceil: attributes.flag("ceil_mode", false)?,
        })
    }

    /// The number of spatial axes, 1 to 3, on which input `x` and weight `w` agree.
    pub(super) fn rank(&self, x: &[usize], w: &[usize]) -> Result<usize, OpError> {
        let rank = x.len().saturating_sub(2);
        if !(1..=3).contains(&rank) || w.len() != x.len() {
            return Err(OpError::invalid(format!(
                "shapes {x:?} and {w:?}: 1 to 3 spatial axes expected, the same for both"
            )));
        }
        if self.kernel.as_ref().is_some_and(|k| *k != w[2..]) {
            return Err(OpError::invalid(format!(
                "kernel_shape {:?} does not fit weight {w:?}",
                self.kernel
            )));
        }
        Ok(rank)
    }

    /// Places the window over `input` sizes.
    pub(super) fn window(&self, input: &[usize], kernel: &[usize]) -> Result<Window, OpError> {
        let rank = input.len();
        let stride = list(&self.strides, "strides", 1, rank)?;
        let dilation = list(&self.dilations, "dilations", 1, rank)?;
        let pads = list(&self.pads, "pads", 0, 2 * rank)?;
        let mut window = Window {
            output: vec![],
            begin: vec![],
            end: vec![],
            stride: stride.clone(),
            dilation: dilation.clone(),
        };
        for axis in 0..rank {
            let extent = extent(kernel[axis], dilation[axis])
                .ok_or_else(|| OpError::invalid(format!("kernel {kernel:?} with dilations {dilation:?}")))?;
            let (begin, end) =
                self.padding(input[axis], extent, stride[axis], (pads[axis], pads[axis + rank]));
            let space = (input[axis] + begin + end).checked_sub(extent).ok_or_else(|| {
                OpError::invalid(format!(
                    "kernel of extent {extent} exceeds the padded input {}",
                    input[axis] + begin + end
                ))
            })?;
            let mut output = if self.ceil { space.div_ceil(stride[axis]) } else { space / stride[axis] } + 1;
            // A window that would start in the padding behind the input does not count (as in PyTorch and ONNX).
            if self.ceil && (output - 1) * stride[axis] >= input[axis] + begin {
                output -= 1;
            }
            window.output.push(output);
            window.begin.push(begin);
            window.end.push(end);
        }
        Ok(window)
    }

    /// Places the window of a transposed convolution: `output` are the sizes that it writes, the padding is what it
    /// cuts off. `shape` states the output sizes, or the padding (with `extra` at the end) does.
    pub(super) fn transposed(
        &self,
        input: &[usize],
        kernel: &[usize],
        extra: &[usize],
        shape: Option<&[usize]>,
    ) -> Result<Window, OpError> {
        let rank = input.len();
        let stride = list(&self.strides, "strides", 1, rank)?;
        let dilation = list(&self.dilations, "dilations", 1, rank)?;
        let pads = list(&self.pads, "pads", 0, 2 * rank)?;
        let same = matches!(self.auto_pad, AutoPad::SameUpper | AutoPad::SameLower);
        let mut window = Window { output: vec![], begin: vec![], end: vec![], stride, dilation };
        for axis in 0..rank {
            let (stride, dilation) = (window.stride[axis], window.dilation[axis]);
            let full = extent(kernel[axis], dilation)
                .and_then(|e| stride.checked_mul(input[axis].checked_sub(1)?)?.checked_add(e))
                .and_then(|n| n.checked_add(extra[axis]))
                .ok_or_else(|| {
                    OpError::invalid(format!("an input of size {} along axis {axis}", input[axis]))
                })?;
            let stated = shape.map(|s| s[axis]).or_else(|| same.then(|| input[axis].saturating_mul(stride)));
            let (begin, end) = match stated {
                Some(output) => {
                    let (small, large) = halves(full.saturating_sub(output));
                    if self.auto_pad == AutoPad::SameUpper { (small, large) } else { (large, small) }
                }
                None if self.auto_pad == AutoPad::Valid => (0, 0),
                None => (pads[axis], pads[axis + rank]),
            };
            let output = stated.or(full.checked_sub(begin + end)).filter(|&n| n > 0).ok_or_else(|| {
                OpError::invalid(format!("pads {begin} and {end} leave nothing of an output of size {full}"))
            })?;
            window.output.push(output);
            window.begin.push(begin);
            window.end.push(end);
        }
        Ok(window)
    }

    fn padding(&self, input: usize, extent: usize, stride: usize, given: (usize, usize)) -> (usize, usize) {
        let last = input.div_ceil(stride).saturating_sub(1) * stride;
        let (small, large) = halves(last.saturating_add(extent).saturating_sub(input));
        match self.auto_pad {
            AutoPad::NotSet => given,
            AutoPad::Valid => (0, 0),
            AutoPad::SameUpper => (small, large),
            AutoPad::SameLower => (large, small),
        }
    }
}

/// An attribute with `len` entries, or the default.
fn list(values: &Option<Vec<usize>>, name: &str, default: usize, len: usize) -> Result<Vec<usize>, OpError> {
    match values {
        None => Ok(vec![default; len]),
        Some(v) if v.len() == len => Ok(v.clone()),
        Some(v) => {
            Err(OpError::invalid(format!("attribute `{name}` has {} entries, expected {len}", v.len())))
        }
    }
}

/// From the first to the last element of a dilated kernel; `None` where there is none or it is beyond all bounds.
fn extent(kernel: usize, dilation: usize) -> Option<usize> {
    let extent = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
    (extent <= isize::MAX as usize / 4).then_some(extent)
}

fn halves(total: usize) -> (usize, usize) {
    (total / 2, total - total / 2)
}

/// `values` as three entries, with `fill` for the leading axes that are not there.
pub(super) fn three(values: &[usize], rank: usize, fill: usize) -> [usize; 3] {
    std::array::from_fn(|i| (i + rank).checked_sub(3).and_then(|j| values.get(j).copied()).unwrap_or(fill))
}
