//! Which resource is written and read by which providers.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use credential_seal::kms_v2::{KmsPlugin, socket_path};
use credential_seal::{Health, KeySource, Limits};
use tokio_util::sync::CancellationToken;

use super::ENCRYPTED;
use super::cipher::Cipher;
use super::configuration::{EncryptionConfiguration, NamedKey, ProviderRule};
use super::kms;
use crate::builtin::{self, Profile};
use crate::server::HealthCheck;

/// How often KMS plugins are asked how they are (kube-apiserver's).
const CHECK_EVERY: Duration = Duration::from_secs(60);
/// The same while one of them is not well.
const CHECK_AGAIN: Duration = Duration::from_secs(10);

/// Encryption at rest as configured now. A new configuration can take its place at any time.
pub struct Encryption {
    /// Group and plural name of built-in resources by the beginnings of their keys, without `/registry/`.
    builtin: BTreeMap<String, (String, String)>,
    rules: ArcSwap<Rules>,
}

struct Rules {
    entries: Vec<Entry>,
    /// By name and endpoint, so that a new configuration keeps what is known of a plugin.
    sources: HashMap<(String, String, Duration), Arc<KeySource>>,
}

struct Entry {
    resources: Vec<String>,
    providers: Vec<Provider>,
}

enum Provider {
    Static(Cipher, Vec<NamedKey>),
    Kms(Arc<KeySource>),
    Identity,
}

/// Why a value was not encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    /// None of the resource's providers wrote it.
    #[error(
        "no provider of this resource wrote it; it begins {beginning:?}. Add the provider and key that did"
    )]
    NoProvider {
        /// The prefix, as far as it is one.
        beginning: String,
    },
    /// A provider could not do it.
    #[error("{0}")]
    Provider(String),
}

impl Encryption {
    /// Encryption at rest for a server of this profile. No plugin is asked yet.
    ///
    /// Must be called within a Tokio runtime.
    pub fn new(configuration: &EncryptionConfiguration, profile: Profile) -> Self {
        let builtin = builtin::resources(profile)
            .map(|resource| {
                let beginning = resource.key_prefix.trim_start_matches("/registry/").to_owned();
                (beginning, (resource.group, resource.plural))
            })
            .collect();
        Self { builtin, rules: ArcSwap::from_pointee(Rules::new(configuration, &HashMap::new())) }
    }

    /// Takes another configuration. Plugins that are in both keep the data keys that are remembered.
    pub fn replace(&self, configuration: &EncryptionConfiguration) {
        let before = self.rules.load();
        self.rules.store(Arc::new(Rules::new(configuration, &before.sources)));
    }

    /// How each KMS plugin is.
    pub fn health(&self) -> Vec<Health> {
        let mut all: Vec<_> = self.rules.load().sources.values().map(|source| source.health()).collect();
        all.sort_by(|a, b| a.provider.cmp(&b.provider));
        all
    }

    /// Asks each KMS plugin how it is.
    pub async fn check(&self) -> Vec<Health> {
        let rules = self.rules.load_full();
        // What they say is in their health.
        futures::future::join_all(rules.sources.values().map(|source| source.check())).await;
        self.health()
    }

    /// Whether all KMS plugins are well, as a check of a server, under kube-apiserver's name of it.
    pub fn health_check(self: &Arc<Self>) -> HealthCheck {
        let this = Arc::clone(self);
        HealthCheck::new("kms-providers", move || {
            let ill = this.health().into_iter().find(|health| !health.is_well())?;
            Some(match ill.trouble {
                Some(trouble) => format!("{} {trouble}", ill.provider),
                None => format!("{} was not asked yet", ill.provider),
            })
        })
    }

    /// Asks now and then, until told to stop.
    pub async fn follow_health(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let well = self.check().await.iter().all(Health::is_well);
            let pause = if well { CHECK_EVERY } else { CHECK_AGAIN };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Group and plural name of a key's resource: built-in ones by their prefix, custom ones by `/registry/GROUP/PLURAL/`.
    fn resource<'a>(&'a self, key: &'a str) -> Option<(&'a str, &'a str)> {
        let rest = key.strip_prefix("/registry/")?;
        // The longest prefix counts: `services/specs` is not `services`.
        let mut end = rest.rfind('/');
        while let Some(at) = end {
            if let Some((group, plural)) = self.builtin.get(&rest[..at]) {
                return Some((group, plural));
            }
            end = rest[..at].rfind('/');
        }
        let mut parts = rest.split('/');
        parts.next().zip(parts.next())
    }

    /// The value as it is stored under a key.
    ///
    /// # Errors
    /// The first provider of the resource cannot encrypt.
    pub(super) async fn to_storage(&self, key: &str, value: Bytes) -> Result<Bytes, ValueError> {
        let rules = self.rules.load_full();
        match self.entry(&rules, key).and_then(|entry| entry.providers.first()) {
            Some(provider) => provider.write(key, value).await,
            None => Ok(value),
        }
    }

    /// The value that is stored under a key, and whether it is to be written anew.
    ///
    /// # Errors
    /// No provider of the resource wrote it, or the one that did cannot decrypt it.
    pub(super) async fn of_storage(&self, key: &str, stored: Bytes) -> Result<(Bytes, bool), ValueError> {
        let rules = self.rules.load_full();
        let identity = [Provider::Identity];
        let providers = self.entry(&rules, key).map_or(identity.as_slice(), |entry| &entry.providers);
        for (place, provider) in providers.iter().enumerate() {
            if let Some((value, stale)) = provider.read(key, &stored).await? {
                return Ok((value, stale || place > 0));
            }
        }
        // As far as the last colon that a prefix can have.
        let beginning =
            stored.iter().take(128).take_while(|byte| byte.is_ascii_graphic()).map(|byte| char::from(*byte));
        let text: String = if stored.starts_with(ENCRYPTED) { beginning.collect() } else { String::new() };
        let parts: Vec<_> = text.split(':').take(5).collect();
        Err(ValueError::NoProvider { beginning: parts.join(":") })
    }

    fn entry<'a>(&self, rules: &'a Rules, key: &str) -> Option<&'a Entry> {
        let (group, plural) = self.resource(key)?;
        rules.entries.iter().find(|entry| entry.resources.iter().any(|one| names(one, group, plural)))
    }
}

/// Whether an entry's text names a resource.
fn names(text: &str, group: &str, plural: &str) -> bool {
    match text.split_once('.') {
        Some(("*", "*")) => true,
        Some(("*", of)) => of == group,
        Some((name, of)) => name == plural && of == group,
        None => text == plural && group.is_empty(),
    }
}

impl Rules {
    fn new(
        configuration: &EncryptionConfiguration,
        known: &HashMap<(String, String, Duration), Arc<KeySource>>,
    ) -> Self {
        let mut sources = HashMap::new();
        let mut entries = Vec::new();
        for rules in &configuration.resources {
            let providers = rules.providers.iter().map(|rule| match rule {
                ProviderRule::AesGcm(keys) => Provider::Static(Cipher::AesGcm, keys.clone()),
                ProviderRule::AesCbc(keys) => Provider::Static(Cipher::AesCbc, keys.clone()),
                ProviderRule::SecretBox(keys) => Provider::Static(Cipher::SecretBox, keys.clone()),
                ProviderRule::Identity => Provider::Identity,
                ProviderRule::Kms { name, endpoint, timeout } => {
                    let of = (name.clone(), endpoint.clone(), *timeout);
                    let source = known.get(&of).cloned().unwrap_or_else(|| {
                        // The endpoint was checked when the configuration was read.
                        let socket = socket_path(endpoint).unwrap_or_default();
                        let plugin = KmsPlugin::new(name, &socket, *timeout);
                        // kube-apiserver does not ask for what it has just wrapped either.
                        let limits = Limits { verify: false, ..Limits::default() };
                        Arc::new(KeySource::new(Arc::new(plugin), limits))
                    });
                    sources.insert(of, Arc::clone(&source));
                    Provider::Kms(source)
                }
            });
            entries.push(Entry { resources: rules.resources.clone(), providers: providers.collect() });
        }
        Self { entries, sources }
    }
}

impl Provider {
    /// What its values begin with; those of static keys go on with the key's name and a colon.
    fn prefix(&self) -> Cow<'static, str> {
        match self {
            Self::Static(cipher, _) => format!("k8s:enc:{}:v1:", cipher.name()).into(),
            Self::Kms(source) => format!("k8s:enc:kms:v2:{}:", source.name()).into(),
            Self::Identity => "".into(),
        }
    }

    async fn write(&self, key: &str, value: Bytes) -> Result<Bytes, ValueError> {
        let mut stored = self.prefix().into_owned().into_bytes();
        match self {
            Self::Identity if value.starts_with(ENCRYPTED) => {
                return Err(ValueError::Provider(
                    "a value that begins like an encrypted one is not stored".to_owned(),
                ));
            }
            Self::Identity => return Ok(value),
            Self::Static(cipher, keys) => {
                let Some(first) = keys.first() else { return Ok(value) };
                stored.extend_from_slice(first.name.as_bytes());
                stored.push(b':');
                stored.extend(cipher.encrypt(first.secret.expose(), key, &value).map_err(told)?);
            }
            Self::Kms(source) => stored.extend(kms::encrypt(source, key, &value).await.map_err(told)?),
        }
        Ok(stored.into())
    }

    /// The value, if this provider wrote it.
    async fn read(&self, key: &str, stored: &Bytes) -> Result<Option<(Bytes, bool)>, ValueError> {
        if let Self::Identity = self {
            return Ok((!stored.starts_with(ENCRYPTED)).then(|| (stored.clone(), false)));
        }
        let Some(payload) = stored.strip_prefix(self.prefix().as_bytes()) else { return Ok(None) };
        match self {
            Self::Identity => Ok(None),
            Self::Static(cipher, keys) => {
                let Some(colon) = payload.iter().position(|byte| *byte == b':') else { return Ok(None) };
                let (name, payload) = (&payload[..colon], &payload[colon + 1..]);
                let Some(place) = keys.iter().position(|one| one.name.as_bytes() == name) else {
                    return Ok(None);
                };
                let value = cipher.decrypt(keys[place].secret.expose(), key, payload).map_err(told)?;
                Ok(Some((value.into(), place > 0)))
            }
            Self::Kms(source) => {
                let (value, stale) = kms::decrypt(source, key, payload).await.map_err(told)?;
                Ok(Some((value.into(), stale)))
            }
        }
    }
}

fn told(error: impl std::fmt::Display) -> ValueError {
    ValueError::Provider(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_resource_is_named_with_its_group_or_by_a_wildcard() {
        assert!(names("secrets", "", "secrets") && !names("secrets", "x.io", "secrets"));
        assert!(
            names("deployments.apps", "apps", "deployments") && !names("deployments.apps", "", "deployments")
        );
        assert!(
            names("*.", "", "pods") && !names("*.", "apps", "pods") && names("*.apps", "apps", "deployments")
        );
        assert!(names("*.*", "core.kubefed.io", "kubefedclusters"));
        assert!(names("kubefedclusters.core.kubefed.io", "core.kubefed.io", "kubefedclusters"));
    }
}
