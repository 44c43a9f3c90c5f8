//! What an API server does with a custom resource, by its schema alone. Embeds `structural-schema` alone.
//!
//! ```sh
//! cargo run -p examples --example structural_schema
//! ```

use serde_json::{Value, json};
use structural_schema::{FieldError, Schema, check_definition};

fn print(title: &str, errors: &[FieldError]) {
    println!("\n{title}");
    if errors.is_empty() {
        println!("  nothing is wrong");
    }
    for error in errors {
        println!("  {:24} {error}", error.cause.reason());
    }
}

fn definition() -> Value {
    json!({
        "type": "object",
        "properties": {"spec": {
            "type": "object",
            "required": ["image"],
            "properties": {
                "image": {"type": "string", "maxLength": 40},
                "replicas": {"type": "integer", "minimum": 0, "default": 1},
                "strategy": {"type": "string", "enum": ["Rolling", "Recreate"], "default": "Rolling"},
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "required": ["name"], "properties": {
                        "name": {"type": "string"},
                        "port": {"x-kubernetes-int-or-string": true},
                    }},
                },
            },
            "x-kubernetes-validations": [
                {"rule": "self.replicas <= oldSelf.replicas * 2", "message": "grow by at most the double"},
            ],
        }},
    })
}

fn main() -> anyhow::Result<()> {
    let path = "spec.versions[0].schema.openAPIV3Schema";
    let mut wrong = definition();
    wrong["properties"]["spec"]["properties"]["replicas"]["default"] = json!("one");
    print("a definition whose default is no number:", &check_definition(&wrong, path, true));
    print("the definition:", &check_definition(&definition(), path, true));

    let schema = Schema::compile(&definition())?;
    let mut stored = json!({"apiVersion": "example.com/v1", "kind": "App", "metadata": {"name": "shop"},
                            "spec": {"image": "shop:1", "colour": "red"}});
    let unknown = schema.prune(&mut stored);
    schema.default(&mut stored);
    println!("\nunknown fields: {unknown:?}; stored: {}", stored["spec"]);

    let mut bad = stored.clone();
    bad["spec"] = json!({"replicas": -1, "strategy": "Random", "ports": [{"name": "web"}, {"name": "web", "port": true}]});
    print("an object with many faults:", &schema.validate(&bad, None));

    let mut grown = stored.clone();
    grown["spec"]["replicas"] = json!(5);
    print("an update from 1 replica to 5:", &schema.validate(&grown, Some(&stored)));
    Ok(())
}
