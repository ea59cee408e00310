//! The gate as a study sets it.

use std::collections::BTreeMap;

use modelmend_failure::repair::gate::{GateSettings, Subgroup, subgroups};
use modelmend_study::schema::Gate;

/// The settings of the gate; `replicates` is the number of bootstrap replicates.
pub(crate) fn settings(gate: &Gate, (replicates, seed): (u32, u64)) -> GateSettings {
    GateSettings {
        margin_correct: gate.margin_correct,
        margin_subgroup: gate.margin_subgroup,
        margin_calibration: gate.margin_calibration,
        confidence: gate.confidence,
        replicates: replicates as usize,
        seed,
    }
}

/// The subgroups that must not be broken. Groups (patients, slides) are drawn as a whole; as subgroups they would be
/// many, and the correction over them would hide what happens to the others.
pub(crate) fn judged_subgroups(mut columns: BTreeMap<String, Vec<Option<String>>>) -> Vec<Subgroup> {
    columns.remove("group");
    subgroups(&columns)
}
