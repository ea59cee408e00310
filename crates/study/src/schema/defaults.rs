//! Defaults of single keys; sections that may be left out as a whole implement `Default` instead.

pub(super) fn runs() -> u32 {
    1
}

pub(super) fn train_split() -> String {
    "train".to_owned()
}

pub(super) fn validation_split() -> String {
    "val".to_owned()
}

pub(super) fn train_batch() -> u32 {
    64
}

pub(super) fn train_epochs() -> u32 {
    40
}

pub(super) fn train_patience() -> u32 {
    8
}

pub(super) fn checkpoint_every() -> u32 {
    5
}

pub(super) fn passes() -> u32 {
    16
}

pub(super) fn conformal_level() -> f64 {
    0.9
}

pub(super) fn attack_steps() -> u32 {
    50
}

pub(super) fn metal_pieces() -> u32 {
    2
}

pub(super) fn photons() -> f64 {
    1e5
}
