//! Namespaces, configuration, identity and events.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{AGE, NAME, Printer, boolean, integer, name, string, wide};
use crate::table::{Column, text};

pub(super) static NAMESPACE: Printer = Printer::new(&[NAME, string("Status"), AGE], |object, now| {
    vec![name(object), json!(text::of(object, "/status/phase")), text::age(object, now)]
});

pub(super) static CONFIG_MAP: Printer = Printer::new(&[NAME, string("Data"), AGE], |object, now| {
    let keys = keys(object, "data") + keys(object, "binaryData");
    vec![name(object), json!(keys), text::age(object, now)]
});

pub(super) static SECRET: Printer =
    Printer::new(&[NAME, string("Type"), string("Data"), AGE], |object, now| {
        let kind = json!(text::of(object, "/type"));
        vec![name(object), kind, json!(keys(object, "data")), text::age(object, now)]
    });

pub(super) static SERVICE_ACCOUNT: Printer =
    Printer::new(&[NAME, AGE], |object, now| vec![name(object), text::age(object, now)]);

pub(super) static LEASE: Printer = Printer::new(&[NAME, string("Holder"), AGE], |object, now| {
    vec![name(object), json!(text::of(object, "/spec/holderIdentity")), text::age(object, now)]
});

pub(super) static WEBHOOKS: Printer = Printer::new(&[NAME, integer("Webhooks"), AGE], |object, now| {
    vec![name(object), json!(text::list(object, "/webhooks").len()), text::age(object, now)]
});

pub(super) static PRIORITY_CLASS: Printer = Printer::new(
    &[
        NAME,
        integer("Value"),
        boolean("Global-Default"),
        AGE,
        // Shown to everybody, as it is by kube-apiserver.
        string("PreemptionPolicy"),
    ],
    |object, now| {
        let default = object["globalDefault"].as_bool().unwrap_or(false);
        vec![
            name(object),
            json!(text::number(object, "/value")),
            json!(default),
            text::age(object, now),
            json!(text::of(object, "/preemptionPolicy")),
        ]
    },
);

pub(super) static ROLE_BINDING: Printer = Printer::new(
    &[NAME, string("Role"), AGE, wide("Users"), wide("Groups"), wide("ServiceAccounts")],
    |object, now| {
        let role = format!("{}/{}", text::of(object, "/roleRef/kind"), text::of(object, "/roleRef/name"));
        let subjects = |kind: &str| {
            let of_kind = text::list(object, "/subjects").iter().filter(|one| one["kind"] == kind);
            let names = of_kind.map(|one| match kind {
                "ServiceAccount" => format!("{}/{}", text::of(one, "/namespace"), text::of(one, "/name")),
                _ => text::of(one, "/name").to_owned(),
            });
            json!(names.collect::<Vec<_>>().join(", "))
        };
        let (users, groups) = (subjects("User"), subjects("Group"));
        vec![name(object), json!(role), text::age(object, now), users, groups, subjects("ServiceAccount")]
    },
);

pub(super) static EVENT: Printer = Printer::new(
    &[
        string("Last Seen"),
        string("Type"),
        string("Reason"),
        string("Object"),
        wide("Subobject"),
        wide("Source"),
        string("Message"),
        wide("First Seen"),
        wide("Count"),
        Column { priority: 1, ..NAME },
    ],
    event,
);

/// An event of either group: the same fields have different names in them.
fn event(object: &Value, now: Timestamp) -> Vec<Value> {
    let either =
        |names: [&str; 2]| names.into_iter().filter_map(|name| object.pointer(name)).find(|v| !v.is_null());
    let said = |names: [&str; 2]| either(names).and_then(Value::as_str).unwrap_or_default();
    let first =
        either(["/firstTimestamp", "/deprecatedFirstTimestamp"]).or(either(["/eventTime", "/eventTime"]));
    let first = text::since(first, now);
    let mut last = match either(["/lastTimestamp", "/deprecatedLastTimestamp"]) {
        Some(time) => text::since(Some(time), now),
        None => first.clone(),
    };
    let mut count =
        either(["/count", "/deprecatedCount"]).and_then(Value::as_i64).filter(|n| *n != 0).unwrap_or(1);
    if let Some(series) = object.get("series").filter(|series| !series.is_null()) {
        last = text::since(series.get("lastObservedTime"), now);
        count = text::number(series, "/count");
    }
    let kind = said(["/involvedObject/kind", "/regarding/kind"]).to_lowercase();
    let target = match said(["/involvedObject/name", "/regarding/name"]) {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let non_empty = |a: &'static str, b: &'static str, c: [&'static str; 2]| {
        let first = said([a, b]);
        if first.is_empty() { said(c) } else { first }
    };
    let component = non_empty(
        "/source/component",
        "/deprecatedSource/component",
        ["/reportingComponent", "/reportingController"],
    );
    let instance =
        non_empty("/source/host", "/deprecatedSource/host", ["/reportingInstance", "/reportingInstance"]);
    let source = if instance.is_empty() { component.to_owned() } else { format!("{component}, {instance}") };
    vec![
        json!(last),
        json!(text::of(object, "/type")),
        json!(text::of(object, "/reason")),
        json!(target),
        json!(said(["/involvedObject/fieldPath", "/regarding/fieldPath"])),
        json!(source),
        json!(said(["/message", "/note"]).trim()),
        json!(first),
        json!(count),
        name(object),
    ]
}

fn keys(object: &Value, field: &str) -> usize {
    object[field].as_object().map_or(0, Map::len)
}
