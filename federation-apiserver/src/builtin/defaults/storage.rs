//! Defaults of volumes, claims and storage classes.

use super::{Fields, object, set};

pub(super) fn of_type(kind: &str) -> Option<fn(&mut Fields)> {
    Some(match kind {
        "PersistentVolume" => volume,
        "PersistentVolumeClaim" => claim,
        "PersistentVolumeClaimSpec" => claim_spec,
        "StorageClass" => class,
        _ => return None,
    })
}

fn volume(object_: &mut Fields) {
    if let Some(status) = object(object_, "status") {
        set(status, "phase", "Pending");
    }
    if let Some(spec) = object(object_, "spec") {
        set(spec, "persistentVolumeReclaimPolicy", "Retain");
        set(spec, "volumeMode", "Filesystem");
    }
}

fn claim(object_: &mut Fields) {
    if let Some(status) = object(object_, "status") {
        set(status, "phase", "Pending");
    }
}

fn claim_spec(spec: &mut Fields) {
    set(spec, "volumeMode", "Filesystem");
}

fn class(class: &mut Fields) {
    set(class, "reclaimPolicy", "Delete");
    set(class, "volumeBindingMode", "Immediate");
}
