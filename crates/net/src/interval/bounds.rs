//! What is known of a value: two names.

/// Names of the two values that bound one value of the original graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Lower bound.
    pub lo: String,
    /// Upper bound.
    pub hi: String,
    /// Whether the lower bound is known to be at least 0 (after a ReLU): half the products vanish.
    pub nonnegative: bool,
    /// One value with both bounds, `lo` before `hi` along axis 1, where they come as one.
    pub(crate) stacked: Option<String>,
    /// The distance of the bounds, where it is known better than as their difference.
    pub(crate) width: Option<String>,
}

impl Bounds {
    /// A value that is known exactly.
    pub fn point(name: impl Into<String>) -> Self {
        let name = name.into();
        Self::new(name.clone(), name)
    }

    /// A box.
    pub fn new(lo: impl Into<String>, hi: impl Into<String>) -> Self {
        Self { lo: lo.into(), hi: hi.into(), nonnegative: false, stacked: None, width: None }
    }

    /// A box whose lower bound is at least 0.
    pub fn nonnegative(lo: impl Into<String>, hi: impl Into<String>) -> Self {
        Self { nonnegative: true, ..Self::new(lo, hi) }
    }

    /// Whether both bounds are the same value.
    pub fn is_point(&self) -> bool {
        self.lo == self.hi
    }

    /// The different ends: one of a point, two of a box.
    pub fn ends(&self) -> Vec<&str> {
        if self.is_point() { vec![&self.lo] } else { vec![&self.lo, &self.hi] }
    }
}
