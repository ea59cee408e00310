//! The panel of stress tests, the table of groups and the picture of a measurement.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails by panicking, too")]

#[allow(dead_code, reason = "each user of the sample takes a part of it")]
mod sample;

use modelmend_report::input::{ItemMean, Plane, ReportInput, StressExample, StressTest};
use modelmend_report::{figures, render};

fn report() -> ReportInput {
    sample::uncertainty::report()
}

fn names(input: &ReportInput) -> Vec<String> {
    figures(input).into_iter().map(|(name, _)| name).filter(|name| name.starts_with("stress")).collect()
}

fn figure(input: &ReportInput, wanted: &str) -> String {
    figures(input).into_iter().find(|(name, _)| name == wanted).unwrap().1
}

/// The pictures of a figure as base64.
fn images(svg: &str) -> Vec<&str> {
    svg.split("data:image/png;base64,").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// A panel of the page.
fn panel<'a>(html: &'a str, id: &str) -> &'a str {
    html.split(&format!("<section id=\"{id}\"")).nth(1).unwrap().split("</section>").next().unwrap()
}

/// The text of each cell of the rows of a table, whose caption or headline is before it.
fn rows<'a>(html: &'a str, before: &str) -> Vec<Vec<&'a str>> {
    let body = html.split(before).nth(1).unwrap().split("<tbody>").nth(1).unwrap();
    let rows = body.split("</tbody>").next().unwrap().split("<tr>").skip(1);
    rows.map(|row| row.split("</t").map(|cell| cell.split_once('>').map_or("", |c| c.1)).collect()).collect()
}

#[test]
fn each_figure_of_a_test_is_a_file_and_on_the_page() {
    let input = report();
    assert_eq!(
        names(&input),
        [
            "stress-adversarial-1.svg",
            "stress-adversarial-2.svg",
            "stress-artefact-1.svg",
            "stress-noise-0-08-1-signals.svg",
            "stress-noise-0-08-1-u.svg",
        ]
    );
    let html = render(&input);
    let panel = panel(&html, "stress");
    assert_eq!(panel.matches("<svg class=\"figure\"").count(), 5);
    assert!(html.contains("href=\"#stress\""));
    assert!(panel.contains("artefact: Test item 5") && panel.contains("samples 201 to 296"));
    assert!(panel.contains("Share of the pixels aimed at: 3.1\u{202f}%."));
    assert!(panel.contains("Average precision<span class=\"below\">chance 0.031<"));
    assert_eq!(panel.matches("<dt>").count(), 7, "each measure is told once, and what a peak is");
    for method in ["interval network", "Monte Carlo dropout", "predicted variance"] {
        assert!(panel.contains(method), "{method}");
    }
}

#[test]
fn the_best_correlation_of_each_test_is_bold() {
    let mut input = report();
    let bold = |input: &ReportInput| {
        let html = render(input);
        let found = panel(&html, "stress").split("<strong>").skip(1);
        found.map(|rest| rest.split('<').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // Row by row: the first method is the best everywhere, the third as good in the last test.
    assert_eq!(bold(&input), ["0.560", "0.520", "0.440", "0.440"]);
    input.stress[0].rows[0].pearson = Some(ItemMean { value: f64::NAN, ..ItemMean::default() });
    input.stress[1].rows[0].pearson = None;
    assert_eq!(bold(&input), ["0.440", "0.480", "0.340", "0.440"]);
}

#[test]
fn the_summary_has_a_column_for_each_test_and_what_the_network_pays() {
    let html = render(&report());
    let summary = &rows(panel(&html, "stress"), "<caption>")[0];
    let text = summary.join(" ");
    let order = ["interval network", "0.560", "± 0.011", "0.520", "0.440", "200", "(180 to 220)", "0.00310"];
    let places: Vec<usize> =
        order.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("{part}"))).collect();
    assert!(places.is_sorted(), "{text}");
    let test = panel(&html, "stress").split("<h3>noise-0.08").nth(1).unwrap();
    let table = test.split("</table>").next().unwrap();
    assert!(!table.contains("Average precision") && !table.contains("Pixel AUROC"), "nothing was aimed at");
    assert!(table.contains("by peak u") && table.contains("0.0123"));
}

#[test]
fn pictures_share_greys_and_one_scale_serves_a_test() {
    let mut input = report();
    let svg = figure(&input, "stress-adversarial-1.svg");
    // Input and output, before and in the test; what u should mark; u of three methods; the bar of colours.
    assert_eq!(images(&svg).len(), 4 + 1 + 3 + 1);
    let end = |svg: &str| svg.split(" or more").next().unwrap().rsplit('>').next().unwrap().to_owned();
    assert_eq!(end(&svg), end(&figure(&input, "stress-adversarial-2.svg")));
    let example = &mut input.stress[0].examples[0];
    example.input_before = example.output_before.clone();
    example.output = example.output_before.iter().map(|v| 0.5 * v).collect();
    example.maps[0].u = example.change.clone();
    for value in input.stress[0].examples[1].change.iter_mut() {
        *value *= 9.0;
    }
    let svg = figure(&input, "stress-adversarial-1.svg");
    let images = images(&svg);
    assert_eq!(images[0], images[2], "the same values have the same greys");
    assert_ne!(images[3], images[2], "and others have others");
    assert_eq!(images[4], images[5], "what u should mark and u have one scale");
    assert_eq!(end(&svg), end(&figure(&input, "stress-adversarial-2.svg")));
    assert_ne!(end(&svg), end(&figure(&input, "stress-artefact-1.svg")), "each test has its own");
}

#[test]
fn signals_have_a_chart_of_values_and_one_of_u() {
    let input = report();
    let count = |name: &str, what: &str| figure(&input, name).matches(what).count();
    // Each line, and its sample in the legend.
    assert_eq!(count("stress-noise-0-08-1-signals.svg", "class=\"curve"), 2 * 4);
    assert_eq!(count("stress-noise-0-08-1-signals.svg", "stroke-dasharray=\"2 4\""), 2 * 2);
    assert_eq!(count("stress-noise-0-08-1-u.svg", "class=\"curve"), 2 * (1 + 3));
}

#[test]
fn a_measurement_is_the_first_picture_in_its_own_greys() {
    let mut input = report();
    let with = figure(&input, "uncertainty-example-1.svg");
    assert!(with.find(">sinogram<").unwrap() < with.find(">input<").unwrap());
    assert_eq!(figure(&input, "uncertainty-example-2.svg").matches(">sinogram<").count(), 0);
    let plane = input.examples[0].measurement.as_mut().unwrap();
    plane.values.iter_mut().for_each(|v| *v *= 4.0);
    assert_eq!(figure(&input, "uncertainty-example-1.svg"), with, "its range is its own");
    input.examples[0].measurement = Some(Plane { height: 2, width: 2, values: vec![1.0; 3] });
    let broken = figure(&input, "uncertainty-example-1.svg");
    assert!(broken.contains("no picture") && images(&broken).len() == images(&with).len() - 1);
    input.examples[0].measurement = None;
    assert!(!figure(&input, "uncertainty-example-1.svg").contains("sinogram"));
}

#[test]
fn groups_have_a_row_each_and_the_rest_is_counted() {
    let mut input = report();
    let html = render(&input);
    let of = |html: &str| -> Vec<String> {
        rows(panel(html, "uncertainty"), "By group").iter().map(|row| row.join(" ")).collect()
    };
    let first = of(&html);
    assert_eq!(first.len(), 3);
    for part in ["patient 2", "10", "0.00450", "0.580", "0.0123", "0.880"] {
        assert!(first[1].contains(part), "{part} in {}", first[1]);
    }
    // Name, items, error; three columns of two methods, and two of the one without coverage.
    assert_eq!(
        html.split("By group")
            .nth(1)
            .unwrap()
            .split("<tbody>")
            .nth(1)
            .unwrap()
            .split("</tr>")
            .next()
            .unwrap()
            .matches("<t")
            .count(),
        1 + 1 + 2 + 3 + 3 + 2
    );
    assert!(first[2].contains("–") && !html.contains("more groups"));
    input.groups = vec![input.groups[0].clone(); 52];
    let html = render(&input);
    assert_eq!(of(&html).len(), 40);
    assert!(html.contains("12 more groups are not shown"));
    input.groups.clear();
    assert!(!render(&input).contains("By group"));
}

#[test]
fn the_page_stays_small_and_every_test_has_its_first_picture() {
    let mut input = report();
    let mut state = 1u32;
    let mut noise = || -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        (0..192 * 192).map(|_| next()).collect()
    };
    let mut example = StressExample { height: 192, width: 192, ..input.stress[0].examples[0].clone() };
    for values in [
        &mut example.input_before,
        &mut example.input,
        &mut example.output_before,
        &mut example.output,
        &mut example.change,
    ] {
        *values = noise();
    }
    example.maps.iter_mut().for_each(|maps| maps.u = noise());
    for test in &mut input.stress {
        test.examples = vec![example.clone(); 5];
    }
    let html = render(&input);
    assert!(html.len() < 3_500_000, "{}", html.len());
    assert!(panel(&html, "stress").contains("items are left out"));
    let names = names(&input);
    for test in ["adversarial", "artefact", "noise-0-08"] {
        assert!(names.contains(&format!("stress-{test}-1.svg")), "{test} in {names:?}");
    }
}

#[test]
fn hostile_tests_stay_harmless() {
    let input = sample::uncertainty::spoil(report());
    let html = render(&input);
    assert_eq!((html.matches("<script").count(), html.matches("<img").count()), (2, 0));
    let (stress, groups) = (panel(&html, "stress"), panel(&html, "uncertainty"));
    assert!(stress.contains("window.attacked") && groups.contains("more groups are not shown"));
    for word in ["NaN", ">inf", "\"inf", " inf"] {
        assert!(!stress.contains(word) && !groups.contains(word), "{word}");
    }
    let figures = figures(&input);
    let unique: std::collections::BTreeSet<&String> = figures.iter().map(|(name, _)| name).collect();
    assert_eq!(unique.len(), figures.len());
    let shown: Vec<_> = figures.iter().filter(|(name, _)| name.starts_with("stress")).collect();
    // Those of the sample, and of each test the one whose numbers are merely large; the signal has two charts.
    assert_eq!(shown.len(), 5 + 1 + 1 + 2);
    for (name, svg) in shown {
        let stem = name.strip_suffix(".svg").unwrap();
        assert!(stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{name}");
        roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!svg.contains("NaN") && !svg.contains("inf\"") && !svg.contains(" inf"), "{name}");
    }
}

#[test]
fn without_tests_there_is_no_panel() {
    let mut input = report();
    for tests in [Vec::new(), vec![StressTest::default(); 2]] {
        input.stress = tests;
        assert!(!render(&input).contains("id=\"stress\"") && names(&input).is_empty());
    }
    // A test without a measure still says what was done.
    input.stress = vec![StressTest {
        about: "What was done.".to_owned(),
        rows: vec![Default::default(); 2],
        ..Default::default()
    }];
    let html = render(&input);
    assert!(
        panel(&html, "stress").contains("What was done.")
            && panel(&html, "stress").contains("No method could be measured")
    );
}
