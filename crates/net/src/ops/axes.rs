//! Axes: negative ones count from the end.

use crate::error::OpError;

/// The axis of a value of `rank` axes.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, OpError> {
    let from_start = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    from_start
        .and_then(|a| usize::try_from(a).ok())
        .filter(|&a| a < rank)
        .ok_or_else(|| OpError::invalid(format!("axis {axis} is out of range for rank {rank}")))
}

/// For each of `rank` axes whether it is among `axes`; naming one twice is an error.
pub(super) fn marked(axes: &[i64], rank: usize) -> Result<Vec<bool>, OpError> {
    let mut marked = vec![false; rank];
    for &a in axes {
        if std::mem::replace(&mut marked[axis(a, rank)?], true) {
            return Err(OpError::invalid(format!("axis {a} is named twice in {axes:?}")));
        }
    }
    Ok(marked)
}

/// The axes in the order in which they are named; naming one twice is an error.
pub(super) fn ordered(axes: &[i64], rank: usize) -> Result<Vec<usize>, OpError> {
    marked(axes, rank)?;
    axes.iter().map(|&a| axis(a, rank)).collect()
}
