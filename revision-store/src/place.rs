//! Where a store keeps its data.

use std::{fmt, path::Path, sync::Arc};

/// A file, or a database on a server. It is made for messages, and holds no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Arc<str>);

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&str> for Place {
    fn from(place: &str) -> Self {
        Self(place.into())
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self(path.display().to_string().into())
    }
}
