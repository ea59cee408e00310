//! Stress tests: whether each method marks what a network should not be believed in, in numbers and in pictures.

mod examples;
mod tables;

use maud::{Markup, html};

use super::{Context, items};
use crate::input::StressTest;
use crate::svg::Figure;

pub(super) fn render(context: &Context<'_>) -> Option<Markup> {
    let tests = tests(context);
    (!tests.is_empty()).then(|| {
        let shown = examples::shown(&tests);
        html! {
            p class="lead" {
                "Each test makes items on which the network should be distrusted. Where it should be is known, so that u can be compared with it, "
                "and a stressed item with a clean one."
            }
            (tables::summary(context.input, &tests))
            (tables::glossary(&tests))
            @for (index, test) in tests.iter().enumerate() {
                (tables::test(context.input, test))
                @let own = || shown.iter().filter(|((at, _), _)| *at == index);
                @if own().next().is_some() { p class="muted" { (examples::words(test)) } }
                @for (_, item) in own() { (item.card()) }
            }
            (items::left_out(examples::whole(&tests).len().saturating_sub(shown.len())))
        }
    })
}

pub(super) fn figures(context: &Context<'_>) -> Vec<Figure> {
    let shown = examples::shown(&tests(context));
    shown.into_iter().flat_map(|(_, item)| item.figures).collect()
}

/// The tests that have something to show.
fn tests<'a>(context: &Context<'a>) -> Vec<&'a StressTest> {
    context.input.stress.iter().filter(|test| !test.rows.is_empty() || !test.examples.is_empty()).collect()
}
