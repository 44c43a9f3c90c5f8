//! Errors of what an update does not change are dropped.

use serde_json::Value;

use super::{Check, Matches};
use crate::correlate::is_unchanged;
use crate::node::SchemaRef;
use crate::path::Path;

impl Check<'_> {
    /// Checks a value; if it is what it was, nothing is reported. Alternatives (`anyOf` and its like) are checked
    /// without the old value.
    pub(super) fn ratcheted(
        &mut self,
        schema: SchemaRef<'_>,
        value: &Value,
        old: Option<&Value>,
        path: &Path<'_>,
    ) -> Matches {
        let before = self.findings.len();
        let matches = self.check(schema, value, old, path);
        if self.findings.len() > before
            && let Some(old) = old
            && is_unchanged(schema, value, old)
        {
            self.findings.truncate(before);
        }
        matches
    }
}
