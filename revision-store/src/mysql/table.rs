//! kine's table in MySQL: its rows as values, and values as SQL.

use std::fmt::Write as _;

use bytes::Bytes;
use mysql_async::{DriverError, Error, FromRowError, Result, Value, prelude::FromRow};

use crate::row::{EntryRow, Row};

/// The columns of an [`EntryRow`], and whether it is a deletion, of a table with this name.
pub(super) fn entry_columns(table: &str, value: &str) -> String {
    format!("{table}.id, {table}.name, {table}.create_revision, {table}.lease, {value}, {table}.deleted")
}

/// Columns of a row from some place on; the row may be missing there, as in a join.
pub(super) struct Columns {
    row: mysql_async::Row,
    next: usize,
}

impl Columns {
    pub(super) fn of(row: mysql_async::Row) -> Self {
        Self { row, next: 0 }
    }

    fn take(&mut self) -> Value {
        self.next += 1;
        self.row.take(self.next - 1).unwrap_or(Value::NULL)
    }

    fn misfit(&self) -> Error {
        Error::Driver(DriverError::FromRow { row: self.row.clone() })
    }

    pub(super) fn number(&mut self) -> Result<Option<u64>> {
        let value = self.take();
        match &value {
            Value::NULL => Ok(None),
            Value::UInt(number) => Ok(Some(*number)),
            Value::Int(number) => Ok(Some(u64::try_from(*number).unwrap_or_default())),
            // Of a statement that was not prepared.
            Value::Bytes(digits) => {
                match std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) {
                    Some(number) => Ok(Some(number)),
                    None => Err(self.misfit()),
                }
            }
            _ => Err(self.misfit()),
        }
    }

    fn flag(&mut self) -> Result<bool> {
        Ok(self.number()?.unwrap_or_default() != 0)
    }

    fn lease(&mut self) -> Result<Option<i64>> {
        Ok(self.number()?.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX)))
    }

    fn bytes(&mut self) -> Option<Bytes> {
        match self.take() {
            Value::Bytes(bytes) => Some(bytes.into()),
            _ => None,
        }
    }

    pub(super) fn text(&mut self) -> Result<String> {
        match self.take() {
            Value::Bytes(bytes) => String::from_utf8(bytes).map_err(|_| self.misfit()),
            _ => Err(self.misfit()),
        }
    }

    /// [`entry_columns`]: the row, and whether it is a deletion.
    pub(super) fn entry(&mut self) -> Result<Option<(EntryRow, bool)>> {
        let Some(id) = self.number()? else { return Ok(None) };
        let (name, create_revision, lease) = (self.text()?, self.number()?, self.lease()?);
        let value = self.bytes().unwrap_or_default();
        Ok(Some((EntryRow { id, name, create_revision, lease, value }, self.flag()?)))
    }

    /// All of [`COLUMNS`](crate::row::COLUMNS).
    pub(super) fn row(&mut self) -> Result<Option<Row>> {
        let Some(id) = self.number()? else { return Ok(None) };
        Ok(Some(Row {
            id,
            name: self.text()?,
            created: self.flag()?,
            deleted: self.flag()?,
            create_revision: self.number()?,
            prev_revision: self.number()?,
            lease: self.lease()?,
            value: self.bytes(),
            old_value: self.bytes(),
        }))
    }
}

impl FromRow for Columns {
    fn from_row_opt(row: mysql_async::Row) -> std::result::Result<Self, FromRowError> {
        Ok(Self::of(row))
    }
}

/// A statement with its parameters in the places of its question marks. It is not prepared: that would be a round trip
/// on each new connection, and OceanBase takes longer over statements that are.
pub(super) fn bound(statement: &str, parameters: &[Value]) -> String {
    let mut parts = statement.split('?');
    let mut sql = parts.next().unwrap_or_default().to_owned();
    for (part, parameter) in parts.zip(parameters) {
        match parameter {
            Value::Bytes(bytes) => push_bytes(&mut sql, bytes),
            number => sql.push_str(&number.as_sql(false)),
        }
        sql.push_str(part);
    }
    sql
}

/// Adds a row to an INSERT's list.
pub(super) fn push_row(sql: &mut String, row: &Row) {
    let number = |number: Option<u64>| number.map_or_else(|| "NULL".to_owned(), |number| number.to_string());
    sql.push_str(if sql.ends_with(')') { ",(" } else { "(" });
    let _infallible = write!(sql, "{},", row.id);
    push_bytes(sql, row.name.as_bytes());
    let _infallible = write!(
        sql,
        ",{},{},{},{},{},",
        u8::from(row.created),
        u8::from(row.deleted),
        number(row.create_revision),
        number(row.prev_revision),
        row.lease.unwrap_or_default(),
    );
    for (value, end) in [(&row.value, ','), (&row.old_value, ')')] {
        match value {
            Some(bytes) => push_bytes(sql, bytes),
            None => sql.push_str("NULL"),
        }
        sql.push(end);
    }
}

/// Adds bytes as a literal: as they are where they are text (which JSON is), in hexadecimal digits where not. It is safe
/// with the `sql_mode` and the character set that each connection is set up with.
pub(super) fn push_bytes(sql: &mut String, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            sql.reserve(text.len() + 2);
            sql.push('\'');
            let mut rest = text;
            while let Some(at) = rest.find(['\'', '\\', '\0']) {
                let (before, special) = rest.split_at(at);
                sql.push_str(before);
                sql.push('\\');
                sql.push(if special.starts_with('\0') { '0' } else { char::from(special.as_bytes()[0]) });
                rest = &special[1..];
            }
            sql.push_str(rest);
            sql.push('\'');
        }
        Err(_) => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            sql.reserve(2 * bytes.len() + 3);
            sql.push_str("x'");
            for byte in bytes {
                sql.push(char::from(DIGITS[usize::from(byte >> 4)]));
                sql.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
            sql.push('\'');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{bound, push_bytes};

    #[test]
    fn parameters_take_the_places_of_question_marks() {
        let statement = "SELECT * FROM t WHERE a = ? AND b < ?";
        let told = bound(statement, &["it's ?".into(), 7_u64.into()]);
        assert_eq!(told, "SELECT * FROM t WHERE a = 'it\\'s ?' AND b < 7");
    }

    #[test]
    fn literals_cannot_end_early() {
        let literal = |bytes: &[u8]| {
            let mut sql = String::new();
            push_bytes(&mut sql, bytes);
            sql
        };
        assert_eq!(literal(b""), "''");
        assert_eq!(literal(b"{\"a\":1}"), "'{\"a\":1}'");
        assert_eq!(literal("é\\'\0;--\u{fe00}'".as_bytes()), "'é\\\\\\'\\0;--\u{fe00}\\''");
        assert_eq!(literal(b"\\"), "'\\\\'");
        assert_eq!(literal(b"k8s\0\xff'"), "x'6b387300ff27'");
    }
}
