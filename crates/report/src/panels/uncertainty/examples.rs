//! Test items to look at: what went in, what came out, where it is wrong, and what each method says about that.

use maud::{Markup, html};

use super::title;
use crate::format;
use crate::input::{ExampleMaps, UncertaintyExample};
use crate::raster::{self, Raster};
use crate::svg::Figure;
use crate::svg::lines::{Band, Chart, Line};
use crate::svg::pictures::{Frame, Pictures};

/// Most bytes of all pictures together.
const BYTES: usize = 3_000_000;
/// Share of the values of |error| and u up to the last colour.
const BELOW_SCALE: f64 = 0.995;

pub(super) fn render(examples: &[UncertaintyExample]) -> Markup {
    let shown = shown(examples);
    let left_out = examples.iter().filter(|e| is_whole(e)).count().saturating_sub(shown.len());
    html! {
        @if !shown.is_empty() {
            h3 { "Items to look at" }
            p class="muted" { (words(&shown)) }
            @for (example, figures) in &shown {
                div class="card scroll" {
                    h3 { (example.name) span class="muted" { " " (facts(example)) } }
                    @if is_signal(example) {
                        div class="chart-grid" { @for figure in figures { div { p class="muted" { (caption(example, figure)) } (figure.inline()) } } }
                    } @else {
                        @for figure in figures { (figure.inline()) }
                    }
                }
            }
        }
        @if left_out > 0 {
            p class="muted" { (format::count(left_out as u64)) " items are left out to keep the file small." }
        }
    }
}

pub(super) fn figures(examples: &[UncertaintyExample]) -> Vec<Figure> {
    shown(examples).into_iter().flat_map(|(_, figures)| figures).collect()
}

fn words(shown: &[(&UncertaintyExample, Vec<Figure>)]) -> &'static str {
    if shown.iter().all(|(example, _)| is_signal(example)) {
        "Of the first run: the worst by mean squared error, then some between these and the best. The area is the interval where a method has \
         one, and its output ± u otherwise."
    } else {
        "Of the first run: the worst by mean squared error, then some between these and the best; of large pictures the surroundings of the \
         largest error. |error| and u share one scale over all items: black is 0, and the brighter, the larger. |error| is that of the network; a \
         method with an output of its own has an |error| of its own beside its u. Grey (or colour) goes from the least to the largest value \
         of the target."
    }
}

fn facts(example: &UncertaintyExample) -> String {
    let mse = example.mse.map(|mse| format!("mean squared error {}", format::significant(mse)));
    let [row, column] = example.corner;
    let place = if is_signal(example) {
        format!("samples {} to {}", column + 1, column + example.width)
    } else {
        format!(
            "rows {} to {}, columns {} to {}",
            row + 1,
            row + example.height,
            column + 1,
            column + example.width
        )
    };
    mse.into_iter().chain([place]).collect::<Vec<_>>().join("; ")
}

/// What a figure shows, below the name of its item.
fn caption<'a>(example: &UncertaintyExample, figure: &'a Figure) -> &'a str {
    let rest = figure.title.strip_prefix(example.name.as_str()).and_then(|rest| rest.strip_prefix(": "));
    rest.unwrap_or(&figure.title)
}

fn is_signal(example: &UncertaintyExample) -> bool {
    example.height == 1
}

/// Whether all arrays have the size of the example and are numbers.
fn is_whole(example: &UncertaintyExample) -> bool {
    let size = example.channels.checked_mul(example.height).and_then(|rows| rows.checked_mul(example.width));
    let fits = |values: &[f32]| Some(values.len()) == size && values.iter().all(|v| v.is_finite());
    let bounds = |values: &[f32]| values.is_empty() || fits(values);
    let maps = |m: &ExampleMaps| fits(&m.u) && fits(&m.output) && bounds(&m.lo) && bounds(&m.hi);
    let reach = |start: usize, extent: usize| start.checked_add(extent).is_some();
    size.is_some_and(|size| size > 0)
        && [&example.input, &example.target, &example.output].into_iter().all(|values| fits(values))
        && example.maps.iter().all(maps)
        && reach(example.corner[0], example.height)
        && reach(example.corner[1], example.width)
}

/// The examples that there is room for, each with its figures.
fn shown(examples: &[UncertaintyExample]) -> Vec<(&UncertaintyExample, Vec<Figure>)> {
    let whole: Vec<(usize, &UncertaintyExample)> =
        examples.iter().enumerate().filter(|(_, example)| is_whole(example)).collect();
    let scale = scale(whole.iter().map(|(_, example)| *example).filter(|example| !is_signal(example)));
    let mut bytes = 0;
    let mut shown = Vec::new();
    for (index, example) in whole {
        let name = format!("uncertainty-example-{}", index + 1);
        let figures = if is_signal(example) {
            signal(example, &name)
        } else {
            vec![pictures(example, scale).figure().named(name)]
        };
        bytes += figures.iter().map(|figure| figure.body.0.len()).sum::<usize>();
        if bytes > BYTES {
            break;
        }
        shown.push((example, figures));
    }
    shown
}

fn errors(output: &[f32], target: &[f32]) -> Vec<f32> {
    output.iter().zip(target).map(|(y, t)| (y - t).abs()).collect()
}

/// The value that all but the largest |error| and u do not exceed.
fn scale<'a>(examples: impl Iterator<Item = &'a UncertaintyExample>) -> f64 {
    let mut values: Vec<f32> = Vec::new();
    for example in examples {
        values.extend(errors(&example.output, &example.target));
        for maps in &example.maps {
            values.extend(&maps.u);
        }
    }
    values.sort_unstable_by(f32::total_cmp);
    let at = (values.len() as f64 * BELOW_SCALE) as usize;
    let found = values.get(at.min(values.len().saturating_sub(1))).copied().map_or(1.0, f64::from);
    if found > 0.0 { found } else { 1.0 }
}

/// A row of pictures.
fn pictures(example: &UncertaintyExample, scale: f64) -> Pictures {
    let size = [example.width, example.height];
    let png = |raster: &Raster| raster::png(example.width, example.height, raster);
    let picture = |label: &str, values: &[f32]| Frame {
        label: label.to_owned(),
        note: String::new(),
        png: png(&tones(example, values)),
    };
    let map = |label: &str, note: String, values: &[f32]| Frame {
        label: label.to_owned(),
        note,
        png: png(&intensity(example, values, scale)),
    };
    let error = errors(&example.output, &example.target);
    let mut frames = vec![
        picture("input", &example.input),
        picture("output", &example.output),
        picture("target", &example.target),
        map("|error|", mean(&error), &error),
    ];
    for maps in &example.maps {
        if maps.output != example.output {
            let own = errors(&maps.output, &example.target);
            frames.push(map(title(&maps.method), format!("|error|, {}", mean(&own)), &own));
        }
        frames.push(map(title(&maps.method), format!("u, {}", mean(&maps.u)), &maps.u));
    }
    Pictures { title: example.name.clone(), size, frames, scale }
}

fn mean(values: &[f32]) -> String {
    let sum: f64 = values.iter().map(|&v| f64::from(v)).sum();
    format!("mean {}", format::significant(sum / values.len().max(1) as f64))
}

/// Grey or colours from the least to the largest value of the target.
fn tones(example: &UncertaintyExample, values: &[f32]) -> Raster {
    let (lo, hi) = example.target.iter().fold((f32::MAX, f32::MIN), |(lo, hi), &v| (lo.min(v), hi.max(v)));
    let byte = |value: f32| {
        if hi > lo { (255.0 * (value - lo) / (hi - lo)).round().clamp(0.0, 255.0) as u8 } else { 128 }
    };
    let pixels = example.height * example.width;
    if let (3, Some((red, rest))) = (example.channels, values.split_at_checked(pixels)) {
        let (green, blue) = rest.split_at(pixels.min(rest.len()));
        let rgb = red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b].map(byte));
        return Raster::Rgb(rgb.collect());
    }
    Raster::Grey(over_channels(example, values).into_iter().map(byte).collect())
}

/// Places on the common scale, means over the channels.
fn intensity(example: &UncertaintyExample, values: &[f32], scale: f64) -> Raster {
    let place = |value: f32| (255.0 * f64::from(value) / scale).round().clamp(0.0, 255.0) as u8;
    Raster::Mapped(over_channels(example, values).into_iter().map(place).collect())
}

fn over_channels(example: &UncertaintyExample, values: &[f32]) -> Vec<f32> {
    let pixels = (example.height * example.width).max(1);
    let mut sums = vec![0.0f32; pixels];
    for plane in values.chunks_exact(pixels) {
        sums.iter_mut().zip(plane).for_each(|(sum, value)| *sum += value / example.channels.max(1) as f32);
    }
    sums
}

/// A chart of the signal, and one for each method, with one axis. Of several channels the first.
fn signal(example: &UncertaintyExample, name: &str) -> Vec<Figure> {
    let at = |i: usize| (example.corner[1] + i + 1) as f64;
    let line = |name: &str, colour, values: &[f32]| Line {
        name: name.to_owned(),
        colour,
        dashed: false,
        points: values.iter().take(example.width).enumerate().map(|(i, &y)| (at(i), f64::from(y))).collect(),
    };
    let ends = |maps: &ExampleMaps| -> Vec<(f64, f64)> {
        let pair = |(&a, &b): (&f32, &f32)| (f64::from(a), f64::from(b));
        if maps.lo.is_empty() || maps.hi.is_empty() {
            maps.output
                .iter()
                .zip(&maps.u)
                .map(pair)
                .map(|(y, u)| (y - u, y + u))
                .take(example.width)
                .collect()
        } else {
            maps.lo.iter().zip(&maps.hi).map(pair).take(example.width).collect()
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
        line("input", 9, &example.input),
        line("output", 0, &example.output),
        line("target", 1, &example.target),
    ];
    let first = chart(format!("{}: signal", example.name), whole, Vec::new());
    let mut figures = vec![first.figure(true).named(format!("{name}-signal"))];
    for maps in &example.maps {
        let points = ends(maps).into_iter().enumerate().map(|(i, (lo, hi))| (at(i), lo, hi)).collect();
        let what = if maps.lo.is_empty() { "± u" } else { "its interval" };
        let lines = vec![line("output", 0, &maps.output), line("target", 1, &example.target)];
        let title = format!("{}: {}, {what}", example.name, title(&maps.method));
        let chart = chart(title, lines, vec![Band { colour: 0, points }]);
        figures.push(chart.figure(true).named(format!("{name}-{}", maps.method)));
    }
    figures
}
