//! Images seen from other sides.

use modelmend_net::Tensor;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Which changes a label survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Augmentation {
    /// Flips along both axes.
    pub(crate) flips: bool,
    /// Quarter turns of square images, half turns of others.
    pub(crate) rotations: bool,
}

/// Quarter turns, as transposition, then horizontal and vertical flip.
const TURNS: [[bool; 3]; 4] =
    [[false, false, false], [true, true, false], [false, true, true], [true, false, true]];

/// Flips and turns each image of a batch (N, C, H, W) at random.
pub(crate) fn augment(images: &mut Tensor<f32>, settings: Augmentation, rng: &mut ChaCha8Rng) {
    let &[_, channels, height, width] = images.shape() else { return };
    let plane = height * width;
    let mut copy = vec![0.0; plane];
    for image in images.data_mut().chunks_exact_mut((channels * plane).max(1)) {
        let draw = rng.random::<u32>();
        // An image that is not square can only be turned by half.
        let turn = if height == width { draw & 3 } else { draw & 2 };
        let [transpose, horizontal, vertical] = TURNS[if settings.rotations { turn as usize } else { 0 }];
        let horizontal = horizontal ^ (settings.flips && draw & 4 != 0);
        let vertical = vertical ^ (settings.flips && draw & 8 != 0);
        for pixels in image.chunks_exact_mut(plane) {
            copy.copy_from_slice(pixels);
            for (index, pixel) in pixels.iter_mut().enumerate() {
                let (y, x) = (index / width, index % width);
                let y = if vertical { height - 1 - y } else { y };
                let x = if horizontal { width - 1 - x } else { x };
                let (y, x) = if transpose { (x, y) } else { (y, x) };
                *pixel = copy[y * width + x];
            }
        }
    }
}
