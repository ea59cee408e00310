//! Stressed items to look at: what went in and came out before and in the test, what u should mark, and what it marks.

use crate::input::{StressExample, StressTest};
use crate::panels::items::{self, Item};
use crate::panels::uncertainty::title;
use crate::svg::Figure;
use crate::svg::lines::{Chart, Line};
use crate::svg::pictures::Pictures;
use crate::window::{self, Window};

/// What u should mark, as a reader calls it.
const CHANGE: &str = "what u should mark";

pub(super) fn words(test: &StressTest) -> &'static str {
    if test.examples.iter().filter(|e| is_whole(e)).all(|e| Window::from(e).is_signal()) {
        "Items of the first run. On the right, a good u rises where the dark line does."
    } else {
        "Items of the first run, before and in the test. Grey (or colour) goes from the least to the largest value of the output before. What u \
         should mark and u share one scale over the items of this test: black is 0, and the brighter, the larger."
    }
}

/// Whether all arrays have the size of the example and are numbers.
fn is_whole(example: &StressExample) -> bool {
    let arrays =
        [&example.input_before, &example.input, &example.output_before, &example.output, &example.change];
    Window::from(example).holds(arrays.into_iter().chain(example.maps.iter().map(|maps| &maps.u)))
}

/// Places in the lists of tests and of their examples: the first of each test, then the second of each.
pub(super) fn whole(tests: &[&StressTest]) -> Vec<(usize, usize)> {
    let of_test = |(at, test): (usize, &&StressTest)| -> Vec<(usize, usize)> {
        let whole = test.examples.iter().enumerate().filter(|(_, example)| is_whole(example));
        whole.map(|(index, _)| (at, index)).collect()
    };
    let mut places: Vec<(usize, (usize, usize))> =
        tests.iter().enumerate().flat_map(|test| of_test(test).into_iter().enumerate()).collect();
    places.sort_by_key(|(turn, _)| *turn);
    places.into_iter().map(|(_, place)| place).collect()
}

/// The examples that there is room for, in the order of the tests. Every test gets its first before any gets its second.
pub(super) fn shown(tests: &[&StressTest]) -> Vec<((usize, usize), Item)> {
    let scales: Vec<f64> = tests.iter().map(|test| scale(test)).collect();
    let found = whole(tests).into_iter().filter_map(|(at, index)| {
        let test = tests.get(at)?;
        Some(((at, index), *test, test.examples.get(index)?, scales.get(at).copied()?))
    });
    let shown = items::with_room(found, |((_, index), test, example, scale)| {
        item(test, example, format!("stress-{}-{}", test.name, index + 1), *scale)
    });
    let mut shown: Vec<_> = shown.into_iter().map(|((place, ..), item)| (place, item)).collect();
    shown.sort_by_key(|(place, _)| *place);
    shown
}

fn item(test: &StressTest, example: &StressExample, file: String, scale: f64) -> Item {
    let window = Window::from(example);
    let name = format!("{}: {}", test.name, example.name);
    let figures = if window.is_signal() {
        signal(example, window, &name, &file)
    } else {
        vec![pictures(example, window, &name, scale).figure().named(file)]
    };
    Item { name, facts: window.place(), is_signal: window.is_signal(), figures }
}

/// The end of the scale of all pictures of a test.
fn scale(test: &StressTest) -> f64 {
    let pictures = test.examples.iter().filter(|e| is_whole(e) && !Window::from(*e).is_signal());
    let values = pictures.flat_map(|e| std::iter::once(&e.change).chain(e.maps.iter().map(|maps| &maps.u)));
    window::scale(values.flatten().copied().collect())
}

/// A row of pictures.
fn pictures(example: &StressExample, window: Window, name: &str, scale: f64) -> Pictures {
    let range = window::range(&example.output_before);
    let picture = |label: &str, values: &[f32]| items::picture(label, window.tones(values, range));
    let map = |label: &str, what: &str, values: &[f32]| {
        items::map(label, what, values, window.intensity(values, scale))
    };
    let mut frames = vec![
        picture("input before", &example.input_before),
        picture("input in the test", &example.input),
        picture("output before", &example.output_before),
        picture("output in the test", &example.output),
        map(CHANGE, "", &example.change),
    ];
    frames.extend(example.maps.iter().map(|maps| map(title(&maps.method), "u", &maps.u)));
    let scaled = format!("{CHANGE}, and u, one scale");
    Pictures { title: name.to_owned(), size: window.size(), frames, scale, scaled }
}

/// A chart of what went in and came out, and one of what u should mark with u. Of several channels the first.
fn signal(example: &StressExample, window: Window, name: &str, file: &str) -> Vec<Figure> {
    let chart = |what: &str, lines: Vec<Line>| Chart {
        title: format!("{name}: {what}"),
        x_label: "sample".to_owned(),
        y_label: "value".to_owned(),
        lines,
        ..Chart::default()
    };
    let before = |line: Line| Line { dashed: true, ..line };
    let signals = vec![
        before(window.line("input before", 9, &example.input_before)),
        window.line("input in the test", 9, &example.input),
        before(window.line("output before", 1, &example.output_before)),
        window.line("output in the test", 1, &example.output),
    ];
    let u = example.maps.iter().enumerate().map(|(i, maps)| window.line(title(&maps.method), i, &maps.u));
    let marks = std::iter::once(window.line(CHANGE, 9, &example.change)).chain(u).collect();
    vec![
        chart("signals", signals).figure(true).named(format!("{file}-signals")),
        chart("u of each method", marks).figure(true).named(format!("{file}-u")),
    ]
}
