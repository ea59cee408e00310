//! Test items to look at: what went in, what came out, where it is wrong, and what each method says about that.

use maud::{Markup, html};

use super::title;
use crate::format;
use crate::input::{ExampleMaps, UncertaintyExample};
use crate::panels::items::{self, Item};
use crate::svg::Figure;
use crate::svg::lines::{Band, Chart};
use crate::svg::pictures::Pictures;
use crate::window::{self, Window};

type Shown<'a> = Vec<((usize, &'a UncertaintyExample), Item)>;

pub(super) fn render(examples: &[UncertaintyExample]) -> Markup {
    let shown = shown(examples);
    let left_out = examples.iter().filter(|e| is_whole(e)).count().saturating_sub(shown.len());
    html! {
        @if !shown.is_empty() {
            h3 { "Items to look at" }
            p class="muted" { (words(&shown)) }
            @for (_, item) in &shown { (item.card()) }
        }
        (items::left_out(left_out))
    }
}

pub(super) fn figures(examples: &[UncertaintyExample]) -> Vec<Figure> {
    shown(examples).into_iter().flat_map(|(_, item)| item.figures).collect()
}

fn words(shown: &Shown<'_>) -> String {
    if shown.iter().all(|(_, item)| item.is_signal) {
        return "Of the first run: the worst by mean squared error, then some between these and the best. The area is the interval where a method has \
                one, and its output ± u otherwise."
            .to_owned();
    }
    let measured = shown.iter().any(|((_, example), item)| example.measurement.is_some() && !item.is_signal);
    let sinogram = if measured {
        " The sinogram is what was measured, a row for each angle, stretched to the size of the others; its grey has a range of its own."
    } else {
        ""
    };
    format!(
        "Of the first run: the worst by mean squared error, then some between these and the best; of large pictures the surroundings of the \
         largest error. |error| and u share one scale over all items: black is 0, and the brighter, the larger. |error| is that of the network; a \
         method with an output of its own has an |error| of its own beside its u. Grey (or colour) goes from the least to the largest value \
         of the target.{sinogram}"
    )
}

/// Whether all arrays have the size of the example and are numbers.
fn is_whole(example: &UncertaintyExample) -> bool {
    let maps = example.maps.iter();
    let bounds = maps.clone().flat_map(|m| [&m.lo, &m.hi]).filter(|values| !values.is_empty());
    let arrays = [&example.input, &example.target, &example.output].into_iter();
    Window::from(example).holds(arrays.chain(maps.flat_map(|m| [&m.u, &m.output])).chain(bounds))
}

/// The examples that there is room for, with their places in the list.
fn shown(examples: &[UncertaintyExample]) -> Shown<'_> {
    let whole: Vec<(usize, &UncertaintyExample)> =
        examples.iter().enumerate().filter(|(_, example)| is_whole(example)).collect();
    let scale = scale(whole.iter().map(|(_, example)| *example));
    items::with_room(whole.into_iter(), |(index, example)| {
        let name = format!("uncertainty-example-{}", index + 1);
        let window = Window::from(*example);
        let figures = if window.is_signal() {
            signal(example, window, &name)
        } else {
            vec![pictures(example, window, scale).figure().named(name)]
        };
        let mse = example.mse.map(|mse| format!("mean squared error {}; ", format::significant(mse)));
        let facts = mse.unwrap_or_default() + &window.place();
        Item { name: example.name.clone(), facts, is_signal: window.is_signal(), figures }
    })
}

fn errors(output: &[f32], target: &[f32]) -> Vec<f32> {
    output.iter().zip(target).map(|(y, t)| (y - t).abs()).collect()
}

/// The end of the scale of |error| and u of all pictures.
fn scale<'a>(examples: impl Iterator<Item = &'a UncertaintyExample>) -> f64 {
    let mut values: Vec<f32> = Vec::new();
    for example in examples.filter(|example| !Window::from(*example).is_signal()) {
        values.extend(errors(&example.output, &example.target));
        for maps in &example.maps {
            values.extend(&maps.u);
        }
    }
    window::scale(values)
}

/// A row of pictures.
fn pictures(example: &UncertaintyExample, window: Window, scale: f64) -> Pictures {
    let range = window::range(&example.target);
    let picture = |label: &str, values: &[f32]| items::picture(label, window.tones(values, range));
    let map = |label: &str, what: &str, values: &[f32]| {
        items::map(label, what, values, window.intensity(values, scale))
    };
    let measured = example.measurement.as_ref();
    let mut frames: Vec<_> =
        measured.map(|plane| items::picture("sinogram", window::plane(plane))).into_iter().collect();
    frames.extend([
        picture("input", &example.input),
        picture("output", &example.output),
        picture("target", &example.target),
        map("|error|", "", &errors(&example.output, &example.target)),
    ]);
    for maps in &example.maps {
        if maps.output != example.output {
            frames.push(map(title(&maps.method), "|error|", &errors(&maps.output, &example.target)));
        }
        frames.push(map(title(&maps.method), "u", &maps.u));
    }
    let scaled = "|error| and u, one scale".to_owned();
    Pictures { title: example.name.clone(), size: window.size(), frames, scale, scaled }
}

/// A chart of the signal, and one for each method, with one axis. Of several channels the first.
fn signal(example: &UncertaintyExample, window: Window, name: &str) -> Vec<Figure> {
    let ends = |maps: &ExampleMaps| -> Vec<(f64, f64)> {
        let pair = |(&a, &b): (&f32, &f32)| (f64::from(a), f64::from(b));
        let [width, _] = window.size();
        if maps.lo.is_empty() || maps.hi.is_empty() {
            let around = |(y, u)| (y - u, y + u);
            maps.output.iter().zip(&maps.u).map(pair).map(around).take(width).collect()
        } else {
            maps.lo.iter().zip(&maps.hi).map(pair).take(width).collect()
        }
    };
    let all = [&example.input, &example.target, &example.output].into_iter().flatten().map(|&v| f64::from(v));
    let all = all.chain(example.maps.iter().flat_map(&ends).flat_map(|(lo, hi)| [lo, hi]));
    let (lo, hi) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    let room = (0.04 * (hi - lo)).max(1e-6);
    let chart = |title: String, lines, bands| Chart {
        title,
        x_label: "sample".to_owned(),
        y_label: "value".to_owned(),
        y_range: Some((lo - room, hi + room)),
        lines,
        bands,
        ..Chart::default()
    };
    let whole = vec![
        window.line("input", 9, &example.input),
        window.line("output", 0, &example.output),
        window.line("target", 1, &example.target),
    ];
    let first = chart(format!("{}: signal", example.name), whole, Vec::new());
    let mut figures = vec![first.figure(true).named(format!("{name}-signal"))];
    for maps in &example.maps {
        let points =
            ends(maps).into_iter().enumerate().map(|(i, (lo, hi))| (window.sample(i), lo, hi)).collect();
        let what = if maps.lo.is_empty() { "± u" } else { "its interval" };
        let lines = vec![window.line("output", 0, &maps.output), window.line("target", 1, &example.target)];
        let title = format!("{}: {}, {what}", example.name, title(&maps.method));
        let chart = chart(title, lines, vec![Band { colour: 0, points }]);
        figures.push(chart.figure(true).named(format!("{name}-{}", maps.method)));
    }
    figures
}
