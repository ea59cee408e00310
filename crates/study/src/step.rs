//! One step of a study and the key under which its result is kept.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::Hash;

/// The steps that studies are made of, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepName {
    /// Trains the network.
    Train,
    /// Runs the network on every case.
    Predict,
    /// Extracts a representation of the cases.
    Represent,
    /// Embeds a representation.
    Embed,
    /// Divides the failures into subtypes.
    Subtype,
    /// Fine-tunes the network on every subtype of a subtyping.
    Finetune,
    /// Intervals, tests and stability.
    Statistics,
    /// Repairs, and the gate.
    Repair,
    /// Uncertainty maps.
    Uncertainty,
    /// Conformal calibration.
    Conformal,
    /// Stress tests.
    Stress,
    /// Results, figures and the report.
    Report,
}

impl StepName {
    /// Every step name.
    pub const ALL: [Self; 12] = [
        Self::Train,
        Self::Predict,
        Self::Represent,
        Self::Embed,
        Self::Subtype,
        Self::Finetune,
        Self::Statistics,
        Self::Repair,
        Self::Uncertainty,
        Self::Conformal,
        Self::Stress,
        Self::Report,
    ];

    /// The name on the command line and in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Predict => "predict",
            Self::Represent => "represent",
            Self::Embed => "embed",
            Self::Subtype => "subtype",
            Self::Finetune => "finetune",
            Self::Statistics => "statistics",
            Self::Repair => "repair",
            Self::Uncertainty => "uncertainty",
            Self::Conformal => "conformal",
            Self::Stress => "stress",
            Self::Report => "report",
        }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A step: what is computed, how, and from what. Everything that can change the result belongs into `version`,
/// `parameters` or `inputs`; everything else (paths, thread counts, labels) must stay out of them.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is computed.
    pub name: StepName,
    /// For people: which of several steps of this name (`gradients, run 2`). Not part of the key.
    pub label: String,
    /// Version of the computation; raise it when the same inputs give another result.
    pub version: u32,
    /// The settings that the result depends on, without paths.
    pub parameters: Value,
    /// Hashes of the inputs: files, and the results of earlier steps.
    pub inputs: Vec<Hash>,
}

impl Step {
    /// The key of the step's result: a hash over name, version, parameters and inputs. The order of the keys of a
    /// JSON object does not matter, the order of the inputs does.
    pub fn key(&self) -> Hash {
        let inputs: Vec<u8> = self.inputs.iter().flat_map(|hash| *hash.as_bytes()).collect();
        let mut parameters = String::new();
        canonical(&self.parameters, &mut parameters);
        Hash::of_fields(
            "modelmend 4 step key",
            &[self.name.as_str().as_bytes(), &self.version.to_le_bytes(), parameters.as_bytes(), &inputs],
        )
    }
}

/// JSON with sorted keys, whichever map `serde_json` was built with.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (key, item) in entries {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(item, out);
                out.push(',');
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step() -> Step {
        Step {
            name: StepName::Embed,
            label: "gradients".to_owned(),
            version: 1,
            parameters: json!({"dims": 10, "neighbors": 5, "nested": {"b": 1.5, "a": [1, 2]}}),
            inputs: vec![Hash::of(b"one"), Hash::of(b"two")],
        }
    }

    #[test]
    fn key_changes_with_name_version_parameters_and_inputs() {
        let mut keys = vec![step().key()];
        let changes: [fn(&mut Step); 8] = [
            |s| s.name = StepName::Subtype,
            |s| s.version = 2,
            |s| s.parameters["dims"] = json!(11),
            |s| s.parameters["dims"] = json!(10.0),
            |s| s.parameters["nested"]["a"] = json!([2, 1]),
            |s| s.inputs.reverse(),
            |s| s.inputs.truncate(1),
            |s| s.inputs[1] = Hash::of(b"three"),
        ];
        for change in changes {
            let mut changed = step();
            change(&mut changed);
            keys.push(changed.key());
        }
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn key_ignores_the_label_and_the_order_of_parameters() {
        let mut other = step();
        other.label = "features".to_owned();
        other.parameters = json!({"nested": {"a": [1, 2], "b": 1.5}, "neighbors": 5, "dims": 10});
        assert_eq!(other.key(), step().key());
    }

    #[test]
    fn key_is_stable_between_builds() {
        let expected = "b9f25c9e067b6d094ced41de690bd558ff943889a670b712f86ff81f70f356b3";
        assert_eq!(step().key().to_string(), expected);
    }

    #[test]
    fn names_are_those_of_the_records() {
        for name in StepName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
    }
}
