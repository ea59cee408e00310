//! Copies of elements: slices, transposes, paddings, nearest neighbours, and the gradients of all of them.

use crate::tensor::Element;

/// How one output axis walks through the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Coordinate `i` reads at `start + i * step`.
    Strided {
        /// Size of the axis.
        len: usize,
        /// Offset of coordinate 0.
        start: usize,
        /// Distance of neighbours; 0 repeats one element.
        step: isize,
    },
    /// Coordinate `i` reads at `table[i]`, or nothing where that is [`OUTSIDE`].
    Table(Vec<usize>),
}

/// A coordinate that reads no input element: the output gets the fill value.
pub const OUTSIDE: usize = usize::MAX;

impl Axis {
    /// A whole input axis of this size and stride.
    pub fn whole(len: usize, stride: usize) -> Self {
        Self::Strided { len, start: 0, step: stride as isize }
    }

    /// Number of coordinates.
    pub fn len(&self) -> usize {
        match self {
            Self::Strided { len, .. } => *len,
            Self::Table(table) => table.len(),
        }
    }

    /// Whether there are no coordinates.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn offset(&self, i: usize) -> usize {
        match self {
            Self::Strided { start, step, .. } => start.wrapping_add_signed(step.wrapping_mul(i as isize)),
            Self::Table(table) => table[i],
        }
    }

    fn largest(&self) -> usize {
        match self {
            Self::Strided { len: 0, .. } => 0,
            Self::Strided { len, start, .. } => self.offset(len - 1).max(*start),
            Self::Table(table) => table.iter().copied().filter(|&o| o != OUTSIDE).max().unwrap_or(0),
        }
    }

    /// `self` and the axis inside it as one, where together they are strided.
    fn merged(&self, inner: &Self) -> Option<Self> {
        match (self, inner) {
            (Self::Strided { len, start: a, step }, Self::Strided { len: 1, start: b, .. }) => {
                Some(Self::Strided { len: *len, start: a + b, step: *step })
            }
            (
                Self::Strided { len: n, start: a, step: outer },
                Self::Strided { len: m, start: b, step: inner },
            ) if *n == 1 || *outer == inner.checked_mul(*m as isize)? => {
                Some(Self::Strided { len: n * m, start: a + b, step: *inner })
            }
            _ => None,
        }
    }
}

/// Output elements as copies of input elements: output `(i, j, ...)` reads the input at the sum of the offsets that
/// its axes give to `i`, `j`, ....
#[derive(Clone, Debug)]
pub struct Selection {
    axes: Vec<Axis>,
}

/// What the innermost axis does, in the form that runs fastest.
enum Row<'a> {
    /// `(first output, first input or OUTSIDE, length)` of stretches of neighbours.
    Stretches(Vec<(usize, usize, usize)>),
    /// Each of the input's neighbours from `start` on, so many times.
    Repeated { start: usize, times: usize },
    /// Equal distances.
    Strided { start: usize, step: isize },
    /// Anything.
    Table(&'a [usize]),
}

impl Selection {
    /// A selection from an input of `input_len` elements; `None` where it would read behind them.
    pub fn new(axes: Vec<Axis>, input_len: usize) -> Option<Self> {
        let empty = axes.iter().any(Axis::is_empty);
        let last = axes.iter().try_fold(0usize, |sum, axis| sum.checked_add(axis.largest()))?;
        (empty || last < input_len).then_some(Self { axes })
    }

    /// Whether the first axis counts `rows` rows of `row_len` input elements and each output row reads its own.
    pub fn keeps_rows(&self, rows: usize, row_len: usize) -> bool {
        let Some((first, rest)) = self.axes.split_first() else { return false };
        let own = (0..first.len()).all(|i| first.offset(i) == i * row_len);
        first.len() == rows && own && rest.iter().map(Axis::largest).sum::<usize>() < row_len.max(1)
    }

    /// Writes the selected elements, and `fill` where nothing is read.
    pub fn forward<E: Copy>(&self, x: &[E], fill: E, y: &mut [E]) {
        self.rows(y.len(), |row, out, base, len| {
            let y = &mut y[out..out + len];
            let Some(base) = base else { return y.fill(fill) };
            match row {
                Row::Stretches(stretches) => {
                    for &(at, from, n) in stretches {
                        let y = &mut y[at..at + n];
                        match from {
                            OUTSIDE => y.fill(fill),
                            _ => y.copy_from_slice(&x[base + from..][..n]),
                        }
                    }
                }
                Row::Repeated { start, times } => {
                    y.chunks_mut(*times).zip(&x[base + start..]).for_each(|(y, &x)| y.fill(x));
                }
                Row::Strided { start, step } => {
                    let mut at = base + start;
                    for y in y {
                        *y = x[at];
                        at = at.wrapping_add_signed(*step);
                    }
                }
                Row::Table(table) => {
                    let read = |&o: &usize| if o == OUTSIDE { fill } else { x[base + o] };
                    y.iter_mut().zip(*table).for_each(|(y, o)| *y = read(o));
                }
            }
        });
    }

    /// The gradient of the input from that of the output; overwrites `dx`.
    pub fn backward<T: Element>(&self, dy: &[T], dx: &mut [T]) {
        dx.fill(T::zero());
        self.rows(dy.len(), |row, out, base, len| {
            let Some(base) = base else { return };
            let dy = &dy[out..out + len];
            match row {
                Row::Stretches(stretches) => {
                    for &(at, from, n) in stretches.iter().filter(|s| s.1 != OUTSIDE) {
                        let dx = &mut dx[base + from..][..n];
                        dx.iter_mut().zip(&dy[at..]).for_each(|(dx, &dy)| *dx += dy);
                    }
                }
                Row::Repeated { start, times } => {
                    let targets = dx[base + start..].iter_mut();
                    dy.chunks(*times).zip(targets).for_each(|(dy, dx)| *dx += dy.iter().copied().sum());
                }
                Row::Strided { start, step } => {
                    let mut at = base + start;
                    for &dy in dy {
                        dx[at] += dy;
                        at = at.wrapping_add_signed(*step);
                    }
                }
                Row::Table(table) => {
                    for (&dy, &o) in dy.iter().zip(*table).filter(|(_, o)| **o != OUTSIDE) {
                        dx[base + o] += dy;
                    }
                }
            }
        });
    }

    /// Calls `visit(row, first output, input offset of the outer axes, length)` for every row of the innermost axis.
    fn rows(&self, outputs: usize, mut visit: impl FnMut(&Row<'_>, usize, Option<usize>, usize)) {
        let axes = self.simplified();
        let Some((inner, outer)) = axes.split_last().filter(|_| outputs > 0) else { return };
        let (row, len) = (inner.row(), inner.len());
        let mut at = vec![0usize; outer.len()];
        for out in (0..outputs).step_by(len) {
            let add = |sum: usize, (axis, &i): (&Axis, &usize)| match axis.offset(i) {
                OUTSIDE => None,
                offset => Some(sum + offset),
            };
            visit(&row, out, outer.iter().zip(&at).try_fold(0, add), len);
            for (i, axis) in at.iter_mut().zip(outer).rev() {
                *i += 1;
                if *i < axis.len() {
                    break;
                }
                *i = 0;
            }
        }
    }

    /// Fewer and longer axes that select the same.
    fn simplified(&self) -> Vec<Axis> {
        let mut axes = Vec::new();
        let mut current = Axis::Strided { len: 1, start: 0, step: 1 };
        for axis in &self.axes {
            match current.merged(axis) {
                Some(merged) => current = merged,
                None => axes.push(std::mem::replace(&mut current, axis.clone())),
            }
        }
        axes.push(current);
        axes
    }
}

impl Axis {
    fn row(&self) -> Row<'_> {
        match self {
            Self::Strided { len, start, step: 1 } => Row::Stretches(vec![(0, *start, *len)]),
            Self::Strided { start, step, .. } => Row::Strided { start: *start, step: *step },
            Self::Table(table) => {
                let stretches = stretches(table);
                if stretches.len() * 4 <= table.len() {
                    return Row::Stretches(stretches);
                }
                let times = table.iter().take_while(|o| **o == table[0]).count().max(1);
                let regular = |(i, &o): (usize, &usize)| table[0].checked_add(i / times) == Some(o);
                match table[0] != OUTSIDE && table.iter().enumerate().all(regular) {
                    true => Row::Repeated { start: table[0], times },
                    false => Row::Table(table),
                }
            }
        }
    }
}

fn stretches(table: &[usize]) -> Vec<(usize, usize, usize)> {
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    for (at, &from) in table.iter().enumerate() {
        match found.last_mut() {
            Some((_, first, n)) if *first == OUTSIDE && from == OUTSIDE => *n += 1,
            Some((_, first, n)) if *first != OUTSIDE && from != OUTSIDE && *first + *n == from => *n += 1,
            _ => found.push((at, from, 1)),
        }
    }
    found
}
