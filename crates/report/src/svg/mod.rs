//! Figures as SVG, the same in the page and on their own.
//!
//! They are written by hand with `maud` and not through a plotting library: the page restyles them with CSS
//! classes (theme, filter, order), which the output of the plotting libraries looked at has no room for. Each mark carries
//! its light colour as attribute, so that a figure that stands alone needs no style sheet.

mod axes;
pub(crate) mod comparison;
pub(crate) mod density;
pub(crate) mod heatmap;
pub(crate) mod histogram;
pub(crate) mod interval;
pub(crate) mod lines;
pub(crate) mod pareto;
pub(crate) mod pictures;
pub(crate) mod scatter;

use maud::{Markup, html};

use crate::palette;

/// Width of a character as a part of the font size, on the wide side.
const CHARACTER: f64 = 0.54;
/// Font size of all figures, in pixels.
pub(crate) const FONT: f64 = 12.0;

/// A figure: its marks in a coordinate system of `width` x `height` pixels.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// File name without folder and ending.
    pub name: String,
    /// What it shows, in one line.
    pub title: String,
    pub width: f64,
    pub height: f64,
    pub body: Markup,
}

impl Figure {
    /// The figure under a file name.
    pub(crate) fn named(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// The figure as an element of the page.
    pub(crate) fn inline(&self) -> Markup {
        html! {
            svg class="figure" role="group" aria-label=(self.title) width=(px(self.width)) height=(px(self.height))
                viewBox=(format!("0 0 {} {}", px(self.width), px(self.height))) font-size=(px(FONT)) { (self.body) }
        }
    }

    /// The figure as a file, with its title, on white.
    pub(crate) fn standalone(&self) -> String {
        let (ink, card) = (palette::light("ink"), palette::light("card"));
        let header = 32.0;
        let width = self.width.max(text_width(&self.title) * 1.1 + 24.0);
        let height = self.height + header;
        let svg = html! {
            svg xmlns="http://www.w3.org/2000/svg" width=(px(width)) height=(px(height))
                viewBox=(format!("0 0 {} {}", px(width), px(height))) font-size=(px(FONT)) fill=(ink)
                font-family="Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif" {
                rect width="100%" height="100%" fill=(card) {}
                text x="12" y="21" font-weight="600" { (self.title) }
                g transform=(format!("translate(0 {})", px(header))) { (self.body) }
            }
        };
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", xml_text(&svg.into_string()))
    }
}

/// Removes the control characters that XML 1.0 forbids even as references.
fn xml_text(text: &str) -> String {
    let allowed =
        |c: &char| matches!(c, '\t' | '\n' | '\r') || (*c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
    text.chars().filter(allowed).collect()
}

/// A coordinate with at most one decimal.
pub(crate) fn px(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    if rounded.fract() == 0.0 { format!("{rounded:.0}") } else { format!("{rounded:.1}") }
}

/// Estimated width of a text in pixels.
pub(crate) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * FONT * CHARACTER
}

/// A text; `anchor` is `start`, `middle` or `end`.
pub(crate) fn label(x: f64, y: f64, anchor: &str, text: &str) -> Markup {
    html! { text x=(px(x)) y=(px(y)) text-anchor=(anchor) { (text) } }
}

/// A text in the background.
pub(crate) fn muted(x: f64, y: f64, anchor: &str, text: &str) -> Markup {
    html! { text class="muted" fill=(palette::light("muted")) x=(px(x)) y=(px(y)) text-anchor=(anchor) { (text) } }
}

/// The light colour of a category class, for the attribute of a mark.
pub(crate) fn category_fill(index: Option<usize>) -> &'static str {
    index.map_or(palette::light("none"), |i| palette::light(&format!("c{}", i % palette::CATEGORIES)))
}
