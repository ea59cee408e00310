//! The panel of a reconstruction study.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails by panicking, too")]

#[allow(dead_code, reason = "each user of the sample takes a part of it")]
mod sample;

use modelmend_report::input::{ReportInput, UncertaintyExample};
use modelmend_report::{figures, render};

fn names(input: &ReportInput) -> Vec<String> {
    figures(input).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn each_figure_of_a_reconstruction_study_is_a_file_and_on_the_page() {
    let input = sample::uncertainty::report();
    let names = names(&input);
    for name in [
        "uncertainty-example-1.svg",
        "uncertainty-example-2.svg",
        "uncertainty-example-3-signal.svg",
        "uncertainty-example-3-inn.svg",
        "uncertainty-example-3-probout.svg",
        "uncertainty-sparsification.svg",
        "uncertainty-quantiles.svg",
        "uncertainty-noise.svg",
        "uncertainty-noise-correlation.svg",
        "uncertainty-direction.svg",
        "uncertainty-coverage.svg",
        "uncertainty-width.svg",
        "uncertainty-density-inn.svg",
        "uncertainty-density-mcdropout.svg",
        "uncertainty-placement-inn.svg",
        "uncertainty-placement-probout.svg",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
    }
    let html = render(&input);
    assert_eq!(html.matches("<svg class=\"figure\"").count(), names.len());
    assert!(html.contains("0.620") && html.contains("± 0.012"), "value and spread over runs");
    assert!(html.contains("28.2") && html.contains("what goes into the network"), "no reconstructions");
    assert!(html.contains("rows 13 to 52, columns 201 to 256") && html.contains("samples 201 to 296"));
}

#[test]
fn every_picture_has_its_frame_and_one_scale_serves_all() {
    let input = sample::uncertainty::report();
    let all = figures(&input);
    let of = |wanted: &str| &all.iter().find(|(name, _)| name == wanted).unwrap().1;
    // Sinogram; input, output, target, |error|; one u without and two with an |error| of their own; the bar of colours.
    assert_eq!(of("uncertainty-example-1.svg").matches("<image").count(), 1 + 4 + 1 + 2 * 2 + 1);
    let end = |svg: &str| svg.split(" or more").next().unwrap().rsplit('>').next().unwrap().to_owned();
    assert_eq!(end(of("uncertainty-example-1.svg")), end(of("uncertainty-example-2.svg")));
    // Brightness says how large: nothing but zeros is black.
    let mut flat = input.clone();
    for maps in &mut flat.examples[0].maps {
        maps.u.fill(0.0);
    }
    assert_ne!(figures(&flat)[0], all[0]);
}

#[test]
fn every_interval_stands_beside_its_promise() {
    let html = render(&sample::uncertainty::report());
    let table = html.split("class=\"promises\"").nth(1).unwrap().split("</table>").next().unwrap();
    for words in [
        "90\u{202f}% on average over new groups, except for a chance of 10\u{202f}% (RCPS); fitted on 40 groups",
        "90\u{202f}% in expectation for a new group (conformal risk control)",
        "nothing for other groups: 2 groups are too few for 90\u{202f}%",
        "widened by 2 β",
        "80\u{202f}% on average over what it was trained on",
    ] {
        assert!(table.contains(words), "{words} in {table}");
    }
    // Own, two widened and calibrated of the interval network, calibrated ones of the others.
    assert_eq!(table.matches("<tr>").count(), 1 + 4 + 2);
    let mut alone = sample::uncertainty::report();
    alone.groups.clear();
    assert!(render(&alone).contains("90\u{202f}% in expectation for a new item"));
    for column in ["Cosine", "PWCC", "its share of pixels", "Spearman correlation", "AUGRC"] {
        assert!(html.contains(column), "{column}");
    }
    // Accuracy and share at five ratios with their intervals.
    let direction = html.split("Direction of the error: how often").nth(1).unwrap();
    let row = direction.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    assert_eq!(row.matches("below muted").count(), 5 * 2 * 2, "{row}");
    assert!(html.contains("standard deviation of the noise, of 255"));
}

#[test]
fn a_histogram_has_its_bins_and_both_sides() {
    let all = figures(&sample::uncertainty::report());
    let of = |wanted: &str| &all.iter().find(|(name, _)| name == wanted).unwrap().1;
    // Bars of two series and of one, with the marks of the legend and the paper.
    assert_eq!(of("uncertainty-placement-inn.svg").matches("<rect").count(), 2 * 22 + 2 + 1);
    assert_eq!(of("uncertainty-placement-mcdropout.svg").matches("<rect").count(), 22 + 1 + 1);
    assert!(of("uncertainty-placement-inn.svg").contains("below"));
}

#[test]
fn two_lines_tell_accuracy_and_who_takes_part() {
    let all = figures(&sample::uncertainty::report());
    let svg = &all.iter().find(|(name, _)| name == "uncertainty-direction.svg").unwrap().1;
    assert_eq!(svg.matches("class=\"curve c0\"").count(), 3, "two lines and the legend");
    assert_eq!(svg.matches("stroke-dasharray=\"2 4\"").count(), 1);
}

#[test]
fn the_page_stays_small_whatever_the_pictures() {
    let mut input = sample::uncertainty::report();
    let mut state = 1u32;
    let mut noise = |length: usize| -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        (0..length).map(|_| next()).collect()
    };
    let pixels = 3 * 192 * 192;
    let mut example =
        UncertaintyExample { channels: 3, height: 192, width: 192, ..input.examples[0].clone() };
    for values in [&mut example.input, &mut example.target, &mut example.output] {
        *values = noise(pixels);
    }
    for maps in &mut example.maps {
        (maps.u, maps.output, maps.lo, maps.hi) = (noise(pixels), noise(pixels), Vec::new(), Vec::new());
    }
    input.examples = vec![example; 6];
    let html = render(&input);
    assert!(html.len() < 4_000_000, "{}", html.len());
    assert!(html.contains("items are left out"));
}

#[test]
fn hostile_studies_stay_harmless() {
    let input = sample::uncertainty::spoil(sample::uncertainty::report());
    let html = render(&input);
    assert_eq!(html.matches("<script").count(), 2);
    assert_eq!(html.matches("<img").count(), 0);
    for (name, svg) in figures(&input) {
        roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!svg.contains("NaN") && !svg.contains("inf\"") && !svg.contains(" inf"), "{name}: {svg}");
    }
    let visible = html.split("<script").next().unwrap();
    for word in [">NaN", ">inf", "\"NaN", "\"inf", " NaN", " inf "] {
        assert!(!visible.contains(word), "{word}");
    }
    for (at, _) in html.match_indices(" href=\"") {
        let value = html[at + 7..].split('"').next().unwrap();
        assert!(value.starts_with('#') || value.starts_with("data:image/png;base64,"), "{value:.60}");
    }
    // Examples that lie about their size are not shown.
    assert_eq!(html.matches("uncertainty-example").count(), 0, "names of files stay out of the page");
    assert!(!names(&input).iter().any(|name| name.starts_with("uncertainty-example-4")));
}

#[test]
fn a_study_without_values_renders() {
    let mut input = sample::uncertainty::report();
    input.examples.clear();
    input.stress.clear();
    input.uncertainty = vec![Default::default(); 2];
    let html = render(&input);
    assert!(!html.contains("NaN") && html.contains("Which output to distrust"));
    assert!(figures(&input).is_empty());
    input.uncertainty.clear();
    input.examples = sample::uncertainty::report().examples;
    assert!(figures(&input).is_empty());
}
