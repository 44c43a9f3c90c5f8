//! What a Service on a member carries when its type has an annotation policy. Embeds `annotation-policy` alone.
//!
//! ```sh
//! cargo run -p examples --example annotation_policy
//! ```

use annotation_policy::AnnotationPolicy;
use std::collections::BTreeMap;

fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn print(title: &str, annotations: &BTreeMap<String, String>) {
    println!("\n{title}");
    for (key, value) in annotations {
        println!("  {key}: {value}");
    }
}

fn main() -> anyhow::Result<()> {
    let policy = AnnotationPolicy::compile([
        "service.beta.kubernetes.io/*",
        // The load balancer's controller writes this one, on the member.
        "!service.beta.kubernetes.io/assigned-address",
    ])?;
    println!("{policy:?}");

    let template = annotations(&[
        ("service.beta.kubernetes.io/internal", "true"),
        ("service.beta.kubernetes.io/bandwidth", "100"),
        ("example.com/owner", "payments"),
    ]);
    let live = annotations(&[
        ("service.beta.kubernetes.io/internal", "false"),
        ("service.beta.kubernetes.io/listener", "tcp"),
        ("service.beta.kubernetes.io/assigned-address", "10.0.0.7"),
        ("mesh.example.com/injected-at", "2024-05-01T10:00:00Z"),
    ]);
    print("the template has", &template);
    print("the member has", &live);

    let merged = policy.merge(&template, &live);
    print("written to the member", &merged);

    println!("\nhow the member's annotations change");
    for key in merged.keys().chain(live.keys().filter(|key| !merged.contains_key(*key))) {
        let change = match (live.get(key), merged.get(key)) {
            (None, Some(to)) => format!("added as {to}"),
            (Some(_), None) => "removed: the template no longer has it".to_owned(),
            (Some(from), Some(to)) if from != to => format!("{from} becomes {to}"),
            _ => "stays".to_owned(),
        };
        println!("  {key}: {change}");
    }

    print("the member's own, which flow back as status", &policy.status_of(&live));

    println!("\nof the template, not pushed");
    for key in policy.withheld(&template) {
        println!("  {key}");
    }

    if let Err(refusal) = AnnotationPolicy::compile(["service.beta.kubernetes.io/*", "example.com/**"]) {
        println!("\na list that cannot be meant\n  {refusal}");
    }
    Ok(())
}
