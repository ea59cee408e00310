//! A number with its confidence interval as a small bar.

use maud::{Markup, html};

use super::px;
use crate::format;
use crate::input::Estimate;

const WIDTH: f64 = 96.0;
const HEIGHT: f64 = 14.0;

/// A bar on the scale from `least` to 1, with its number in front.
pub(crate) fn bar(estimate: Option<Estimate>, least: f64) -> Markup {
    let Some(estimate) = estimate.filter(|e| e.value.is_finite()) else {
        return html! { span class="estimate" { span class="number" { (format::MISSING) } } };
    };
    let at = |value: f64| 2.0 + (WIDTH - 4.0) * ((value - least) / (1.0 - least)).clamp(0.0, 1.0);
    let ends = estimate.lo.zip(estimate.hi).map(|(lo, hi)| (at(lo), at(hi)));
    let middle = HEIGHT / 2.0;
    html! {
        span class="estimate" data-tip=(format::estimate_tip(Some(estimate))) {
            span class="number" { (format::number(estimate.value, 2)) }
            svg class="bar" aria-hidden="true" width=(px(WIDTH)) height=(px(HEIGHT)) viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) {
                rect class="track" x="0" y=(px(middle - 2.0)) width=(px(WIDTH)) height="4" rx="2" {}
                @if least < 0.0 { rect class="zero" x=(px(at(0.0) - 0.5)) y="1" width="1" height=(px(HEIGHT - 2.0)) {} }
                @if let Some((lo, hi)) = ends {
                    rect class="band" x=(px(lo)) y=(px(middle - 4.0)) width=(px((hi - lo).max(1.0))) height="8" rx="3" {}
                }
                circle class="point" cx=(px(at(estimate.value))) cy=(px(middle)) r="3.5" {}
            }
        }
    }
}
