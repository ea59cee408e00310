//! Results of a failure study as one self-contained HTML file that opens offline in any browser, and its
//! figures as SVG.
//!
//! The crate knows no other crate of the project: it renders its own typed [`ReportInput`], which the program
//! fills. [`render`], [`figures`] and [`repair_markdown`] are pure functions; only [`write`](mod@write) touches the disk.
//!
//! - **One panel, one file**: each panel of the page is a file in `panels/` and a line of the table in
//!   `panels/mod.rs`.
//! - **Static first**: every panel is complete HTML and SVG before any script runs, so that it prints and so
//!   that its figures are the same in the page and in `figures/`.
//! - **The script is ours** (`assets/report.js`) and not a plotting library: linked filtering over all panels
//!   and a scatter plot with pictures need a few hundred lines, while ECharts would add 1 MB to each report
//!   and still leave the linking to write.
//! - **Hostile text is harmless**: `maud` escapes all text, the data for the script is JSON without `<`, the
//!   script only ever sets text, and a content security policy allows nothing but the one script and the one
//!   style sheet by their SHA-256, and no network at all.

mod atlas;
mod evidence;
mod fields;
mod format;
pub mod input;
mod page;
mod palette;
mod panels;
mod payload;
mod raster;
mod svg;
mod window;
pub mod write;

pub use evidence::repair_markdown;
pub use input::ReportInput;
pub use palette::intensities;

/// Renders the report as one HTML document without any reference to the outside.
///
/// The page stays under 5 MB for 1,000 failures: thumbnails are reduced as far as needed.
#[must_use]
pub fn render(input: &ReportInput) -> String {
    page::document(&panels::Context::new(input)).into_string()
}

/// The figures of the report, each as file name (`<name>.svg`, unique) and SVG document.
#[must_use]
pub fn figures(input: &ReportInput) -> Vec<(String, String)> {
    panels::figures(&panels::Context::new(input))
}
