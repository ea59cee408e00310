//! Items of a reconstruction study to look at: a card each, as many as there is room for.

use maud::{Markup, html};

use crate::format;
use crate::svg::Figure;
use crate::svg::pictures::Frame;

/// Most bytes of the pictures of a panel. Two panels have such pictures, and the page stays below 5 MB.
const BYTES: usize = 2_400_000;

/// An item with its figures.
pub(super) struct Item {
    pub name: String,
    /// Where it lies and what is known about it.
    pub facts: String,
    /// Whether its figures are charts that stand side by side.
    pub is_signal: bool,
    pub figures: Vec<Figure>,
}

impl Item {
    pub(super) fn card(&self) -> Markup {
        html! {
            div class="card scroll" {
                h3 { (self.name) span class="muted" { " " (self.facts) } }
                @if self.is_signal {
                    div class="chart-grid" { @for figure in &self.figures { div { p class="muted" { (self.caption(figure)) } (figure.inline()) } } }
                } @else {
                    @for figure in &self.figures { (figure.inline()) }
                }
            }
        }
    }

    /// What a figure shows, below the name of its item.
    fn caption<'a>(&self, figure: &'a Figure) -> &'a str {
        let rest = figure.title.strip_prefix(self.name.as_str()).and_then(|rest| rest.strip_prefix(": "));
        rest.unwrap_or(&figure.title)
    }
}

/// The first of the items whose figures there is room for; the others are not drawn.
pub(super) fn with_room<T>(items: impl Iterator<Item = T>, draw: impl Fn(&T) -> Item) -> Vec<(T, Item)> {
    let mut bytes = 0;
    let drawn = items.map(|from| {
        let item = draw(&from);
        (from, item)
    });
    drawn
        .take_while(|(_, item)| {
            bytes += item.figures.iter().map(|figure| figure.body.0.len()).sum::<usize>();
            bytes <= BYTES
        })
        .collect()
}

/// How many there was no room for.
pub(super) fn left_out(items: usize) -> Markup {
    html! {
        @if items > 0 {
            p class="muted" { (format::count(items as u64)) " items are left out to keep the file small." }
        }
    }
}

/// A picture without a second line.
pub(super) fn picture(label: &str, png: Option<String>) -> Frame {
    Frame { label: label.to_owned(), note: String::new(), png }
}

/// A picture of numbers with their mean.
pub(super) fn map(label: &str, what: &str, values: &[f32], png: Option<String>) -> Frame {
    let sum: f64 = values.iter().map(|&v| f64::from(v)).sum();
    let mean = format::significant(sum / values.len().max(1) as f64);
    let note = if what.is_empty() { format!("mean {mean}") } else { format!("{what}, mean {mean}") };
    Frame { label: label.to_owned(), note, png }
}
