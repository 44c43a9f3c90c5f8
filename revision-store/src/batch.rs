//! Writes that are committed together: what comes of each.

use std::{collections::HashMap, sync::Arc};

use crate::{Entry, Event, Revision, Write, WriteError, step::step};

/// The newest row of a key.
#[derive(Debug, Clone)]
pub(crate) struct Newest {
    pub(crate) revision: Revision,
    /// `None`: it is a deletion.
    pub(crate) entry: Option<Entry>,
}

/// A write that is to be done.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) event: Arc<Event>,
    /// The newest row of the key until then, or 0.
    pub(crate) before: Revision,
}

/// What comes of one write, or why it is refused.
pub(crate) type Outcome = Result<Change, WriteError>;

/// Decides writes in their order, each seeing what those before it do. `keys` has the newest row of each of their
/// keys that has one; `after` is the newest revision. One that is refused uses no revision.
pub(crate) fn decide(
    mut keys: HashMap<String, Newest>,
    after: Revision,
    writes: impl IntoIterator<Item = Write>,
) -> Vec<Outcome> {
    let mut revision = after;
    let one = |write: Write| {
        let newest = keys.get(write.key()).cloned();
        let before = newest.as_ref().map_or(0, |newest| newest.revision);
        let event = step(newest.and_then(|newest| newest.entry), write, revision + 1)?;
        revision += 1;
        let entry = event.present();
        keys.insert(event.entry.key.clone(), Newest { revision, entry });
        Ok(Change { event: Arc::new(event), before })
    };
    writes.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(key: &str) -> Write {
        Write::Create { key: key.into(), value: "1".into(), lease: 0 }
    }

    fn update(key: &str, expected: Revision) -> Write {
        Write::Update { key: key.into(), value: "2".into(), expected, lease: 0 }
    }

    fn told(outcomes: &[Outcome]) -> Vec<Option<(Revision, Revision)>> {
        let one = |outcome: &Outcome| outcome.as_ref().ok().map(|done| (done.event.revision(), done.before));
        outcomes.iter().map(one).collect()
    }

    #[test]
    fn a_write_sees_what_the_ones_before_it_do_and_a_refused_one_uses_no_revision() {
        let delete = Write::Delete { key: "a".into(), expected: 12 };
        let writes =
            [create("a"), create("a"), update("a", 11), update("a", 11), delete, create("a"), create("b")];
        let outcomes = decide(HashMap::new(), 10, writes);
        let expected =
            [Some((11, 0)), None, Some((12, 11)), None, Some((13, 12)), Some((14, 13)), Some((15, 0))];
        assert_eq!(told(&outcomes), expected);
        assert!(matches!(outcomes[1], Err(WriteError::Exists { revision: 11 })));
        assert!(
            matches!(&outcomes[3], Err(WriteError::Conflict { current: Some(entry) }) if entry.mod_revision == 12)
        );
    }

    #[test]
    fn a_key_that_was_deleted_is_created_behind_its_deletion() {
        let keys = HashMap::from([("a".to_owned(), Newest { revision: 7, entry: None })]);
        assert_eq!(told(&decide(keys.clone(), 9, [create("a")])), [Some((10, 7))]);
        assert_eq!(told(&decide(keys, 9, [update("a", 7)])), [None]);
    }
}
