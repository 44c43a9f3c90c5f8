//! What each cell runs, as a person would look it up: on the members, and in the federated object's status.

use anyhow::bail;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use serde_json::Value;

use crate::stage::Stage;

/// A cell and where its objects are.
pub(crate) struct CellPlace {
    pub(crate) cell: &'static str,
    pub(crate) member: &'static str,
    pub(crate) namespace: &'static str,
}

/// The bank's cells; two of them are on one cluster, told apart by namespace.
pub(crate) const BANK: [CellPlace; 3] = [
    CellPlace { cell: "rz00a", member: "m1", namespace: "bank-prod-rz00a" },
    CellPlace { cell: "rz00b", member: "m1", namespace: "bank-prod-rz00b" },
    CellPlace { cell: "rz01a", member: "m2", namespace: "bank-prod" },
];

/// What one cell runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) cell: &'static str,
    pub(crate) generation: Option<i64>,
    pub(crate) image: String,
    pub(crate) word: String,
}

/// The table of a federated Deployment of the bank.
pub(crate) async fn rows(stage: &Stage, name: &str) -> anyhow::Result<Vec<Row>> {
    let federated =
        stage.by_topology("FederatedDeployment", "federateddeployments", "bank-prod")?.get(name).await?;
    let lines = federated.data["status"]["topologies"].as_array().cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for place in &BANK {
        let api: Api<Deployment> = Api::namespaced(stage.member(place.member)?.client(), place.namespace);
        let object = match tokio::time::timeout(std::time::Duration::from_secs(2), api.get_opt(name)).await {
            Ok(Ok(object)) => object.map(serde_json::to_value).transpose()?,
            // The member is down: what it runs cannot be seen.
            _ => None,
        };
        let line = lines.iter().find(|l| l["name"] == place.cell);
        let word = match line {
            None => "-".to_owned(),
            Some(l) if l["heldByMask"] == true => format!(
                "{}waits behind the mask",
                l["status"].as_str().map(|s| format!("{s}, ")).unwrap_or_default()
            ),
            Some(l) => l["status"].as_str().unwrap_or("ok").to_owned(),
        };
        rows.push(Row {
            cell: place.cell,
            generation: object.as_ref().and_then(|o| o["metadata"]["generation"].as_i64()),
            image: object
                .as_ref()
                .and_then(|o| o.pointer("/spec/template/spec/containers/0/image"))
                .and_then(Value::as_str)
                .unwrap_or("-")
                .to_owned(),
            word,
        });
    }
    Ok(rows)
}

/// Prints the table, and checks generations and images: (generation, image) per cell in [`BANK`]'s order; generation 0
/// means that the object cannot be seen.
pub(crate) async fn show_and_check(
    stage: &Stage,
    name: &str,
    expected: [(i64, &str); 3],
) -> anyhow::Result<()> {
    let rows = rows(stage, name).await?;
    let mut table = comfy_table::Table::new();
    table.set_header(["CELL", "CLUSTER", "NAMESPACE THERE", "GENERATION", "IMAGE", "STATUS"]);
    for (row, place) in rows.iter().zip(&BANK) {
        let generation = row.generation.map_or("-".to_owned(), |g| g.to_string());
        table.add_row([row.cell, place.member, place.namespace, &generation, &row.image, &row.word]);
    }
    anstream::println!("{table}");
    for (row, (generation, image)) in rows.iter().zip(expected) {
        if row.generation.unwrap_or(0) != generation || row.image != image {
            bail!(
                "{} runs {} at generation {:?}, expected {image} at {generation}",
                row.cell,
                row.image,
                row.generation
            );
        }
    }
    Ok(())
}
