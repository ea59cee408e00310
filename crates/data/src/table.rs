//! A small typed table: named columns with missing values.

use crate::error::{Error, Result};

/// One value per case, of one type, `None` where it is missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Words.
    Text(Vec<Option<String>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Real numbers.
    Float(Vec<Option<f64>>),
    /// Yes or no.
    Bool(Vec<Option<bool>>),
}

/// Applies one expression to the values of a column, whatever their type.
macro_rules! for_values {
    ($column:expr, $values:ident => $result:expr) => {
        match $column {
            Column::Text($values) => $result,
            Column::Integer($values) => $result,
            Column::Float($values) => $result,
            Column::Bool($values) => $result,
        }
    };
}

impl Column {
    /// A text column without missing values.
    pub fn text<S: Into<String>>(values: impl IntoIterator<Item = S>) -> Self {
        Column::Text(values.into_iter().map(|value| Some(value.into())).collect())
    }

    /// An integer column without missing values.
    pub fn integers(values: impl IntoIterator<Item = i64>) -> Self {
        Column::Integer(values.into_iter().map(Some).collect())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        for_values!(self, values => values.len())
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row as text; `None` where it is missing or the row does not exist.
    pub fn text_at(&self, row: usize) -> Option<String> {
        for_values!(self, values => values.get(row)?.as_ref().map(ToString::to_string))
    }

    /// The rows at `indices`, in that order.
    ///
    /// # Panics
    /// Where an index is not below [`Column::len`].
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Column {
        match self {
            Column::Text(values) => Column::Text(indices.iter().map(|&row| values[row].clone()).collect()),
            Column::Integer(values) => Column::Integer(indices.iter().map(|&row| values[row]).collect()),
            Column::Float(values) => Column::Float(indices.iter().map(|&row| values[row]).collect()),
            Column::Bool(values) => Column::Bool(indices.iter().map(|&row| values[row]).collect()),
        }
    }

    /// `more` rows below these. Columns of different type become text; a column that one side lacks is missing there.
    pub(crate) fn extend(&mut self, more: Column) {
        match (&mut *self, more) {
            (Column::Text(values), Column::Text(more)) => values.extend(more),
            (Column::Integer(values), Column::Integer(more)) => values.extend(more),
            (Column::Float(values), Column::Float(more)) => values.extend(more),
            (Column::Bool(values), Column::Bool(more)) => values.extend(more),
            (_, more) => {
                let words = |column: &Column| (0..column.len()).map(|row| column.text_at(row)).collect();
                let mut values: Vec<_> = words(self);
                values.extend::<Vec<_>>(words(&more));
                *self = Column::Text(values);
            }
        }
    }

    /// A column of the same type with `rows` missing values.
    pub(crate) fn missing_like(&self, rows: usize) -> Column {
        match self {
            Column::Text(_) => Column::Text(vec![None; rows]),
            Column::Integer(_) => Column::Integer(vec![None; rows]),
            Column::Float(_) => Column::Float(vec![None; rows]),
            Column::Bool(_) => Column::Bool(vec![None; rows]),
        }
    }
}

/// Named columns of equal length, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<(String, Column)>,
}

impl Table {
    /// A table without columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column at the right.
    ///
    /// # Errors
    /// [`Error::CountMismatch`] where its length is not that of the others, [`Error::Table`] where the name is taken.
    pub fn push(&mut self, name: impl Into<String>, column: Column) -> Result<()> {
        let name = name.into();
        if self.get(&name).is_some() {
            return Err(Error::Table { cause: format!("two columns are named {name}") });
        }
        if let Some((first, values)) = self.columns.first()
            && values.len() != column.len()
        {
            return Err(Error::CountMismatch {
                first: first.clone(),
                first_count: values.len(),
                second: name,
                second_count: column.len(),
            });
        }
        self.columns.push((name, column));
        Ok(())
    }

    /// Number of rows; 0 without columns.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// Names and columns in order.
    pub fn columns(&self) -> &[(String, Column)] {
        &self.columns
    }

    /// The column of this name.
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, column)| column)
    }

    /// The column of this name, or an error that lists the names there are.
    ///
    /// # Errors
    /// [`Error::MissingColumn`].
    pub fn require(&self, name: &str) -> Result<&Column> {
        self.get(name).ok_or_else(|| Error::MissingColumn {
            wanted: name.to_owned(),
            present: self.columns.iter().map(|(known, _)| known.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_unequal_lengths_and_double_names() {
        let mut table = Table::new();
        table.push("a", Column::integers([1, 2])).unwrap();
        assert!(table.push("b", Column::text(["x"])).unwrap_err().to_string().contains("2 vs 1"));
        assert!(table.push("a", Column::text(["x", "y"])).is_err());
        assert!(table.require("c").unwrap_err().to_string().contains("the table has: a"));
    }

    #[test]
    fn columns_of_two_types_join_as_text() {
        let mut column = Column::integers([1]);
        column.extend(Column::Text(vec![None, Some("x".into())]));
        assert_eq!(column, Column::Text(vec![Some("1".into()), None, Some("x".into())]));
    }
}
