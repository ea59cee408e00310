//! Comma-separated tables with a header row; the type of a column is the narrowest that fits all its values.

use std::fs::File;
use std::path::Path;

use crate::error::{Error, Result};
use crate::table::{Column, Table};

/// Reads a table. Empty fields are missing values; a column is integer, float or bool where every value is.
///
/// # Errors
/// [`Error::InFile`] around [`Error::Table`] (no CSV, rows of unequal length, not UTF-8) or what the operating system
/// said.
pub fn read_csv(path: &Path) -> Result<Table> {
    let read = || parse(File::open(path)?);
    read().map_err(|error: Error| error.in_file(path))
}

fn parse(input: impl std::io::Read) -> Result<Table> {
    let bad = |error: csv::Error| Error::Table { cause: error.to_string() };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let names = reader.headers().map_err(bad)?.clone();
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); names.len()];
    for row in reader.records() {
        let row = row.map_err(bad)?;
        for (column, field) in columns.iter_mut().zip(&row) {
            column.push((!field.is_empty()).then(|| field.to_owned()));
        }
    }
    let mut table = Table::new();
    for (name, values) in names.iter().zip(columns) {
        // Excel marks UTF-8 files with a byte order mark, which would otherwise become part of the first name.
        table.push(name.trim_start_matches('\u{feff}'), typed(values))?;
    }
    Ok(table)
}

fn typed(values: Vec<Option<String>>) -> Column {
    fn all<T>(values: &[Option<String>], parse: impl Fn(&str) -> Option<T>) -> Option<Vec<Option<T>>> {
        let one = |value: &Option<String>| match value {
            None => Some(None),
            Some(text) => parse(text).map(Some),
        };
        values.iter().map(one).collect()
    }
    let boolean = |text: &str| match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    };
    // "007" is an identifier, not the number 7.
    let padded = |text: &str| text.len() > 1 && text.starts_with('0') && !text.starts_with("0.");
    let integer = |text: &str| if padded(text) { None } else { text.parse::<i64>().ok() };
    let finite = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite() && !padded(text));
    if values.iter().all(Option::is_none) {
        Column::Text(values)
    } else if let Some(values) = all(&values, integer) {
        Column::Integer(values)
    } else if let Some(values) = all(&values, finite) {
        Column::Float(values)
    } else if let Some(values) = all(&values, boolean) {
        Column::Bool(values)
    } else {
        Column::Text(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_type_that_fits() {
        let text = "\u{feff}path, label,age,ok,slide,site\n a.png ,1,3.5,True,007,\nb.png,,4,,008,\n";
        let table = parse(text.as_bytes()).unwrap();
        let get = |name| table.require(name).unwrap();
        assert_eq!(get("path"), &Column::text(["a.png", "b.png"]));
        assert_eq!(get("label"), &Column::Integer(vec![Some(1), None]));
        assert_eq!(get("age"), &Column::Float(vec![Some(3.5), Some(4.0)]));
        assert_eq!(get("ok"), &Column::Bool(vec![Some(true), None]));
        assert_eq!(get("slide"), &Column::text(["007", "008"]));
        assert_eq!(get("site"), &Column::Text(vec![None, None]));
    }

    #[test]
    fn rows_of_unequal_length_are_refused() {
        let error = parse("a,b\n1,2\n3\n".as_bytes()).unwrap_err().to_string();
        assert!(error.contains("not a readable table") && error.contains("line: 3"), "{error}");
    }
}
