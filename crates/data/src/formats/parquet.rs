//! Apache Parquet tables of plain columns, through the `parquet` crate without Arrow.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{
    Compression, ConvertedType, Encoding, LogicalType, PageType, Repetition, Type as PhysicalType,
};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Field;
use parquet::schema::types::Type;

use super::write_atomically;
use crate::error::{Error, Result};
use crate::table::{Column, Table};

/// Reads a table whose columns hold text, whole or real numbers or yes/no.
///
/// # Errors
/// [`Error::InFile`] around [`Error::Table`] (damaged, or a column of another type) or what the operating system said.
pub fn read_parquet(path: &Path) -> Result<Table> {
    let read = || {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let reader = SerializedFileReader::new(file).map_err(unreadable)?;
        check_chunks(reader.metadata(), bytes)?;
        check_pages(&reader)?;
        parse(reader)
    };
    // The decoders index into what a damaged file says in places that cannot all be checked from here.
    let read =
        || catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(damaged("its pages are malformed")));
    read().map_err(|error: Error| error.in_file(path))
}

fn unreadable(error: ParquetError) -> Error {
    Error::Table { cause: error.to_string() }
}

/// The reader of the `parquet` crate takes it for granted that columns lie inside the file.
fn check_chunks(metadata: &ParquetMetaData, bytes: u64) -> Result<()> {
    let start =
        |chunk: &ColumnChunkMetaData| chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    let inside = |chunk: &ColumnChunkMetaData| {
        let start = u64::try_from(start(chunk)).ok();
        let end = start.zip(u64::try_from(chunk.compressed_size()).ok()).and_then(|(a, b)| a.checked_add(b));
        end.is_some_and(|end| end <= bytes)
    };
    if metadata.row_groups().iter().flat_map(|rows| rows.columns()).all(inside) {
        return Ok(());
    }
    Err(damaged("a column lies outside the file"))
}

/// Nor does it check that a dictionary is there before it is used, and that a page holds the length of its levels.
fn check_pages(reader: &SerializedFileReader<File>) -> Result<()> {
    for row_group in 0..reader.num_row_groups() {
        let rows = reader.get_row_group(row_group).map_err(unreadable)?;
        for column in 0..rows.num_columns() {
            let mut dictionary = false;
            for page in rows.get_column_page_reader(column).map_err(unreadable)? {
                let page = page.map_err(unreadable)?;
                dictionary |= page.page_type() == PageType::DICTIONARY_PAGE;
                let needs = matches!(page.encoding(), Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY);
                if needs && !dictionary {
                    return Err(damaged("a dictionary lacks"));
                }
                if page.page_type() == PageType::DATA_PAGE && page.buffer().len() < size_of::<u32>() {
                    return Err(damaged("a page is cut off"));
                }
            }
        }
    }
    Ok(())
}

fn damaged(cause: &str) -> Error {
    Error::Table { cause: cause.to_owned() }
}

fn parse(reader: SerializedFileReader<File>) -> Result<Table> {
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<String> =
        schema.root_schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
    let mut columns: Vec<Vec<Field>> = vec![Vec::new(); names.len()];
    for row in reader.get_row_iter(None).map_err(unreadable)? {
        for (column, (_, value)) in columns.iter_mut().zip(row.map_err(unreadable)?.into_columns()) {
            column.push(value);
        }
    }
    let mut table = Table::new();
    for (name, values) in names.into_iter().zip(columns) {
        let column = typed(&name, values)?;
        table.push(name, column)?;
    }
    Ok(table)
}

/// The column of a list of values, whose type is that of the first one that is not missing.
fn typed(name: &str, values: Vec<Field>) -> Result<Column> {
    let of_kind = |value: &Field| -> Result<Column> {
        Ok(match value {
            Field::Str(_) | Field::Bytes(_) => Column::Text(Vec::new()),
            Field::Bool(_) => Column::Bool(Vec::new()),
            Field::Float(_) | Field::Double(_) => Column::Float(Vec::new()),
            other if integer(other).is_some() => Column::Integer(Vec::new()),
            _ => return Err(Error::Table { cause: format!("column {name} has an unsupported type") }),
        })
    };
    let mut column = match values.iter().find(|value| !matches!(value, Field::Null)) {
        Some(value) => of_kind(value)?,
        None => Column::Text(Vec::new()),
    };
    for value in values {
        match &mut column {
            Column::Text(cells) => cells.push(text(value)),
            Column::Integer(cells) => cells.push(integer(&value)),
            Column::Float(cells) => cells.push(float(&value)),
            Column::Bool(cells) => {
                cells.push(if let Field::Bool(value) = value { Some(value) } else { None })
            }
        }
    }
    Ok(column)
}

fn text(value: Field) -> Option<String> {
    match value {
        Field::Str(text) => Some(text),
        Field::Bytes(bytes) => Some(String::from_utf8_lossy(bytes.data()).into_owned()),
        _ => None,
    }
}

fn float(value: &Field) -> Option<f64> {
    match *value {
        Field::Float(value) => Some(f64::from(value)),
        Field::Double(value) => Some(value),
        _ => None,
    }
}

fn integer(value: &Field) -> Option<i64> {
    match *value {
        Field::Byte(value) => Some(value.into()),
        Field::Short(value) => Some(value.into()),
        Field::Int(value) => Some(value.into()),
        Field::Long(value) => Some(value),
        Field::UByte(value) => Some(value.into()),
        Field::UShort(value) => Some(value.into()),
        Field::UInt(value) => Some(value.into()),
        Field::ULong(value) => i64::try_from(value).ok(),
        _ => None,
    }
}

/// Writes a table as one row group, Snappy-compressed, complete or not at all; the same table gives the same bytes.
///
/// # Errors
/// [`Error::InFile`] with what the writer or the operating system said.
pub fn write_parquet(path: &Path, table: &Table) -> Result<()> {
    write_atomically(path, |writer| write(writer, table).map_err(io::Error::other))
}

fn write(writer: impl io::Write + Send, table: &Table) -> parquet::errors::Result<()> {
    let fields = table.columns().iter().map(|(name, column)| field(name, column).map(Arc::new));
    let fields = fields.collect::<parquet::errors::Result<Vec<_>>>()?;
    let schema = Type::group_type_builder("cases").with_fields(fields).build()?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut file = SerializedFileWriter::new(writer, Arc::new(schema), Arc::new(properties))?;
    let mut rows = file.next_row_group()?;
    for (_, column) in table.columns() {
        match column {
            Column::Text(cells) => {
                write_column::<ByteArrayType, _>(&mut rows, cells, |text| ByteArray::from(text.as_str()))
            }
            Column::Integer(cells) => write_column::<Int64Type, _>(&mut rows, cells, |&value| value),
            Column::Float(cells) => write_column::<DoubleType, _>(&mut rows, cells, |&value| value),
            Column::Bool(cells) => write_column::<BoolType, _>(&mut rows, cells, |&value| value),
        }?;
    }
    rows.close()?;
    file.close()?;
    Ok(())
}

fn field(name: &str, column: &Column) -> parquet::errors::Result<Type> {
    let (physical, logical, converted) = match column {
        Column::Text(_) => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String), ConvertedType::UTF8),
        Column::Integer(_) => (PhysicalType::INT64, None, ConvertedType::NONE),
        Column::Float(_) => (PhysicalType::DOUBLE, None, ConvertedType::NONE),
        Column::Bool(_) => (PhysicalType::BOOLEAN, None, ConvertedType::NONE),
    };
    Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .with_converted_type(converted)
        .build()
}

fn write_column<T: DataType, V>(
    rows: &mut SerializedRowGroupWriter<'_, impl io::Write + Send>,
    cells: &[Option<V>],
    convert: impl Fn(&V) -> T::T,
) -> parquet::errors::Result<()> {
    let Some(mut column) = rows.next_column()? else {
        return Err(ParquetError::General("the schema has fewer columns than the table".to_owned()));
    };
    let values: Vec<T::T> = cells.iter().flatten().map(convert).collect();
    let present: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    column.typed::<T>().write_batch(&values, Some(&present), None)?;
    column.close()
}
