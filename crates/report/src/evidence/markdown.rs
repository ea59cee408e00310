//! Markdown made of text that may try to be more than text.

/// A text as one line that Markdown shows as it is: no markup, no table border, no link, no new block.
pub(super) fn text(text: &str) -> String {
    let one_line: String = text.chars().map(|c| if is_break(c) { ' ' } else { c }).collect();
    let words = one_line.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let mut escaped = String::with_capacity(words.len());
    for c in words.chars() {
        if SPECIAL.contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    harmless_start(escaped.replace("://", "\\://"))
}

/// Characters with a meaning inside a line, in CommonMark or on the sites that show it. A bare link is broken at its `://`.
const SPECIAL: &str = "\\`*_[]<>#|~&$@";

/// Control characters and the line separators of Unicode.
fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Escapes what would begin a list, a rule or a heading at the start of a line.
fn harmless_start(text: String) -> String {
    if text.starts_with(['-', '+', '=']) {
        return format!("\\{text}");
    }
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    match text.split_at_checked(digits) {
        Some((number, rest))
            if digits > 0 && rest.starts_with(['.', ')']) && matches!(rest.get(1..2), None | Some(" ")) =>
        {
            format!("{number}\\{rest}")
        }
        _ => text,
    }
}

/// A table of cells that are Markdown already; rows are cut or filled to the width of the header.
pub(super) fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<&str> = cells.collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut table = line(&mut header.iter().map(String::as_str));
    table += &line(&mut header.iter().map(|_| "---"));
    for row in rows {
        let filled = row.iter().map(String::as_str).chain(std::iter::repeat("")).take(header.len());
        table += &line(&mut { filled });
    }
    table
}

/// A list of items that are Markdown already.
pub(super) fn list(items: &[String]) -> String {
    items.iter().map(|item| format!("- {item}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_one_line_of_text() {
        assert_eq!(text("a|b\nc"), "a\\|b c");
        assert_eq!(text("`x` *y* <b> [z](http://q)"), "\\`x\\` \\*y\\* \\<b\\> \\[z\\](http\\://q)");
        assert_eq!(text("\r\n# head\u{2028}\u{0}"), "\\# head");
        assert_eq!(text("- item"), "\\- item");
        assert_eq!(text("12. item"), "12\\. item");
        assert_eq!(text("3) item"), "3\\) item");
        assert_eq!(text("4."), "4\\.");
        assert_eq!(text("\\|"), "\\\\\\|");
        assert_eq!(text("0.5 mm, Zellkörper"), "0.5 mm, Zellkörper");
    }

    #[test]
    fn rows_have_the_width_of_the_header() {
        let cells = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let table = table(&cells(&["a", "b"]), &[cells(&["1"]), cells(&["1", "2", "3"])]);
        assert_eq!(table, "| a | b |\n| --- | --- |\n| 1 |  |\n| 1 | 2 |\n");
    }
}
