//! Errors of reading a study file.

use std::path::{Path, PathBuf};

use serde_saphyr::{MessageFormatter, UserMessageFormatter};

/// Why a study file was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The file could not be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Read {
        /// The study file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is too large to be a study file.
    #[error("{}: larger than {limit} bytes, which no study file is", file.display())]
    TooLarge {
        /// The study file.
        file: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// Not YAML, or a value of the wrong type.
    #[error("{}: {}{message}", place(file, *line), key_prefix(key))]
    Malformed {
        /// The study file.
        file: PathBuf,
        /// Line, counted from 1, where known.
        line: Option<u64>,
        /// Path of the key, empty at the top.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// A key that no study file has at this place.
    #[error("{}: unknown key `{key}`; {}", place(file, *line), hint(nearest.as_deref(), known))]
    UnknownKey {
        /// The study file.
        file: PathBuf,
        /// Line, counted from 1, where known.
        line: Option<u64>,
        /// Path of the key.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<String>,
        /// All keys known at this place.
        known: Vec<&'static str>,
    },
    /// A value that breaks a rule.
    #[error("{}: {key} = {value}: {rule}", file.display())]
    Invalid {
        /// The study file.
        file: PathBuf,
        /// Path of the key.
        key: String,
        /// The value.
        value: String,
        /// The rule.
        rule: String,
    },
}

fn place(file: &Path, line: Option<u64>) -> String {
    match line {
        Some(line) => format!("{}:{line}", file.display()),
        None => file.display().to_string(),
    }
}

fn key_prefix(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("{key}: ") }
}

fn hint(nearest: Option<&str>, known: &[&str]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if known.is_empty() => "nothing more is known here".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    }
}

impl StudyError {
    /// Translates the parser's error; `key` is the path at which it stopped.
    pub(super) fn from_yaml(file: &Path, key: String, error: &serde_saphyr::Error) -> Self {
        let file = file.to_owned();
        // An error in a key leaves `?` as its name.
        let key = key.strip_suffix('?').map_or(key.as_str(), |head| head.trim_end_matches('.')).to_owned();
        let line = error.location().map(|at| at.line()).filter(|line| *line > 0);
        match error.without_snippet() {
            serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
                let nearest = crate::nearest(field, expected.iter().copied()).map(str::to_owned);
                Self::UnknownKey { file, line, key: child(&key, field), nearest, known: expected.clone() }
            }
            serde_saphyr::Error::SerdeUnknownVariant { variant, expected, .. } => {
                let hint = hint(crate::nearest(variant, expected.iter().copied()), expected);
                Self::Malformed { file, line, key, message: format!("unknown value `{variant}`; {hint}") }
            }
            serde_saphyr::Error::SerdeMissingField { field, .. } => {
                // The parser's line is where the section ends.
                let key = child(&key, field);
                Self::Malformed { file, line: None, key, message: "this key is missing".to_owned() }
            }
            serde_saphyr::Error::Unexpected { expected: "string scalar", .. } => {
                let message = "expected a single value, not a list or a mapping".to_owned();
                Self::Malformed { file, line, key, message }
            }
            serde_saphyr::Error::InvalidScalar { ty, .. } => {
                Self::Malformed { file, line, key, message: format!("expected {}", spoken(ty)) }
            }
            other => {
                let message = UserMessageFormatter.format_message(other).replace('\n', " ");
                Self::Malformed { file, line, key, message }
            }
        }
    }
}

/// The path of `field` inside the mapping at `key`; the parser's path may already end in it.
fn child(key: &str, field: &str) -> String {
    let ends_in_field = key.strip_suffix(field).is_some_and(|head| head.is_empty() || head.ends_with('.'));
    match key {
        "" => field.to_owned(),
        _ if ends_in_field => key.to_owned(),
        _ => format!("{key}.{field}"),
    }
}

/// The parser's name of a Rust type in the words of a user.
fn spoken(ty: &str) -> &str {
    match ty.as_bytes().first() {
        Some(b'u') => "a whole number, at least 0 and not huge",
        Some(b'i') => "a whole number",
        Some(b'f') => "a number",
        _ => ty,
    }
}
