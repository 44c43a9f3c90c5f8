//! What is said in a namespace's status about its content. Types, reasons and messages are Kubernetes'.

use serde_json::{Value, json};

use super::content::Remaining;
use crate::control::condition::set;

/// A condition's type, reason and message while it does not hold.
type Absent = (&'static str, &'static str, &'static str);

const DISCOVERY: Absent =
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered");
const PARSING: Absent = (
    "NamespaceDeletionGroupVersionParsingFailure",
    "ParsedGroupVersions",
    "All legacy kube types successfully parsed",
);
const DELETION: Absent = (
    "NamespaceDeletionContentFailure",
    "ContentDeleted",
    "All content successfully deleted, may be waiting on finalization",
);
const CONTENT: Absent = ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed");
const FINALIZERS: Absent =
    ("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished");

/// Sets the conditions, and the phase; `false`: they are so already.
pub(super) fn tell(namespace: &mut Value, remaining: &Remaining, now: &str) -> bool {
    let present: [(Absent, Option<(&str, String)>); 5] = [
        (DISCOVERY, None),
        (PARSING, None),
        (DELETION, deletion(remaining)),
        (CONTENT, content(remaining)),
        (FINALIZERS, finalizers(remaining)),
    ];
    let before = namespace["status"].clone();
    namespace["status"]["phase"] = "Terminating".into();
    let conditions = &mut namespace["status"]["conditions"];
    for ((kind, reason, message), holds) in present {
        let (status, reason, message) = match holds {
            Some((reason, message)) => ("True", reason, message),
            None => ("False", reason, message.to_owned()),
        };
        set(conditions, json!({"type": kind, "status": status, "reason": reason, "message": message}), now);
    }
    before != namespace["status"]
}

fn deletion(remaining: &Remaining) -> Option<(&'static str, String)> {
    let mut errors: Vec<String> = remaining.errors.iter().map(ToString::to_string).collect();
    errors.sort();
    let message =
        format!("Failed to delete all resource types, {} remaining: {}", errors.len(), errors.join(", "));
    (!errors.is_empty()).then_some(("ContentDeletionFailed", message))
}

fn content(remaining: &Remaining) -> Option<(&'static str, String)> {
    let mut texts: Vec<String> = (remaining.resources.iter())
        .map(|(resource, count)| format!("{resource} has {count} resource instances"))
        .collect();
    texts.sort();
    let message = format!("Some resources are remaining: {}", texts.join(", "));
    (!texts.is_empty()).then_some(("SomeResourcesRemain", message))
}

fn finalizers(remaining: &Remaining) -> Option<(&'static str, String)> {
    let mut texts: Vec<String> = (remaining.finalizers.iter())
        .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"))
        .collect();
    texts.sort();
    let message = format!("Some content in the namespace has finalizers remaining: {}", texts.join(", "));
    (!texts.is_empty()).then_some(("SomeFinalizersRemain", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_told_once_and_keep_their_time() {
        let mut namespace = json!({"status": {"phase": "Active"}});
        let remaining = Remaining {
            resources: [("widgets.example.com".to_owned(), 2), ("configmaps.".to_owned(), 1)].into(),
            finalizers: [("example.com/a".to_owned(), 3)].into(),
            errors: Vec::new(),
        };
        assert!(tell(&mut namespace, &remaining, "t1"));
        assert!(!tell(&mut namespace, &remaining, "t2"));
        let conditions = &namespace["status"]["conditions"];
        assert_eq!(
            conditions[3]["message"],
            "Some resources are remaining: configmaps. has 1 resource instances, widgets.example.com has 2 resource instances"
        );
        assert_eq!(
            conditions[4]["message"],
            "Some content in the namespace has finalizers remaining: example.com/a in 3 resource instances"
        );
        assert!(tell(&mut namespace, &Remaining::default(), "t3"));
        let conditions = &namespace["status"]["conditions"];
        assert_eq!(
            (&conditions[0]["lastTransitionTime"], &conditions[3]["lastTransitionTime"]),
            (&json!("t1"), &json!("t3"))
        );
        assert_eq!(conditions[3]["reason"], "ContentRemoved");
    }
}
