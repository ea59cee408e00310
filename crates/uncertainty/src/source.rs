//! Inputs of a reconstruction network with the truth.

use std::sync::Arc;

use modelmend_data::Picture;
use modelmend_data::generate::{Denoise, Denoising, JumpSignals, Jumps, Pairs, noisy_picture};
use modelmend_data::split::Part;
use modelmend_net::Tensor;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::acquisition::{Acquisition, Direct};
use crate::error::{Result, UncertaintyError};

/// Inputs and what should come out, of the same shape (N, channels, ...).
#[derive(Clone, Debug)]
pub struct Batch {
    /// What was measured.
    pub input: Tensor<f32>,
    /// The truth.
    pub target: Tensor<f32>,
}

impl Batch {
    fn new(pairs: Pairs, shape: &[usize]) -> Result<Self> {
        let tensor = |data| {
            Tensor::new(shape.to_vec(), data)
                .ok_or_else(|| UncertaintyError::Invalid(format!("a batch is not of shape {shape:?}")))
        };
        Ok(Self { input: tensor(pairs.input)?, target: tensor(pairs.target)? })
    }
}

/// Channels, rows and columns of an item (1, channels, ...); a signal has one row.
pub fn planes(shape: &[usize]) -> [usize; 3] {
    match *shape {
        [_, channels, rows, columns] => [channels, rows, columns],
        [_, channels, length] => [channels, 1, length],
        _ => [1, 1, shape.iter().product()],
    }
}

/// Where pairs come from. Everything is a pure function of the arguments.
pub trait Source: Sync {
    /// Pairs to train on in an epoch.
    fn epoch_len(&self) -> usize;

    /// Pairs `from .. to` of an epoch, in an order and with noise of its own.
    ///
    /// # Errors
    /// A range beyond the epoch.
    fn batch(&self, epoch: u64, range: std::ops::Range<usize>) -> Result<Batch>;

    /// Number of items on a side that is not trained on.
    fn count(&self, part: Part) -> usize;

    /// One whole item of such a side, with N = 1.
    ///
    /// # Errors
    /// An item that does not exist.
    fn item(&self, part: Part, index: usize) -> Result<Batch>;

    /// How the input of an item comes from its truth.
    fn acquisition(&self) -> &dyn Acquisition;
}

/// The same pairs in later epochs of the source: another order, and other noise where the source adds some. What a further network
/// of an ensemble is trained on.
pub struct Later<'a> {
    source: &'a dyn Source,
    epochs: u64,
}

impl<'a> Later<'a> {
    /// Epoch 1 is epoch `epochs + 1` of the source.
    pub fn new(source: &'a dyn Source, epochs: u64) -> Self {
        Self { source, epochs }
    }
}

impl Source for Later<'_> {
    fn epoch_len(&self) -> usize {
        self.source.epoch_len()
    }

    fn batch(&self, epoch: u64, range: std::ops::Range<usize>) -> Result<Batch> {
        self.source.batch(epoch.saturating_add(self.epochs), range)
    }

    fn count(&self, part: Part) -> usize {
        self.source.count(part)
    }

    fn item(&self, part: Part, index: usize) -> Result<Batch> {
        self.source.item(part, index)
    }

    fn acquisition(&self) -> &dyn Acquisition {
        self.source.acquisition()
    }
}

/// Jump signals to deconvolve (METHODS 2.6).
#[derive(Clone, Debug)]
pub struct Signals {
    signals: JumpSignals,
    request: Jumps,
    /// Signals to train on, to choose by, to measure.
    counts: [usize; 3],
    sigma: f64,
}

impl Signals {
    /// So many signals for each side, with noise of standard deviation `sigma`.
    ///
    /// # Errors
    /// As [`JumpSignals::new`].
    pub fn new(request: Jumps, counts: [usize; 3], sigma: f64) -> Result<Self> {
        Ok(Self { signals: JumpSignals::new(request)?, request, counts, sigma })
    }

    /// The same signals with noise of another size.
    pub fn with_noise(&self, sigma: f64) -> Self {
        Self { sigma, ..self.clone() }
    }
}

impl Source for Signals {
    fn epoch_len(&self) -> usize {
        self.counts[0]
    }

    fn batch(&self, epoch: u64, range: std::ops::Range<usize>) -> Result<Batch> {
        let order = shuffled(self.counts[0], self.request.seed, epoch);
        let chosen = order.get(range).ok_or_else(beyond)?;
        let draw = u32::try_from(epoch).map_err(|_| beyond())?;
        let pairs = self.signals.pairs(Part::Train, chosen, self.sigma, draw)?;
        Batch::new(pairs, &[chosen.len(), 1, self.request.length])
    }

    fn count(&self, part: Part) -> usize {
        self.counts[part as usize]
    }

    fn item(&self, part: Part, index: usize) -> Result<Batch> {
        let pair = self.signals.pair(part, index as u64, self.sigma, 0)?;
        Batch::new(pair, &[1, 1, self.request.length])
    }

    fn acquisition(&self) -> &dyn Acquisition {
        &self.signals
    }
}

/// Photographs to denoise (METHODS 2.6): patches to train on, whole pictures to choose by and to measure.
#[derive(Debug)]
pub struct Photographs<'a> {
    patches: Denoising<'a>,
    request: Denoise,
    held_out: [&'a [Picture]; 2],
}

impl<'a> Photographs<'a> {
    /// Pictures for each side.
    ///
    /// # Errors
    /// As [`Denoising::new`].
    pub fn new(request: Denoise, [train, validation, test]: [&'a [Picture]; 3]) -> Result<Self> {
        Ok(Self { patches: Denoising::new(request, train)?, request, held_out: [validation, test] })
    }

    fn pictures(&self, part: Part) -> &'a [Picture] {
        match part {
            Part::Train => &[],
            Part::Validation => self.held_out[0],
            Part::Test => self.held_out[1],
        }
    }
}

impl Source for Photographs<'_> {
    fn epoch_len(&self) -> usize {
        self.patches.patches()
    }

    fn batch(&self, epoch: u64, range: std::ops::Range<usize>) -> Result<Batch> {
        let count = range.len();
        let pairs = self.patches.epoch(epoch).pairs(range)?;
        let edge = self.request.patch;
        let channels = pairs.input.len() / (count * edge * edge).max(1);
        Batch::new(pairs, &[count, channels, edge, edge])
    }

    fn count(&self, part: Part) -> usize {
        self.pictures(part).len()
    }

    fn item(&self, part: Part, index: usize) -> Result<Batch> {
        let picture = self.pictures(part).get(index).ok_or_else(beyond)?;
        // The two sides draw from different streams.
        let number = (part as u64) << 32 | index as u64;
        let pair = noisy_picture(picture, self.request.sigma, self.request.seed, number, 0)?;
        Batch::new(pair, &[1, picture.channels(), picture.height(), picture.width()])
    }

    fn acquisition(&self) -> &dyn Acquisition {
        &Direct
    }
}

/// Pairs of one shape that were made beforehand and are held in memory.
#[derive(Clone)]
pub struct Held {
    shape: Vec<usize>,
    /// To train on, to choose by, to measure.
    parts: [Vec<Pairs>; 3],
    seed: u64,
    acquisition: Arc<dyn Acquisition>,
}

impl Held {
    /// Pairs for each side, each of `shape` (channels, ...), that came by this acquisition; the order of an epoch follows from the seed.
    ///
    /// # Errors
    /// A pair of another shape, a side without pairs.
    pub fn new(
        shape: &[usize],
        parts: [Vec<Pairs>; 3],
        (acquisition, seed): (Arc<dyn Acquisition>, u64),
    ) -> Result<Self> {
        let len: usize = shape.iter().product();
        let fits = |pair: &Pairs| pair.input.len() == len && pair.target.len() == len;
        if parts.iter().any(Vec::is_empty) || !parts.iter().flatten().all(fits) {
            return Err(UncertaintyError::Invalid(format!("every side needs pairs of shape {shape:?}")));
        }
        Ok(Self { shape: shape.to_vec(), parts, seed, acquisition })
    }

    /// Channels, height and so on of a pair.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn batch_of(&self, pairs: &[&Pairs]) -> Result<Batch> {
        Batch::new(Pairs::concat(pairs.iter().copied()), &[&[pairs.len()], self.shape.as_slice()].concat())
    }
}

impl Source for Held {
    fn epoch_len(&self) -> usize {
        self.parts[0].len()
    }

    fn batch(&self, epoch: u64, range: std::ops::Range<usize>) -> Result<Batch> {
        let chosen = shuffled(self.parts[0].len(), self.seed, epoch);
        let chosen = chosen.get(range).ok_or_else(beyond)?;
        let pairs: Vec<&Pairs> = chosen.iter().map(|&i| &self.parts[0][i as usize]).collect();
        self.batch_of(&pairs)
    }

    fn count(&self, part: Part) -> usize {
        self.parts[part as usize].len()
    }

    fn item(&self, part: Part, index: usize) -> Result<Batch> {
        let pair = self.parts[part as usize].get(index).ok_or_else(beyond)?;
        self.batch_of(&[pair])
    }

    fn acquisition(&self) -> &dyn Acquisition {
        self.acquisition.as_ref()
    }
}

/// The order of an epoch.
fn shuffled(count: usize, seed: u64, epoch: u64) -> Vec<u64> {
    let mut order: Vec<u64> = (0..count as u64).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    order.shuffle(&mut rng);
    order
}

fn beyond() -> UncertaintyError {
    UncertaintyError::Invalid("a pair beyond those that there are".to_owned())
}
