//! Rules of the sections that divide failures and judge the subtypes. `section` is the key under which they stand, with a dot, or
//! empty.

use super::{Checked, Door, LARGEST_COUNT};
use crate::schema::*;

pub(super) fn subtype(door: &Door<'_>, section: &str, subtype: &Subtype) -> Checked {
    let key = |name: &str| format!("{section}subtype.{name}");
    door.within(&key("projection"), subtype.projection, 1..=100_000)?;
    door.within(&key("embedding.dims"), subtype.embedding.dims, 1..=1000)?;
    door.within(&key("embedding.neighbors"), subtype.embedding.neighbors, 2..=1000)?;
    door.within(&key("embedding.min_dist"), subtype.embedding.min_dist, 0.0..=1.0)?;
    let (smallest, largest) = subtype.clustering.k.bounds();
    door.within(&key("clustering.k"), smallest, 1..=1000)?;
    door.within(&key("clustering.k"), largest, 1..=1000)?;
    let rule = "the smallest number must not be above the largest";
    door.ensure(smallest <= largest, &key("clustering.k"), format!("[{smallest}, {largest}]"), rule)?;
    let empty = subtype.checkpoints.iter().position(InputPath::is_empty);
    door.ensure(empty.is_none(), &key("checkpoints"), "\"\"", "must not be empty")
}

pub(super) fn finetune(door: &Door<'_>, section: &str, finetune: &Finetune) -> Checked {
    let key = |name: &str| format!("{section}finetune.{name}");
    finetune.learning_rate.value().map_or(Ok(()), |rate| door.positive(&key("learning_rate"), *rate))?;
    door.not_negative(&key("weight_decay"), finetune.weight_decay)?;
    door.counts(&[
        (&key("batch_size"), Some(finetune.batch_size)),
        (&key("epochs"), Some(finetune.epochs)),
        (&key("patience"), Some(finetune.patience)),
    ])?;
    door.within(&key("keep_correct"), finetune.keep_correct, 0.0..=1.0)?;
    door.inside_unit(&key("train"), finetune.train)?;
    door.inside_unit(&key("validation"), finetune.validation)?;
    door.inside_unit(&key("test"), finetune.test)?;
    let sum = finetune.train + finetune.validation + finetune.test;
    let rule = "the three shares must add up to 1";
    door.ensure((sum - 1.0).abs() < 1e-9, &key("train + validation + test"), sum, rule)
}

pub(super) fn statistics(door: &Door<'_>, section: &str, statistics: &Statistics) -> Checked {
    let key = |name: &str| format!("{section}statistics.{name}");
    door.within(&key("bootstrap"), statistics.bootstrap, 1..=LARGEST_COUNT)?;
    door.inside_unit(&key("confidence"), statistics.confidence)?;
    door.within(&key("random_subtypings"), statistics.random_subtypings, 1..=1000)
}
