//! What replicas are known by, where all of them find it: in the store.
//!
//! It is one value under a key that no resource of the API has, so no request can read it, whatever its user may. Who
//! can read the database can.

use anyhow::{Context as _, bail};
use federation_apiserver::Secrets;
use federation_apiserver::auth::Identity;
use jiff::Timestamp;
use revision_store::{Store, StoreError, Write, WriteError};
use serde::{Deserialize, Serialize};

/// Where it is. Resources are below `/registry/`.
pub(crate) const KEY: &str = "/fedd/secrets";

/// How often it is tried to write it when nobody can say whether it was written.
const TRIES: usize = 5;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    ca_certificate: String,
    ca_key: String,
    service_account_key: String,
}

/// The secrets of a store's replicas, made by the first. Of replicas that start at once, one makes them, and the others
/// take those.
///
/// # Errors
/// The store does not answer, or has something else under that key.
pub(super) async fn of(store: &dyn Store) -> anyhow::Result<Secrets> {
    let mut made = None;
    for _ in 0..TRIES {
        if let Some(entry) = store.get(KEY, None).await?.entry {
            return read(&entry.value);
        }
        let value = match &made {
            Some(value) => value,
            None => made.insert(new_value()?),
        };
        let create = Write::Create { key: KEY.to_owned(), value: value.clone().into(), lease: 0 };
        match store.write(create).await {
            // Ours or another's: what is there counts.
            Ok(_) | Err(WriteError::Exists { .. } | WriteError::Store(StoreError::Unknown { .. })) => {}
            Err(error) => return Err(error).context("cannot write the keys of the API server"),
        }
    }
    bail!("the database did not say in {TRIES} tries whether it has the keys of the API server: start again")
}

fn new_value() -> anyhow::Result<Vec<u8>> {
    let Secrets { authority: Identity { certificate, key }, token_key } =
        Secrets::generate(Timestamp::now())?;
    let stored = Stored { ca_certificate: certificate, ca_key: key, service_account_key: token_key };
    Ok(serde_json::to_vec(&stored)?)
}

fn read(value: &[u8]) -> anyhow::Result<Secrets> {
    let stored: Stored = serde_json::from_slice(value).with_context(|| {
        format!("the value of {KEY} in the database is not the keys of an API server: restore it from a backup, or \
                 delete its rows, and clients need new kubeconfigs")
    })?;
    let authority = Identity { certificate: stored.ca_certificate, key: stored.ca_key };
    Ok(Secrets { authority, token_key: stored.service_account_key })
}

#[cfg(test)]
mod tests {
    use revision_store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn replicas_that_start_at_once_have_the_same_secrets() {
        let store = MemoryStore::new();
        let (one, other) = tokio::try_join!(of(&store), of(&store)).unwrap();
        assert!(one == other && of(&store).await.unwrap() == one);
        assert_eq!(store.count("/fedd/").await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_value_of_another_kind_is_named() {
        let store = MemoryStore::new();
        let create = Write::Create { key: KEY.to_owned(), value: "{}".into(), lease: 0 };
        store.write(create).await.unwrap();
        assert!(of(&store).await.err().unwrap().to_string().contains("/fedd/secrets"));
    }
}
