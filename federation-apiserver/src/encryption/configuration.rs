//! The file of `--encryption-provider-config`: `EncryptionConfiguration` of `apiserver.config.k8s.io/v1`.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use credential_seal::SecretBytes;
use credential_seal::kms_v2::{DEFAULT_TIMEOUT, socket_path};
use serde::Deserialize;
use serde_json::Value;

/// As kube-apiserver reads it: the bits beyond the last byte may be anything.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// Which resources are encrypted how.
#[derive(Clone, Debug)]
pub struct EncryptionConfiguration {
    pub(super) resources: Vec<ResourceRules>,
}

#[derive(Clone, Debug)]
pub(super) struct ResourceRules {
    /// `secrets`, `deployments.apps`, `*.apps`, `*.` for the core group, `*.*`.
    pub(super) resources: Vec<String>,
    /// The first writes, all read.
    pub(super) providers: Vec<ProviderRule>,
}

#[derive(Clone, Debug)]
pub(super) enum ProviderRule {
    AesGcm(Vec<NamedKey>),
    AesCbc(Vec<NamedKey>),
    SecretBox(Vec<NamedKey>),
    Kms { name: String, endpoint: String, timeout: Duration },
    Identity,
}

#[derive(Clone, Debug)]
pub(super) struct NamedKey {
    pub(super) name: String,
    pub(super) secret: SecretBytes,
}

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum EncryptionConfigurationError {
    /// It has not the fields of one. What stands in them is not quoted: it may be keys.
    #[error(
        "no EncryptionConfiguration of apiserver.config.k8s.io/v1: a field is missing, unknown or of the wrong type"
    )]
    Shape,
    /// A field says what cannot be.
    #[error("{field}: {reason}")]
    Field {
        /// Its path.
        field: String,
        /// What is wrong, and what to write.
        reason: String,
    },
}

fn field(field: impl Into<String>, reason: impl Into<String>) -> EncryptionConfigurationError {
    EncryptionConfigurationError::Field { field: field.into(), reason: reason.into() }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    api_version: String,
    kind: String,
    resources: Vec<FileResources>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileResources {
    resources: Vec<String>,
    providers: Vec<FileProvider>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileProvider {
    aesgcm: Option<FileKeys>,
    aescbc: Option<FileKeys>,
    secretbox: Option<FileKeys>,
    kms: Option<FileKms>,
    identity: Option<serde_json::Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKeys {
    keys: Vec<FileKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    name: String,
    secret: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileKms {
    api_version: Option<String>,
    name: String,
    endpoint: String,
    timeout: Option<String>,
    cachesize: Option<i64>,
}

impl EncryptionConfiguration {
    /// Reads the file's content, already parsed.
    ///
    /// # Errors
    /// It is of another kind, or a field says what cannot be.
    pub fn read(content: Value) -> Result<Self, EncryptionConfigurationError> {
        let file: File = serde_json::from_value(content).map_err(|_| EncryptionConfigurationError::Shape)?;
        if file.api_version != "apiserver.config.k8s.io/v1" || file.kind != "EncryptionConfiguration" {
            return Err(EncryptionConfigurationError::Shape);
        }
        if file.resources.is_empty() {
            return Err(field("resources", "at least one entry is needed"));
        }
        let mut kms_names = BTreeSet::new();
        let resources = file
            .resources
            .into_iter()
            .enumerate()
            .map(|(index, entry)| entry.read(&format!("resources[{index}]"), &mut kms_names))
            .collect::<Result<_, _>>()?;
        Ok(Self { resources })
    }
}

impl FileResources {
    fn read(
        self,
        path: &str,
        kms_names: &mut BTreeSet<String>,
    ) -> Result<ResourceRules, EncryptionConfigurationError> {
        if self.resources.is_empty() {
            return Err(field(format!("{path}.resources"), "name at least one resource"));
        }
        for (index, resource) in self.resources.iter().enumerate() {
            let plural = resource.split('.').next().unwrap_or_default();
            let path = || format!("{path}.resources[{index}]");
            if plural.is_empty()
                || resource == "*"
                || (plural != "*" && plural.contains('*'))
                || resource[1..].contains('*') && resource != "*.*"
            {
                return Err(field(
                    path(),
                    "write a resource such as secrets or deployments.apps, or *.GROUP, *. or *.*",
                ));
            }
            if resource.to_ascii_lowercase() != *resource {
                return Err(field(path(), "resources are written in lower case"));
            }
        }
        if self.providers.is_empty() {
            return Err(field(format!("{path}.providers"), "at least one provider is needed"));
        }
        let providers = self
            .providers
            .into_iter()
            .enumerate()
            .map(|(index, provider)| provider.read(&format!("{path}.providers[{index}]"), kms_names))
            .collect::<Result<_, _>>()?;
        Ok(ResourceRules { resources: self.resources, providers })
    }
}

impl FileProvider {
    fn read(
        self,
        path: &str,
        kms_names: &mut BTreeSet<String>,
    ) -> Result<ProviderRule, EncryptionConfigurationError> {
        let one = match (self.aesgcm, self.aescbc, self.secretbox, self.kms, self.identity) {
            (Some(keys), None, None, None, None) => {
                ProviderRule::AesGcm(keys.read(&format!("{path}.aesgcm"), &[16, 24, 32])?)
            }
            (None, Some(keys), None, None, None) => {
                ProviderRule::AesCbc(keys.read(&format!("{path}.aescbc"), &[16, 24, 32])?)
            }
            (None, None, Some(keys), None, None) => {
                ProviderRule::SecretBox(keys.read(&format!("{path}.secretbox"), &[32])?)
            }
            (None, None, None, Some(kms), None) => kms.read(&format!("{path}.kms"), kms_names)?,
            (None, None, None, None, Some(_)) => ProviderRule::Identity,
            _ => return Err(field(path, "say one of kms, aesgcm, aescbc, secretbox and identity")),
        };
        Ok(one)
    }
}

impl FileKeys {
    fn read(self, path: &str, lengths: &[usize]) -> Result<Vec<NamedKey>, EncryptionConfigurationError> {
        if self.keys.is_empty() {
            return Err(field(format!("{path}.keys"), "at least one key is needed"));
        }
        let mut names = BTreeSet::new();
        let read = |(index, key): (usize, FileKey)| {
            let path = format!("{path}.keys[{index}]");
            if key.name.is_empty() || key.name.contains(':') {
                return Err(field(format!("{path}.name"), "must not be empty, and not contain ':'"));
            }
            if !names.insert(key.name.clone()) {
                return Err(field(format!("{path}.name"), "two keys have this name"));
            }
            let secret = BASE64.decode(&key.secret).map(SecretBytes::new);
            let secret = secret.map_err(|_| field(format!("{path}.secret"), "is no base64"))?;
            if !lengths.contains(&secret.len()) {
                let reason = format!("has {} bytes; may have one of {lengths:?}", secret.len());
                return Err(field(format!("{path}.secret"), reason));
            }
            Ok(NamedKey { name: key.name, secret })
        };
        self.keys.into_iter().enumerate().map(read).collect()
    }
}

impl FileKms {
    fn read(
        self,
        path: &str,
        names: &mut BTreeSet<String>,
    ) -> Result<ProviderRule, EncryptionConfigurationError> {
        if self.api_version.as_deref() != Some("v2") {
            return Err(field(
                format!("{path}.apiVersion"),
                "write v2; v1 is deprecated in Kubernetes and not supported",
            ));
        }
        if self.cachesize.is_some() {
            return Err(field(format!("{path}.cachesize"), "v2 has none; leave it out"));
        }
        if self.name.is_empty() || self.name.contains(':') {
            return Err(field(format!("{path}.name"), "must not be empty, and not contain ':'"));
        }
        if !names.insert(self.name.clone()) {
            return Err(field(format!("{path}.name"), "two KMS providers have this name"));
        }
        socket_path(&self.endpoint).map_err(|error| field(format!("{path}.endpoint"), error.to_string()))?;
        let timeout = match &self.timeout {
            Some(text) => duration(text)
                .ok_or_else(|| field(format!("{path}.timeout"), "write a duration such as 3s"))?,
            None => DEFAULT_TIMEOUT,
        };
        Ok(ProviderRule::Kms { name: self.name, endpoint: self.endpoint, timeout })
    }
}

/// A positive duration of one unit, as these files have it: `3s`, `500ms`, `1m`.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..unit].parse().ok().filter(|number| *number > 0)?;
    match &text[unit..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(providers: &Value) -> Result<EncryptionConfiguration, String> {
        let content = json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration",
            "resources": [{"resources": ["secrets", "*.apps"], "providers": providers}]});
        EncryptionConfiguration::read(content).map_err(|error| error.to_string())
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_field_and_no_key_is_quoted() {
        let kms = json!([{"kms": {"apiVersion": "v2", "name": "a", "endpoint": "unix:///s", "timeout": "3s"}}, {"identity": {}}]);
        assert!(read(&kms).is_ok());
        let key = "c2VjcmV0IGlzIHNlY3VyZQ=="; // 16 bytes
        assert!(read(&json!([{"aescbc": {"keys": [{"name": "k", "secret": key}]}}])).is_ok());
        let cases = [
            (json!([]), "resources[0].providers: at least one"),
            (json!([{}]), "resources[0].providers[0]: say one of"),
            (
                json!([{"secretbox": {"keys": [{"name": "k", "secret": key}]}}]),
                "secretbox.keys[0].secret: has 16 bytes",
            ),
            (json!([{"aesgcm": {"keys": [{"name": "k:", "secret": key}]}}]), "aesgcm.keys[0].name"),
            (
                json!([{"kms": {"apiVersion": "v1", "name": "a", "endpoint": "unix:///s"}}]),
                "kms.apiVersion: write v2",
            ),
            (json!([{"kms": {"apiVersion": "v2", "name": "a", "endpoint": "/s"}}]), "kms.endpoint"),
            (json!([{"aesgcm": {"keys": [{"name": "k", "secret": [key]}]}}]), "wrong type"),
        ];
        for (providers, words) in cases {
            let error = read(&providers).unwrap_err();
            assert!(error.contains(words) && !error.contains(key), "{error}");
        }
    }

    #[test]
    fn debug_output_holds_no_key() {
        let shown =
            read(&json!([{"aesgcm": {"keys": [{"name": "k", "secret": "c2VjcmV0IGlzIHNlY3VyZQ=="}]}}]))
                .unwrap();
        assert!(format!("{shown:?}").contains("SecretBytes(16 bytes)"));
    }
}
