//! Every colour of the report, in one table for both themes.
//!
//! The page reads them as CSS variables; a figure that stands alone carries the light ones as attributes. The
//! categorical colours start from the palette of Okabe and Ito ("Color Universal Design", 2008), which readers
//! with any common colour vision deficiency can tell apart, darkened where they would be too faint on white;
//! the ramp for numbers changes in lightness all the way.

/// A colour of the theme: CSS variable, light value, dark value.
struct Token(&'static str, &'static str, &'static str);

const TOKENS: &[Token] = &[
    Token("page", "#f6f6f3", "#111418"),
    Token("card", "#ffffff", "#1a1e24"),
    Token("ink", "#1b1f24", "#e7eaee"),
    Token("muted", "#5a626d", "#a3acb8"),
    Token("line", "#dedfdb", "#323841"),
    Token("accent", "#17568f", "#86bdf5"),
    Token("heat", "#17568f", "#7cb8f5"),
    Token("on-heat", "#ffffff", "#0c1116"),
    Token("warn", "#7a4600", "#ffcf85"),
    Token("warn-page", "#fdf1dc", "#33290f"),
    Token("good", "#0c6b4d", "#66d3ab"),
    // categories, used in this order
    Token("c0", "#0072b2", "#4aa8e6"),
    Token("c1", "#d55e00", "#ff8a3d"),
    Token("c2", "#009e73", "#2fc99a"),
    Token("c3", "#c04f93", "#ef9bcb"),
    Token("c4", "#d99100", "#f2bd3a"),
    Token("c5", "#38a3dd", "#a5dcff"),
    Token("c6", "#4b3fa0", "#a69bff"),
    Token("c7", "#857a00", "#e3dc55"),
    Token("c8", "#7d4a2a", "#cf9d77"),
    Token("c9", "#4a4f57", "#d5dae1"),
    // no category
    Token("none", "#a9aeb5", "#6b737e"),
    // numbers, from low to high
    Token("q0", "#f4c88a", "#5a2a6b"),
    Token("q1", "#f0a467", "#86307a"),
    Token("q2", "#e67c52", "#b13b78"),
    Token("q3", "#d15353", "#d5556a"),
    Token("q4", "#ad3561", "#ea7a5c"),
    Token("q5", "#7d2369", "#f3a35f"),
    Token("q6", "#491a5c", "#f9d280"),
];

/// Number of categorical colours; category `i` has colour `i % CATEGORIES` and is hollow from the second round on.
pub(crate) const CATEGORIES: usize = 10;
/// Number of steps of the ramp for numbers.
pub(crate) const RAMP: usize = 7;

/// The light value of a theme colour; `currentColor` for a name that is not in the table.
pub(crate) fn light(name: &str) -> &'static str {
    TOKENS.iter().find(|token| token.0 == name).map_or("currentColor", |token| token.1)
}

/// The 256 colours of pictures that show numbers, from black over the ramp of the dark theme: the brighter, the larger. Three bytes
/// each.
#[must_use]
pub fn intensities() -> Vec<u8> {
    let bright = |i: usize| {
        let name = format!("q{i}");
        TOKENS.iter().find(|token| token.0 == name).map_or([0.0; 3], |token| channels(token.2))
    };
    let stops: Vec<[f64; 3]> = std::iter::once([0.0; 3]).chain((0..RAMP).map(bright)).collect();
    let colour = |i: usize| {
        let at = i as f64 / 255.0 * RAMP as f64;
        let (below, share) = ((at.floor() as usize).min(RAMP - 1), at - at.floor().min((RAMP - 1) as f64));
        let ends = stops.get(below).zip(stops.get(below + 1));
        let (from, to) = ends.map_or(([0.0; 3], [0.0; 3]), |(from, to)| (*from, *to));
        [0, 1, 2].map(|c: usize| (from[c] + share * (to[c] - from[c])).round() as u8)
    };
    (0..256).flat_map(colour).collect()
}

/// Red, green and blue of a colour such as `#1b1f24`, in 0 ..= 255.
fn channels(hex: &str) -> [f64; 3] {
    [1, 3, 5].map(|at: usize| {
        let pair = hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        f64::from(pair.unwrap_or(0))
    })
}

/// CSS class of a category: its colour, and a hollow mark from the second round on.
pub(crate) fn category_class(index: Option<usize>) -> String {
    match index {
        None => "none".to_owned(),
        Some(i) if i < CATEGORIES => format!("c{i}"),
        Some(i) => format!("c{} hollow", i % CATEGORIES),
    }
}

/// The theme as CSS: variables for light, dark and print, and the classes that use them.
pub(crate) fn css() -> String {
    let variables = |pick: fn(&Token) -> &'static str| -> String {
        TOKENS.iter().map(|token| format!("--{}:{};", token.0, pick(token))).collect()
    };
    let light = variables(|token| token.1);
    let dark = variables(|token| token.2);
    let mut css = format!(
        ":root{{color-scheme:light;{light}}}\n\
         @media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n\
         :root[data-theme=dark]{{color-scheme:dark;{dark}}}\n\
         @media print{{:root,:root[data-theme],:root:not([data-theme=light]){{color-scheme:light;{light}}}}}\n"
    );
    let steps = (0..CATEGORIES).map(|i| format!("c{i}")).chain((0..RAMP).map(|i| format!("q{i}")));
    for class in steps.chain(["none".to_owned()]) {
        css += &format!(".{class}{{--mark:var(--{class})}}\n");
    }
    css
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance by WCAG 2.1.
    fn luminance(hex: &str) -> f64 {
        let channel = |i: usize| {
            let value = f64::from(u8::from_str_radix(&hex[i..i + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn token(name: &str) -> &'static Token {
        TOKENS.iter().find(|token| token.0 == name).unwrap()
    }

    #[test]
    fn words_are_legible_in_both_themes() {
        for (front, back) in [
            ("ink", "card"),
            ("muted", "page"),
            ("accent", "card"),
            ("warn", "warn-page"),
            ("warn", "card"),
            ("good", "card"),
        ] {
            let (front, back) = (token(front), token(back));
            assert!(contrast(front.1, back.1) >= 4.5, "{} on {} (light)", front.0, back.0);
            assert!(contrast(front.2, back.2) >= 4.5, "{} on {} (dark)", front.0, back.0);
        }
    }

    #[test]
    fn marks_stand_out_from_the_card() {
        for i in 0..CATEGORIES {
            let mark = token(&format!("c{i}"));
            assert!(contrast(mark.1, token("card").1) >= 2.5, "c{i} (light)");
            assert!(contrast(mark.2, token("card").2) >= 3.0, "c{i} (dark)");
        }
    }

    #[test]
    fn intensities_go_from_black_to_the_end_of_the_ramp_and_get_brighter() {
        let colours = intensities();
        assert_eq!(
            (colours.len(), &colours[..3], &colours[765..]),
            (768, &[0u8, 0, 0][..], &[0xf9, 0xd2, 0x80][..])
        );
        let hex = |c: &[u8]| luminance(&format!("#{:02x}{:02x}{:02x}", c[0], c[1], c[2]));
        let steps: Vec<f64> = colours.chunks_exact(3).map(hex).collect();
        assert!(steps.windows(8).all(|pair| pair[0] < pair[7]));
    }

    #[test]
    fn the_ramp_changes_lightness_all_the_way() {
        for i in 1..RAMP {
            let (a, b) = (token(&format!("q{}", i - 1)), token(&format!("q{i}")));
            assert!(luminance(a.1) > luminance(b.1), "q{i} (light)");
            assert!(luminance(a.2) < luminance(b.2), "q{i} (dark)");
        }
    }
}
