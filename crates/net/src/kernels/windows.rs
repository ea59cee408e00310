//! Walks the pixels that the windows of a convolution or a pool reach.

use super::conv::Geometry;

impl Geometry {
    /// Calls `visit(row, out_start, in_start, run)` for every run of output pixels of one row of the column
    /// matrix whose input pixels lie inside the image, `stride[2]` apart.
    pub(super) fn runs(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let [kd, kh, kw] = self.kernel;
        for row in 0..self.reduction() {
            let (c, k) = (row / (kd * kh * kw), row % (kd * kh * kw));
            let offset = [k / (kh * kw), k / kw % kh, k % kw];
            let (first, last) = self.valid(2, offset[2]);
            if first >= last {
                continue;
            }
            for d in 0..self.output[0] {
                let Some(z) = self.source(0, d, offset[0]) else { continue };
                for h in 0..self.output[1] {
                    let Some(y) = self.source(1, h, offset[1]) else { continue };
                    let x = first * self.stride[2] + offset[2] * self.dilation[2] - self.pad[2];
                    let in_start = ((c * self.input[0] + z) * self.input[1] + y) * self.input[2] + x;
                    let out_start = (d * self.output[1] + h) * self.output[2] + first;
                    visit(row, out_start, in_start, last - first);
                }
            }
        }
    }

    /// The input coordinate that output coordinate `o` reads through kernel offset `k`.
    fn source(&self, axis: usize, o: usize, k: usize) -> Option<usize> {
        (o * self.stride[axis] + k * self.dilation[axis])
            .checked_sub(self.pad[axis])
            .filter(|&i| i < self.input[axis])
    }

    /// The range of output coordinates that read inside the image through kernel offset `k`.
    fn valid(&self, axis: usize, k: usize) -> (usize, usize) {
        let (shift, pad, stride) = (k * self.dilation[axis], self.pad[axis], self.stride[axis]);
        let first = pad.saturating_sub(shift).div_ceil(stride);
        let last = (self.input[axis] + pad).saturating_sub(shift).div_ceil(stride);
        (first, last.min(self.output[axis]))
    }
}
