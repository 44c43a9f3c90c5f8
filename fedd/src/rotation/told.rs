//! What a cluster is told of a rotation of its token that fails: pure.

use jiff::Timestamp;

/// A try that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// What was tried, and what was wrong.
    pub words: &'a str,
    /// When the present token expires, by the member's clock; none if it never does.
    pub expires: Option<Timestamp>,
    /// Whether the member forbade it.
    pub is_forbidden: bool,
}

impl Failure<'_> {
    /// For people: what is wrong, what comes of it, and what to do. The same as long as it fails in the same way.
    pub fn message(&self) -> String {
        let Self { cluster, words, expires, is_forbidden } = self;
        let advice = is_forbidden
            .then(|| format!("`fedd permissions member {cluster}` prints the rights that it takes there"));
        let end = expires.map(|expires| {
            format!("the token expires at {expires}, and then the cluster has to be joined again")
        });
        let parts = [Some((*words).to_owned()), Some("it is tried again".to_owned()), advice, end];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// Whether a cluster is to be told something else than it says now: each change is written once, however often it is tried.
pub fn is_news(said: Option<&str>, message: Option<&str>) -> bool {
    said != message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_says_what_is_wrong_until_when_and_what_to_do() {
        let failure = Failure {
            cluster: "rz00",
            words: "its token is not renewed: no",
            expires: Some(Timestamp::from_second(1000).unwrap()),
            is_forbidden: true,
        };
        assert_eq!(
            failure.message(),
            "its token is not renewed: no; it is tried again; `fedd permissions member rz00` prints the rights that it \
             takes there; the token expires at 1970-01-01T00:16:40Z, and then the cluster has to be joined again"
        );
        let eternal = Failure { expires: None, is_forbidden: false, ..failure };
        assert_eq!(eternal.message(), "its token is not renewed: no; it is tried again");
    }

    proptest! {
        /// Tries that fail in some way or succeed; writes that are lost.
        #[test]
        fn a_cluster_says_what_came_of_the_last_try_and_each_change_is_written_once(
            tries in prop::collection::vec((prop::option::of("[ab]"), prop::bool::weighted(0.9)), 1..50),
        ) {
            let (mut said, mut writes, mut changes, mut before): (Option<String>, _, _, Option<String>) = (None, 0, 0, None);
            for (outcome, is_written) in tries {
                changes += u32::from(before != outcome);
                if is_news(said.as_deref(), outcome.as_deref()) && is_written {
                    said.clone_from(&outcome);
                    writes += 1;
                }
                // What is lost is written after the next try.
                prop_assert!(!is_written || said == outcome);
                before = outcome;
            }
            prop_assert!(writes <= changes);
        }
    }
}
