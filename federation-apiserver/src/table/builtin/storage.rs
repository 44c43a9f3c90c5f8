//! Volumes, claims, classes and quotas.

use serde_json::{Map, Value, json};

use super::{AGE, NAME, Printer, name, string, wide};
use crate::table::text;

pub(super) static VOLUME: Printer = Printer::new(
    &[
        NAME,
        string("Capacity"),
        string("Access Modes"),
        string("Reclaim Policy"),
        string("Status"),
        string("Claim"),
        string("StorageClass"),
        string("VolumeAttributesClass"),
        string("Reason"),
        AGE,
        wide("VolumeMode"),
    ],
    |object, now| {
        let claim = object
            .pointer("/spec/claimRef")
            .filter(|claim| !claim.is_null())
            .map(|claim| format!("{}/{}", text::of(claim, "/namespace"), text::of(claim, "/name")));
        vec![
            name(object),
            json!(text::or(object, "/spec/capacity/storage", "0")),
            json!(access_modes(object, "/spec/accessModes")),
            json!(text::of(object, "/spec/persistentVolumeReclaimPolicy")),
            phase(object),
            json!(claim.unwrap_or_default()),
            class(object),
            json!(text::or(object, "/spec/volumeAttributesClassName", "<unset>")),
            json!(text::of(object, "/status/reason")),
            text::age(object, now),
            json!(text::or(object, "/spec/volumeMode", "<unset>")),
        ]
    },
);

pub(super) static CLAIM: Printer = Printer::new(
    &[
        NAME,
        string("Status"),
        string("Volume"),
        string("Capacity"),
        string("Access Modes"),
        string("StorageClass"),
        string("VolumeAttributesClass"),
        AGE,
        wide("VolumeMode"),
    ],
    |object, now| {
        let volume = text::of(object, "/spec/volumeName");
        let (capacity, modes) = if volume.is_empty() {
            ("", String::new())
        } else {
            (text::or(object, "/status/capacity/storage", "0"), access_modes(object, "/status/accessModes"))
        };
        vec![
            name(object),
            phase(object),
            json!(volume),
            json!(capacity),
            json!(modes),
            class(object),
            json!(text::or(object, "/spec/volumeAttributesClassName", "<unset>")),
            text::age(object, now),
            json!(text::or(object, "/spec/volumeMode", "<unset>")),
        ]
    },
);

pub(super) static CLASS: Printer = Printer::new(
    &[
        NAME,
        string("Provisioner"),
        string("ReclaimPolicy"),
        string("VolumeBindingMode"),
        string("AllowVolumeExpansion"),
        AGE,
    ],
    |object, now| {
        let annotations = &object["metadata"]["annotations"];
        let keys = [
            "storageclass.kubernetes.io/is-default-class",
            "storageclass.beta.kubernetes.io/is-default-class",
        ];
        let default = keys.iter().any(|key| annotations[*key] == "true");
        let name = text::of(object, "/metadata/name");
        vec![
            json!(if default { format!("{name} (default)") } else { name.to_owned() }),
            json!(text::of(object, "/provisioner")),
            json!(text::or(object, "/reclaimPolicy", "Delete")),
            json!(text::or(object, "/volumeBindingMode", "Immediate")),
            json!(object["allowVolumeExpansion"].as_bool().unwrap_or(false)),
            text::age(object, now),
        ]
    },
);

pub(super) static QUOTA: Printer =
    Printer::new(&[NAME, string("Request"), string("Limit"), AGE], |object, now| {
        let none = Map::new();
        let hard = object.pointer("/status/hard").and_then(Value::as_object).unwrap_or(&none);
        let column = |limits: bool| {
            let of_column = hard.iter().filter(|(resource, _)| resource.starts_with("limits.") == limits);
            let shown = of_column.map(|(resource, hard)| {
                let used =
                    object.pointer("/status/used").and_then(|used| used[resource].as_str()).unwrap_or("0");
                format!("{resource}: {used}/{}", hard.as_str().unwrap_or_default())
            });
            json!(shown.collect::<Vec<_>>().join(", "))
        };
        vec![name(object), column(false), column(true), text::age(object, now)]
    });

fn phase(object: &Value) -> Value {
    if object["metadata"]["deletionTimestamp"].is_null() {
        json!(text::of(object, "/status/phase"))
    } else {
        json!("Terminating")
    }
}

fn class(object: &Value) -> Value {
    const BETA: &str = "/metadata/annotations/volume.beta.kubernetes.io~1storage-class";
    json!(text::or(object, BETA, text::of(object, "/spec/storageClassName")))
}

fn access_modes(object: &Value, pointer: &str) -> String {
    let modes = text::list(object, pointer);
    let short = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let found = short.iter().filter(|(long, _)| modes.iter().any(|mode| mode == long));
    found.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}
