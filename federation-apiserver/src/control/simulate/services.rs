//! Addresses and node ports of Services, each given once.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use revision_store::{Range, Store};
use serde_json::{Value, json};

use crate::admission::{Attributes, Operation, Plugin};
use crate::builtin::service;
use crate::rest::store_error;
use crate::status::ApiError;
use crate::{Cause, FieldError};

const PREFIX: &str = "/registry/services/specs/";
/// The range of addresses: `10.96.0.0/16`, without its first and last.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([10, 96, 0, 1]);
const ADDRESSES: u32 = 65_534;
/// Kubernetes' default range of node ports.
const FIRST_PORT: u32 = 30_000;
const PORTS: u32 = 2_768;

/// Gives Services addresses and node ports, and keeps them over updates that do not name them. What is taken is what
/// the store has; two that are given at the same time differ.
pub struct ServiceAddresses {
    store: Arc<dyn Store>,
    next: AtomicU32,
}

#[derive(Default)]
struct Taken {
    addresses: BTreeSet<String>,
    ports: BTreeSet<u16>,
}

impl ServiceAddresses {
    /// Over the store that has the Services.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, next: AtomicU32::new(0) }
    }

    async fn taken(&self) -> Result<Taken, ApiError> {
        let page = self.store.list(Range::prefix(PREFIX)).await.map_err(store_error)?;
        let mut taken = Taken::default();
        for entry in page.entries {
            let service: Value = serde_json::from_slice(&entry.value).map_err(ApiError::internal)?;
            taken.addresses.extend(address(&service).map(str::to_owned));
            taken.ports.extend(ports(&service).filter_map(node_port));
        }
        Ok(taken)
    }

    /// The first of `size` numbers that is free, beginning behind the one that was given last.
    fn free(&self, size: u32, is_free: impl Fn(u32) -> bool) -> Option<u32> {
        (0..size).map(|_| self.next.fetch_add(1, Ordering::Relaxed) % size).find(|number| is_free(*number))
    }
}

#[async_trait]
impl Plugin for ServiceAddresses {
    async fn admit(&self, write: &mut Attributes<'_>) -> Result<(), ApiError> {
        let is_service = write.resource.group.is_empty() && write.resource.plural == "services";
        if !is_service || write.subresource.is_some() || write.operation == Operation::Delete {
            return Ok(());
        }
        if let Some(old) = write.old {
            keep(&mut write.object, old);
        }
        let taken = self.taken().await?;
        let own = write.old.and_then(address);
        if let Some(named) = address(&write.object).filter(|named| Some(*named) != own)
            && taken.addresses.contains(named)
        {
            let error = FieldError {
                cause: Cause::Invalid,
                field: "spec.clusterIPs".to_owned(),
                message: format!(
                    "Invalid value: {}: failed to allocate IP {named}: provided IP is already allocated",
                    json!([named])
                ),
            };
            return Err(ApiError::invalid("", "Service", write.name, &[error]));
        }
        service::assign(
            &mut write.object,
            &mut || {
                let text = |number| Ipv4Addr::from(FIRST_ADDRESS + number).to_string();
                self.free(ADDRESSES, |number| !taken.addresses.contains(&text(number))).map(text)
            },
            &mut || {
                let port = |number| u16::try_from(FIRST_PORT + number).unwrap_or(u16::MAX);
                self.free(PORTS, |number| !taken.ports.contains(&port(number))).map(port)
            },
        );
        Ok(())
    }
}

/// The Service's own address.
fn address(service: &Value) -> Option<&str> {
    service["spec"]["clusterIP"].as_str().filter(|address| !["", "None"].contains(address))
}

fn ports(service: &Value) -> impl Iterator<Item = &Value> {
    service["spec"]["ports"].as_array().into_iter().flatten()
}

fn node_port(port: &Value) -> Option<u16> {
    port["nodePort"].as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)
}

/// Keeps what an update does not name.
fn keep(new: &mut Value, old: &Value) {
    if new["spec"]["type"] == "ExternalName" || old["spec"]["type"] == "ExternalName" {
        return;
    }
    let given = new["spec"]["clusterIP"].as_str().is_some_and(|address| !address.is_empty());
    for field in ["clusterIP", "clusterIPs"] {
        if !given && old["spec"].get(field).is_some() {
            new["spec"][field] = old["spec"][field].clone();
        }
    }
    if ["NodePort", "LoadBalancer"].iter().all(|kind| new["spec"]["type"] != **kind) {
        return;
    }
    for port in new["spec"]["ports"].as_array_mut().into_iter().flatten() {
        let same = |old: &&Value| old["port"] == port["port"] && old["protocol"] == port["protocol"];
        if node_port(port).is_none()
            && let Some(kept) = ports(old).find(same).and_then(node_port)
        {
            port["nodePort"] = kept.into();
        }
    }
}
