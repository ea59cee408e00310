//! Heat maps of shares in [0, 1]: fine-tuning matrices and metadata counts.

use maud::{Markup, html};

use super::{Figure, label, muted, px, text_width};
use crate::palette;

const CELL_WIDTH: f64 = 54.0;
const CELL_HEIGHT: f64 = 30.0;
/// From the top of a field to the baseline of its text.
const BASELINE: f64 = 19.0;
/// From this value on a cell is dark (in the light theme) and its text takes the opposite colour.
const DARK_CELL: f64 = 0.55;
/// Longest label, in characters.
const LABEL_LIMIT: usize = 22;

/// A heat map.
pub(crate) struct Heatmap {
    pub title: String,
    pub rows: Vec<HeatRow>,
    pub columns: Vec<String>,
    /// What the rows and columns are.
    pub row_axis: String,
    pub column_axis: String,
    /// Orders that the page can switch to.
    pub row_order: Vec<usize>,
    pub column_order: Vec<usize>,
}

/// A row of a heat map.
pub(crate) struct HeatRow {
    pub label: String,
    /// Index of the subtype that the row belongs to.
    pub subtype: Option<usize>,
    pub cells: Vec<HeatCell>,
}

/// A cell of a heat map.
pub(crate) struct HeatCell {
    /// Share in [0, 1]; `None` where there is nothing to show.
    pub value: Option<f64>,
    /// What the page shows on hover.
    pub tip: String,
    /// True where row and column are the same set of cases.
    pub own: bool,
}

impl Heatmap {
    /// Draws the map.
    pub(crate) fn figure(&self) -> Figure {
        let widest = self.rows.iter().map(|row| text_width(&short(&row.label))).fold(0.0, f64::max);
        let left = (widest + 34.0).max(text_width(&self.row_axis) + 34.0);
        let longest = self.columns.iter().map(|c| text_width(&short(c))).fold(0.0, f64::max);
        let slanted = longest > CELL_WIDTH - 4.0;
        let top = if slanted { 34.0 + longest * 0.72 } else { 48.0 };
        let overhang = if slanted { longest * 0.72 } else { 4.0 };
        let width = left + self.columns.len() as f64 * CELL_WIDTH;
        let body = html! {
            (muted(left, 14.0, "start", &format!("{} →", self.column_axis)))
            (muted(left - 10.0, top - 8.0, "end", &format!("{} ↓", self.row_axis)))
            g class="heat" transform=(translate(left + CELL_WIDTH / 2.0, top + BASELINE)) text-anchor="middle"
                fill=(palette::light("ink")) data-cell-width=(px(CELL_WIDTH)) data-cell-height=(px(CELL_HEIGHT))
                data-row-order=(list(&self.row_order)) data-column-order=(list(&self.column_order)) {
                @for (c, column) in self.columns.iter().enumerate() { (column_label(c, column, slanted)) }
                @for (r, row) in self.rows.iter().enumerate() { (draw_row(r, row)) }
            }
        };
        let height = top + self.rows.len() as f64 * CELL_HEIGHT + 6.0;
        let width = (width + overhang).max(left + text_width(&self.column_axis) + 24.0);
        Figure { name: String::new(), title: self.title.clone(), width, height, body }
    }
}

fn short(text: &str) -> String {
    crate::format::shorten(text, LABEL_LIMIT)
}

fn translate(x: f64, y: f64) -> String {
    format!("translate({} {})", px(x), px(y))
}

fn list(order: &[usize]) -> String {
    order.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
}

fn column_label(c: usize, name: &str, slanted: bool) -> Markup {
    let y = -8.0 - BASELINE;
    html! {
        g data-c=(c) transform=(translate(c as f64 * CELL_WIDTH, 0.0)) data-tip=[(short(name) != name).then_some(name)] {
            @if slanted {
                text transform=(format!("translate(0 {}) rotate(-45)", px(y))) text-anchor="start" { (short(name)) }
            } @else {
                (label(0.0, y, "middle", name))
            }
        }
    }
}

fn draw_row(r: usize, row: &HeatRow) -> Markup {
    html! {
        g data-r=(r) data-subtype=[row.subtype] transform=(translate(0.0, r as f64 * CELL_HEIGHT)) {
            (row_label(row))
            @for (c, cell) in row.cells.iter().enumerate() {
                g class="cell" data-c=(c) data-tip=(cell.tip) transform=(translate(c as f64 * CELL_WIDTH, 0.0)) { (draw_cell(cell)) }
            }
        }
    }
}

fn row_label(row: &HeatRow) -> Markup {
    let name = short(&row.label);
    let edge = -CELL_WIDTH / 2.0;
    html! {
        g data-pick=[row.subtype] data-tip=[(name != row.label).then_some(&row.label)]
            role=[row.subtype.map(|_| "button")] tabindex=[row.subtype.map(|_| 0)] {
            @if let Some(subtype) = row.subtype {
                circle class={ "dot " (palette::category_class(Some(subtype))) } cx=(px(edge - 14.0))
                    cy=(px(CELL_HEIGHT / 2.0 - BASELINE)) r="5" fill=(super::category_fill(Some(subtype))) {}
            }
            (label(edge - 26.0, 0.0, "end", &name))
        }
    }
}

/// A field around the baseline of its text. What all fields share is on the group around them, since a page has
/// thousands of fields.
fn draw_cell(cell: &HeatCell) -> Markup {
    let value = cell.value.filter(|v| v.is_finite());
    let share = value.unwrap_or(0.0).clamp(0.0, 1.0);
    let (text, tone) = match value {
        None => (crate::format::MISSING.to_owned(), Some("muted")),
        Some(v) => (crate::format::number(v, 2), (share > DARK_CELL).then_some("on-heat")),
    };
    let (width, height) = (CELL_WIDTH - 2.0, CELL_HEIGHT - 2.0);
    let path =
        format!("M{} {}h{}v{}h{}z", px(-width / 2.0), px(1.0 - BASELINE), px(width), px(height), px(-width));
    html! {
        path class=[cell.own.then_some("own")] d=(path) fill=(palette::light("heat"))
            fill-opacity=(format!("{:.2}", 0.05 + 0.95 * share)) stroke=[cell.own.then(|| palette::light("ink"))]
            stroke-width=[cell.own.then_some("1.5")] {}
        text class=[tone] fill=[tone.map(palette::light)] { (text) }
    }
}
