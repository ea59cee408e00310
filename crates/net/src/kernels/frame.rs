//! Images with a border of zeros, so that every window lies inside.

use std::ops::Range;

use crate::op::Scratch;
use crate::tensor::Element;

/// Planes of equal size with zeros around them, or the planes themselves where no border is needed.
pub(super) struct Frame<'a, T> {
    source: &'a [T],
    framed: Option<Vec<T>>,
    /// Depth, height and width of a plane.
    pub(super) size: [usize; 3],
}

impl<'a, T: Element> Frame<'a, T> {
    /// Puts planes of size `from` into frames of `size`, `before` elements from their beginning; what does not fit
    /// is left out.
    pub(super) fn new(
        source: &'a [T],
        from: [usize; 3],
        size: [usize; 3],
        before: [usize; 3],
        scratch: &mut Scratch<T>,
    ) -> Self {
        Self::of_rows(source, from, (size, before, 0..size[1]), scratch)
    }

    /// [`Self::new`] with some rows of the frames only.
    pub(super) fn of_rows(
        source: &'a [T],
        from: [usize; 3],
        (whole, before, rows): ([usize; 3], [usize; 3], Range<usize>),
        scratch: &mut Scratch<T>,
    ) -> Self {
        if from == whole && before == [0; 3] && rows == (0..whole[1]) {
            return Self { source, framed: None, size: whole };
        }
        let size = [whole[0], rows.len(), whole[2]];
        let planes = source.len() / from.iter().product::<usize>().max(1);
        let volume: usize = size.iter().product();
        let mut framed = scratch.zeros(planes * volume);
        let count: [usize; 3] = std::array::from_fn(|a| from[a].min(whole[a].saturating_sub(before[a])));
        let volumes = source.chunks_exact(from.iter().product::<usize>().max(1));
        let lines = rows.start.max(before[1])..rows.end.min(before[1] + count[1]);
        for (plane, target) in volumes.zip(framed.chunks_exact_mut(volume.max(1))) {
            for z in 0..count[0] {
                for line in lines.clone() {
                    let source = &plane[(z * from[1] + line - before[1]) * from[2]..][..count[2]];
                    let start = ((z + before[0]) * size[1] + line - rows.start) * size[2] + before[2];
                    // A loop: rows are short, a call of memcpy costs more than it.
                    target[start..start + count[2]].iter_mut().zip(source).for_each(|(t, &s)| *t = s);
                }
            }
        }
        Self { source, framed: Some(framed), size }
    }

    pub(super) fn data(&self) -> &[T] {
        self.framed.as_deref().unwrap_or(self.source)
    }

    /// Gives the memory back.
    pub(super) fn recycle(self, scratch: &mut Scratch<T>) {
        if let Some(framed) = self.framed {
            scratch.give(framed);
        }
    }
}

impl<T> Frame<'_, T> {
    /// Elements of a plane.
    pub(super) fn volume(&self) -> usize {
        self.size.iter().product()
    }
}

/// Distances of neighbours along each axis.
pub(super) fn strides([_, height, width]: [usize; 3]) -> [usize; 3] {
    [height * width, width, 1]
}
