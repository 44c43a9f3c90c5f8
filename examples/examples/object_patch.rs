//! Two managers of one object: what each owns, who is refused, and what goes when one gives up. Embeds `object-patch`
//! alone, with a schema from `structural-schema`.
//!
//! ```sh
//! cargo run -p examples --example object_patch
//! ```

use object_patch::{FieldSet, ManagedFields, OneForm, Resource, Writer, apply, merge_patch, track_update};
use serde_json::{Value, json};
use structural_schema::Schema;

fn show(what: &str, object: &Value) -> anyhow::Result<()> {
    println!("\n{what}\n  spec: {}", object["spec"]);
    for (manager, owned) in ManagedFields::of(object)?.entries {
        let fields: Vec<_> = owned.fields.paths().iter().map(ToString::to_string).collect();
        println!("  {} ({:?}) owns {}", manager.name, manager.operation, fields.join(", "));
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let schema = Schema::compile(&json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "replicas": {"type": "integer"},
                    "ports": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["port", "protocol"],
                        "items": {
                            "type": "object",
                            "properties": {
                                "port": {"type": "integer"},
                                "protocol": {"type": "string", "default": "TCP"},
                                "name": {"type": "string"},
                            },
                        },
                    },
                },
            },
        },
    }))?;
    let forms = OneForm(Some(schema.root()));
    let ignored = FieldSet::of_fields(&[&["status"]]);
    let resource = Resource { api_version: "example.com/v1", kind: "Shop", forms: &forms, ignored: &ignored };
    let by = |manager| Writer { manager, subresource: "", time: "2026-01-01T09:30:00Z" };
    let shop = |spec: Value| json!({"apiVersion": "example.com/v1", "kind": "Shop", "metadata": {"name": "rates"}, "spec": spec});

    let platform = shop(json!({"replicas": 3, "ports": [{"port": 80, "name": "web"}]}));
    let live = apply(None, &platform, &resource, &by("platform"), false)?;
    show("the platform applies", &live)?;

    let team = shop(json!({"ports": [{"port": 443, "name": "secure"}]}));
    let live = apply(Some(&live), &team, &resource, &by("team"), false)?;
    show("the team applies a port of its own", &live)?;

    let greedy = shop(json!({"replicas": 5, "ports": [{"port": 80, "name": "http"}]}));
    if let Err(refusal) = apply(Some(&live), &greedy, &resource, &by("team"), false) {
        println!("\nthe team applies what the platform owns\n  {} {refusal}", refusal.code());
    }

    let mut scaled = merge_patch(&live, &json!({"spec": {"replicas": 4}}))?;
    track_update(Some(&live), &mut scaled, &resource, &by("autoscaler"));
    show("the autoscaler patches", &scaled)?;

    let nothing = json!({"apiVersion": "example.com/v1", "kind": "Shop", "metadata": {"name": "rates"}});
    let live = apply(Some(&scaled), &nothing, &resource, &by("platform"), false)?;
    show("the platform gives everything up", &live)
}
