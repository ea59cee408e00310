//! The evidence for a repair: sentences for the page, and a document that can be filed.

mod document;
mod markdown;
pub(crate) mod words;

pub use document::repair_markdown;
