//! The bounds of a range of keys, as SQL values.

use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};

use crate::prefix::end_of_prefix;

/// Where a range of keys ends.
pub(super) enum KeyEnd {
    /// Before this text.
    Before(String),
    /// Nowhere.
    Open,
}

impl KeyEnd {
    pub(super) fn of_prefix(prefix: &str) -> Self {
        end_of_prefix(prefix).map_or(Self::Open, Self::Before)
    }
}

impl ToSql for KeyEnd {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Before(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            // In SQLite's order every blob comes after every text.
            Self::Open => ToSqlOutput::Owned(Value::Blob(Vec::new())),
        })
    }
}
