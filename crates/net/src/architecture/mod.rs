//! Networks that can be built and trained: each is an ONNX model like any other.
//! Initial weights are drawn from the seed of the request.

mod classifier;
mod dropout;
mod layers;
mod reconstruction;
mod unet;
mod variance;

pub use classifier::{Classifier, ClassifierKind, classifier};
pub use dropout::{has_dropout, insert_dropout, with_dropout};
pub use reconstruction::{Conv1d, DnCnn, conv1d, dncnn};
pub use unet::{UNet, unet};
pub use variance::{scale_network, with_variance};
