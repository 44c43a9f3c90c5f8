//! Where the federation keeps what it knows of bootstrap tokens: one Secret, one key for each. Writes expect the version
//! that was read, so of several servers one takes a token.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, PostParams};
use tracing::warn;

use super::bootstrap::{Record, Token};

/// Name of the Secret, in the federation's namespace.
pub const SECRET_NAME: &str = "fedd-tunnel-tokens";

/// How often a write is tried that others come in between of.
const TRIES: usize = 20;

/// What is known of tokens, by their names.
pub type Records = BTreeMap<String, Record>;

/// The Secret of a federation.
#[derive(Clone)]
pub struct Tokens {
    api: Api<Secret>,
}

impl Tokens {
    /// The Secret in a namespace.
    pub fn new(client: &Client, namespace: &str) -> Self {
        Self { api: Api::namespaced(client.clone(), namespace) }
    }

    /// Makes a token be known.
    ///
    /// # Errors
    /// The Secret cannot be read or written.
    pub async fn add(&self, token: &Token, record: Record) -> anyhow::Result<()> {
        self.change(|records| {
            records.insert(token.id().to_owned(), record.clone());
            Ok::<_, anyhow::Error>((true, ()))
        })
        .await
    }

    /// Forgets all tokens of a cluster, so that they are good for nothing.
    ///
    /// # Errors
    /// The Secret cannot be read or written.
    pub async fn forget(&self, cluster: &str) -> anyhow::Result<()> {
        self.change(|records| {
            let before = records.len();
            records.retain(|_, record| record.cluster != cluster);
            Ok::<_, anyhow::Error>((records.len() != before, ()))
        })
        .await
    }

    /// Reads, decides and writes; again from the beginning if somebody else has written meanwhile. `decide` says whether
    /// there is something to write, and what comes of it.
    ///
    /// # Errors
    /// What `decide` says, or the Secret cannot be read or written.
    pub async fn change<T, E: From<anyhow::Error>>(
        &self,
        mut decide: impl FnMut(&mut Records) -> Result<(bool, T), E>,
    ) -> Result<T, E> {
        let what = || format!("secret {SECRET_NAME}");
        for _ in 0..TRIES {
            let secret = self.api.get_opt(SECRET_NAME).await.with_context(what)?;
            let mut records = secret.as_ref().map(read).unwrap_or_default();
            let (is_changed, outcome) = decide(&mut records)?;
            if !is_changed {
                return Ok(outcome);
            }
            let now = Timestamp::now();
            records.retain(|_, record| !record.is_past(now));
            let is_there = secret.is_some();
            let secret = written(secret.unwrap_or_default(), &records)?;
            let params = PostParams::default();
            let saved = if is_there {
                self.api.replace(SECRET_NAME, &params, &secret).await
            } else {
                self.api.create(&params, &secret).await
            };
            match saved {
                Ok(_) => return Ok(outcome),
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => return Err(anyhow::Error::new(error).context(what()).into()),
            }
        }
        Err(anyhow!("secret {SECRET_NAME} was written by others {TRIES} times in a row").into())
    }
}

fn read(secret: &Secret) -> Records {
    let data = secret.data.iter().flatten();
    let record = |(id, bytes): (&String, &ByteString)| match serde_json::from_slice(&bytes.0) {
        Ok(record) => Some((id.clone(), record)),
        Err(error) => {
            warn!(id, %error, "secret {SECRET_NAME} has a key that is no token's, and is left out");
            None
        }
    };
    data.filter_map(record).collect()
}

fn written(mut secret: Secret, records: &Records) -> anyhow::Result<Secret> {
    secret.metadata.name = Some(SECRET_NAME.to_owned());
    let pair = |(id, record): (&String, &Record)| Ok((id.clone(), ByteString(serde_json::to_vec(record)?)));
    secret.data = Some(records.iter().map(pair).collect::<serde_json::Result<_>>()?);
    Ok(secret)
}
