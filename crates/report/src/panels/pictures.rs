//! The pictures nearest to the centre of each subtype.

use maud::{Markup, html};

use super::{Context, subtype_button};
use crate::format;

/// Most pictures per subtype.
const SHOWN: usize = 18;

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let content = context.per_subtyping(|subtyping| {
        let any = subtyping.subtypes.iter().any(|subtype| !subtype.nearest.is_empty());
        any.then(|| {
            html! {
                div class="gallery-grid" {
                    @for (i, subtype) in subtyping.subtypes.iter().enumerate() {
                        article class="card typical" data-subtype=(i) {
                            header { (subtype_button(subtyping, i)) span class="muted" { (format::count(subtype.size)) " cases" } }
                            div class="thumbs" {
                                @for &case in subtype.nearest.iter().filter(|&&c| c < context.input.cases.len()).take(SHOWN) {
                                    (context.thumbnail(case))
                                }
                            }
                        }
                    }
                }
            }
        })
    })?;
    Some(html! {
        p class="lead" { "The cases nearest to the centre of each kind, the most typical first." }
        (content)
    })
}
