//! Whether a table is one that writes and compactions can have made.

mod finding;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

pub use finding::Finding;

use crate::{
    Revision,
    row::{COMPACTED, Row},
};

/// Looks at the rows of a table, one after the other, and finds what cannot be.
///
/// It keeps a few numbers for each key, and no values.
///
/// ```
/// use revision_store::{Check, Finding, Row};
///
/// let row = |id, created, prev_revision| Row {
///     id, name: "/a".into(), created, deleted: false, create_revision: (!created).then_some(1),
///     prev_revision, lease: None, value: Some("1".into()), old_value: (!created).then(|| "1".into()),
/// };
/// let mut check = Check::default();
/// for row in [row(1, true, Some(0)), row(3, false, Some(1))] {
///     check.row(&row);
/// }
/// let checked = check.finish();
/// assert_eq!(checked.findings, [Finding::NoCompacted, Finding::Missing { first: 2, last: 2 }]);
/// ```
#[derive(Debug, Default)]
pub struct Check {
    keys: HashMap<String, Newest>,
    rows: u64,
    newest: Revision,
    compacted: Option<Revision>,
    findings: Vec<Finding>,
    /// What is right if it was compacted, and wrong if not; the table may say late how far it was.
    unless_compacted: Vec<(Revision, Finding)>,
}

/// What is known of a key's newest row.
#[derive(Debug, Clone, Copy)]
struct Newest {
    id: Revision,
    /// `None`: it is a deletion.
    live: Option<Live>,
}

#[derive(Debug, Clone, Copy)]
struct Live {
    created: Revision,
    value: u64,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// How many rows there are.
    pub rows: u64,
    /// How many keys are there, deleted ones not counted.
    pub keys: u64,
    /// The newest revision.
    pub newest: Revision,
    /// The oldest revision that can be read.
    pub compacted: Revision,
    /// What cannot be, in the order of revisions.
    pub findings: Vec<Finding>,
}

impl Check {
    /// Looks at the next row. Rows come in the order of their ids.
    pub fn row(&mut self, row: &Row) {
        self.rows += 1;
        self.in_order(row.id);
        if row.name == COMPACTED {
            let compacted = row.prev_revision.unwrap_or_default();
            if self.compacted.replace(compacted).is_some() {
                self.findings.push(Finding::CompactedTwice { revision: row.id });
            }
            return;
        }
        let before = row.prev_revision.unwrap_or_default();
        // kine fills gaps with deletions of nothing.
        if row.deleted && before == 0 {
            return;
        }
        let known = self.keys.get(&row.name).copied();
        match known {
            Some(known) => self.follows(row, before, known),
            None => self.begins(row, before),
        }
        let live = (!row.deleted).then(|| {
            let noted = row.create_revision.filter(|noted| *noted != 0);
            Live { created: noted.unwrap_or(row.id), value: digest(row.value.as_deref()) }
        });
        self.keys.insert(row.name.clone(), Newest { id: row.id, live });
    }

    /// What came of it.
    pub fn finish(mut self) -> Checked {
        let compacted = self.compacted.unwrap_or_default();
        if self.compacted.is_none() {
            self.findings.push(Finding::NoCompacted);
        }
        if compacted > self.newest {
            self.findings.push(Finding::CompactedAhead { compacted, newest: self.newest });
        }
        let wrong = self.unless_compacted.into_iter().filter(|(upto, _)| *upto > compacted);
        let wrong = wrong.map(|(_, finding)| match finding {
            // Compaction takes what is below it alone.
            Finding::Missing { first, last } => Finding::Missing { first: first.max(compacted + 1), last },
            other => other,
        });
        self.findings.extend(wrong);
        self.findings.sort_by_key(Finding::revision);
        let keys = self.keys.values().filter(|newest| newest.live.is_some()).count() as u64;
        Checked { rows: self.rows, keys, newest: self.newest, compacted, findings: self.findings }
    }

    fn in_order(&mut self, id: Revision) {
        if id <= self.newest {
            self.findings.push(Finding::OutOfOrder { revision: id, after: self.newest });
        } else if id > self.newest + 1 {
            let gap = Finding::Missing { first: self.newest + 1, last: id - 1 };
            self.unless_compacted.push((id - 1, gap));
        }
        self.newest = self.newest.max(id);
    }

    /// The first row of a key: the one that it says was before must have been compacted.
    fn begins(&mut self, row: &Row, before: Revision) {
        let (revision, key) = (row.id, row.name.clone());
        if before > 0 {
            self.unless_compacted.push((before, Finding::NoBefore { revision, key, before }));
        } else if !row.created {
            self.findings.push(Finding::NeverCreated { revision, key });
        }
    }

    fn follows(&mut self, row: &Row, before: Revision, known: Newest) {
        let (revision, key) = (row.id, row.name.clone());
        if before != known.id {
            self.findings.push(Finding::FalseBefore { revision, key, before, actual: known.id });
            return;
        }
        match known.live {
            Some(_) if row.created => self.findings.push(Finding::CreatedTwice { revision, key }),
            None if !row.created => self.findings.push(Finding::NeverCreated { revision, key }),
            None => {}
            Some(live) => {
                let noted = row.create_revision.unwrap_or_default();
                if noted != live.created {
                    let actual = live.created;
                    self.findings.push(Finding::FalseCreation { revision, key: key.clone(), noted, actual });
                }
                if digest(row.old_value.as_deref()) != live.value {
                    self.findings.push(Finding::FalseOldValue { revision, key, before });
                }
            }
        }
    }
}

/// Two values that differ have the same one with negligible chance. No value and an empty one are the same.
fn digest(value: Option<&[u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}
