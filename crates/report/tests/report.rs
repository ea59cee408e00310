//! The page as a whole: complete, small, closed to the outside, harmless.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails by panicking, too")]

mod sample;

use base64::Engine;
use modelmend_report::input::{RepairedCase, Thumbnail};
use modelmend_report::{ReportInput, figures, render};
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Everything between two marks, from the first occurrence on.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).unwrap() + start.len();
    &text[from..from + text[from..].find(end).unwrap()]
}

fn payload(html: &str) -> serde_json::Value {
    serde_json::from_str(between(html, "id=\"report-data\">", "</script>")).unwrap()
}

#[test]
fn every_panel_is_there() {
    let html = render(&sample::report(300));
    for id in [
        "summary",
        "map",
        "pictures",
        "cases",
        "matrices",
        "subtypings",
        "metadata",
        "repair",
        "finetuning",
        "selection",
        "training",
        "provenance",
    ] {
        assert_eq!(html.matches(&format!("<section id=\"{id}\"")).count(), 1, "{id}");
        assert!(html.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    assert_eq!(html.matches("data-dot=").count(), 300);
}

#[test]
fn numbers_of_the_input_are_on_the_page() {
    let mut input = sample::report(100);
    let chosen = input.subtypings.last_mut().unwrap();
    chosen.p_independence = Some(0.0217);
    chosen.matrices[2].values[0][1] = Some(0.4321);
    chosen.matrices[2].lo[0][1] = Some(0.4012);
    chosen.matrices[2].hi[0][1] = Some(0.4698);
    let html = render(&input);
    assert!(html.contains("p\u{a0}=\u{a0}0.022 (independence)"));
    assert!(
        html.contains("accuracy 0.432\n95 % interval 0.40 to 0.47\n27 cases"),
        "cell with interval and count"
    );
    assert!(html.contains("Label noise suspected"));
    assert!(html.contains("Stain batch is “B7” in 90\u{202f}% of this kind"));
}

#[test]
fn metadata_counts_are_right() {
    let mut input = sample::report(40);
    let subtyping = input.subtypings.last_mut().unwrap();
    subtyping.labels = (0..40).map(|i| Some(usize::from(i >= 10))).collect();
    for (i, case) in input.cases.iter_mut().enumerate() {
        case.truth = Some(usize::from(i % 5 == 0));
    }
    let html = render(&input);
    assert!(html.contains("data-tip=\"kind 1, normal shape\n8 of 10 cases\""));
    assert!(html.contains("data-tip=\"kind 2, abnormal shape\n6 of 30 cases\""));
}

#[test]
fn the_page_opens_with_the_chosen_grouping() {
    let mut input = sample::report(50);
    for (chosen, index) in [(Some("features"), 3), (Some("unknown"), 0), (None, 0)] {
        input.chosen = chosen.map(str::to_owned);
        let html = render(&input);
        let options = between(&html, "data-state=\"subtyping\"", "</select>");
        assert!(options.contains(&format!("value=\"{index}\" selected")), "{chosen:?}: {options}");
    }
}

#[test]
fn an_empty_input_renders() {
    let html = render(&ReportInput::default());
    assert!(html.contains("no results yet"));
    assert!(!html.contains("<section"));
    assert!(figures(&ReportInput::default()).is_empty());
}

#[test]
fn missing_keys_read_as_empty_and_json_keeps_everything() {
    assert_eq!(serde_json::from_str::<ReportInput>("{}").unwrap(), ReportInput::default());
    let input = sample::report(30);
    let json = serde_json::to_value(&input).unwrap();
    assert!(serde_json::from_value::<ReportInput>(json).unwrap() == input);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(render(&sample::report(60)), render(&sample::report(60)));
    assert_eq!(figures(&sample::report(60)), figures(&sample::report(60)));
}

#[test]
fn hostile_texts_stay_texts() {
    let input = sample::hostile::spoil(sample::report(60));
    let html = render(&input);
    assert_eq!(html.matches("<script").count(), 2, "the data and the script");
    assert_eq!(html.matches("</script").count(), 2);
    assert_eq!(html.matches("<img").count(), 0);
    for (i, case) in input.cases.iter().enumerate() {
        assert_eq!(payload(&html)["ids"][i], case.id.as_str());
    }
    let visible = html.replace(between(&html, "id=\"report-data\">", "</body>"), "");
    for word in [">NaN", ">inf", "\"NaN", "\"inf", " NaN", " inf "] {
        assert!(!visible.contains(word), "{word}");
    }
}

#[test]
fn nothing_points_outside() {
    for input in [sample::report(40), sample::hostile::spoil(sample::report(40))] {
        let html = render(&input);
        for attribute in [" src=\"", " href=\"", " action=\"", " xlink:href=\"", " srcset=\"", " data=\""] {
            for (at, _) in html.match_indices(attribute) {
                let value = html[at + attribute.len()..].split('"').next().unwrap();
                assert!(
                    value.starts_with('#') || value.starts_with("data:image/png;base64,"),
                    "{attribute}{value:.60}"
                );
            }
        }
        let style = between(&html, "<style>", "</style>");
        let script = html.rsplit("<script>").next().unwrap();
        for word in ["url(", "@import", "@font-face"] {
            assert!(!style.contains(word), "{word}");
        }
        for word in ["http", "fetch(", "XMLHttpRequest", "import(", "innerHTML", "eval(", "document.write"] {
            assert!(!script.contains(word), "{word}");
        }
    }
    assert!(!render(&sample::report(40)).replace("http-equiv", "").contains("http"));
}

#[test]
fn the_policy_allows_this_script_and_this_style_only() {
    let html = render(&sample::report(20));
    let policy = between(&html, "Content-Security-Policy\" content=\"", "\"").replace("&#39;", "'");
    let hash = |text: &str| {
        format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text)))
    };
    let script = html.rsplit("<script>").next().unwrap().split("</script>").next().unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(policy.contains(&format!("script-src {};", hash(script))), "{policy}");
    assert!(
        policy.contains(&format!("style-src {};", hash(between(&html, "<style>", "</style>")))),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(html.matches(" style=").count(), 0);
}

/// Pictures of pure noise cannot be compressed: the largest page that 1,000 failures can make.
#[test]
fn a_thousand_failures_stay_under_5_megabytes() {
    let mut input = sample::report(1_000);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut noise = || {
        let mut rgb = vec![0; 28 * 28 * 3];
        rng.fill_bytes(&mut rgb);
        Some(Thumbnail { width: 28, height: 28, rgb })
    };
    for case in &mut input.cases {
        case.thumbnail = noise();
    }
    for repair in &mut input.repairs {
        let one = RepairedCase { id: "x".repeat(40), picture: noise(), ..RepairedCase::default() };
        repair.fixed = vec![one.clone(); 1_000];
        for case in &mut repair.fixed {
            case.picture = noise();
        }
        repair.broken = repair.fixed.clone();
    }
    let bytes = render(&input).len();
    assert!(bytes < 5_000_000, "{bytes} bytes");
    assert!(payload(&render(&input))["pictures"].as_array().unwrap().iter().all(|p| !p.is_null()));
}

#[test]
fn figures_are_svg_files_with_safe_unique_names() {
    for input in [sample::report(40), sample::hostile::spoil(sample::report(40))] {
        let figures = figures(&input);
        assert!(figures.len() > 50);
        let names: std::collections::BTreeSet<&str> = figures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), figures.len());
        for (name, svg) in &figures {
            let stem = name.strip_suffix(".svg").unwrap();
            assert!(stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{name}");
            let document = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{name}: {error}"));
            let outside =
                document.descendants().flat_map(|node| node.attributes()).any(|a| a.name() == "href");
            assert!(!outside && !document.descendants().any(|node| node.has_tag_name("script")), "{name}");
            assert!(!svg.contains("NaN"), "{name}");
        }
    }
}

#[test]
fn each_kind_of_figure_is_among_them() {
    let names: Vec<String> = figures(&sample::report(40)).into_iter().map(|(name, _)| name).collect();
    for name in [
        "embedding-gradients.svg",
        "matrix-gradients-test-after.svg",
        "matrix-gradients-train-before.svg",
        "finetuning-gradients-1.svg",
        "selection-gradients-silhouette.svg",
        "training-loss.svg",
        "metadata-random-stain-batch.svg",
        "repair-rim-and-pallor-accuracy.svg",
        "repair-rim-and-pallor-tradeoffs.svg",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
    }
}
