//! Pictures side by side, with the colours of those that show numbers.

use maud::{Markup, html};

use super::{FONT, Figure, label, muted, px, text_width};
use crate::format;
use crate::raster::{self, Raster};

/// Width of a picture, in pixels.
const EDGE: f64 = 150.0;
/// Between two pictures.
const GAP: f64 = 10.0;
/// Pictures in a row.
const COLUMNS: usize = 7;
/// Above a picture: its two lines of text.
const HEAD: f64 = 38.0;
/// Length of the bar of colours.
const BAR: f64 = 180.0;
/// Longest label, in characters.
const LABEL_LIMIT: usize = 22;

/// Pictures of one size.
pub(crate) struct Pictures {
    pub title: String,
    /// Width and height in pixels of the pictures.
    pub size: [usize; 2],
    pub frames: Vec<Frame>,
    /// The value of the last colour; the first stands for 0.
    pub scale: f64,
    /// What the colours stand for.
    pub scaled: String,
}

/// A picture and what it shows.
pub(crate) struct Frame {
    pub label: String,
    /// A second line.
    pub note: String,
    /// The picture as base64 PNG, where there is one.
    pub png: Option<String>,
}

impl Pictures {
    /// Draws the pictures with the bar of colours below them.
    pub(crate) fn figure(&self) -> Figure {
        let [width, height] = self.size.map(|side| side.max(1) as f64);
        let shown = (EDGE * (height / width)).clamp(8.0, 2.0 * EDGE);
        let columns = self.frames.len().clamp(1, COLUMNS);
        let rows = self.frames.len().div_ceil(COLUMNS).max(1);
        let below = rows as f64 * (HEAD + shown + 4.0);
        let body = html! {
            @for (i, frame) in self.frames.iter().enumerate() {
                @let (x, y) = ((i % COLUMNS) as f64 * (EDGE + GAP), (i / COLUMNS) as f64 * (HEAD + shown + 4.0));
                (draw(frame, (x, y), shown))
            }
            (self.bar(below + 8.0))
        };
        let width = (columns as f64 * (EDGE + GAP) - GAP).max(BAR + 140.0);
        Figure { name: String::new(), title: self.title.clone(), width, height: below + 48.0, body }
    }

    fn bar(&self, y: f64) -> Markup {
        let colours = raster::png(256, 1, &Raster::Mapped((0..=255).collect()));
        let end = format!("{} or more", format::significant(self.scale));
        html! {
            @if let Some(png) = colours {
                image x="0" y=(px(y)) width=(px(BAR)) height="10" preserveAspectRatio="none"
                    href=(format!("data:image/png;base64,{png}")) {}
            }
            (muted(0.0, y + 26.0, "start", "0"))
            (muted(BAR, y + 26.0, if text_width(&end) > BAR { "start" } else { "end" }, &end))
            (muted(BAR + 14.0, y + 9.0, "start", &self.scaled))
        }
    }
}

fn draw(frame: &Frame, (x, y): (f64, f64), height: f64) -> Markup {
    html! {
        (label(x, y + FONT, "start", &format::shorten(&frame.label, LABEL_LIMIT)))
        (muted(x, y + 2.0 * FONT + 3.0, "start", &format::shorten(&frame.note, LABEL_LIMIT)))
        @match &frame.png {
            Some(png) => image x=(px(x)) y=(px(y + HEAD - 6.0)) width=(px(EDGE)) height=(px(height)) preserveAspectRatio="none"
                image-rendering="pixelated" href=(format!("data:image/png;base64,{png}")) {},
            None => (muted(x, y + HEAD + FONT, "start", "no picture")),
        }
    }
}
