//! Members' tokens, sealed in the Secrets that hold them.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use credential_seal::configuration::SealingConfiguration;
use credential_seal::format::Sealed;
use credential_seal::{Health, Identity, Keyring, SecretBytes};
use federation_model::TOKEN_KEY;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use propagation_engine::kube_ports::{NotOpened, OpenSealed, SEALED_TOKEN_KEY, Token, sealed_token};
use serde_json::json;

use crate::core_dumps;
use crate::output::warning;
use crate::rotation::claims::Claims;
use crate::rotation::record::note_life;
use crate::yaml;

/// Annotation of a Secret: `provider/key id` of the key that seals it, for people. What counts is in the sealed value.
pub const SEALED_WITH: &str = "fedd.io/sealed-with";

/// Which keys seal members' credentials.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Sealed credentials")]
pub struct SealingArgs {
    /// File with a SealingConfiguration: the keys that seal and open members' tokens. See docs/credentials.md
    #[arg(long, value_name = "FILE", env = "FEDD_SEALING_CONFIG")]
    pub sealing_config: Option<PathBuf>,
    /// With keys, let the system write core dumps of this process, and debuggers read its memory: both hold tokens
    #[arg(long)]
    pub allow_core_dumps: bool,
}

/// Seals and opens the tokens of one federation's members.
pub struct Sealing {
    keyring: Keyring,
    /// Of the API server that holds the Secrets.
    cluster_uid: String,
}

/// What a member's Secret holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// A readable token.
    Plain,
    /// A sealed one.
    Sealed(Box<Sealed>),
    /// Something that is called sealed, and is not.
    Broken(String),
    /// No token.
    Nothing,
}

/// What a member's Secret holds. A sealed token counts, whatever is beside it.
pub fn held(secret: &Secret) -> Held {
    match sealed_token(secret) {
        Some(sealed) => match Sealed::read(sealed) {
            Ok(sealed) => Held::Sealed(Box::new(sealed)),
            Err(error) => Held::Broken(error.to_string()),
        },
        None if plain_token(secret).is_some() => Held::Plain,
        None => Held::Nothing,
    }
}

/// Takes a readable token away from beside a sealed one.
///
/// # Errors
/// The API server refused it or did not answer.
pub async fn remove_plain(client: &Client, namespace: &str, name: &str) -> anyhow::Result<()> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret = api.get(name).await.with_context(|| format!("cannot read Secret {name}"))?;
    if plain_token(&secret).is_some() && sealed_token(&secret).is_some() {
        let patch = json!({
            "metadata": {"resourceVersion": secret.metadata.resource_version}, "data": {TOKEN_KEY: null},
        });
        let written = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        written.with_context(|| format!("cannot take the readable token out of Secret {name}"))?;
    }
    Ok(())
}

fn plain_token(secret: &Secret) -> Option<&[u8]> {
    let bytes = secret.data.as_ref()?.get(TOKEN_KEY)?.0.as_slice();
    (!bytes.is_empty()).then_some(bytes)
}

impl Sealing {
    /// The keys that the flag names, for the federation of a client; `None` without the flag. A process that holds keys
    /// leaves no core dumps from then on, unless it is allowed to.
    ///
    /// # Errors
    /// The file cannot be read or says what cannot be, the API server does not answer, or core dumps cannot be refused.
    pub async fn open(args: &SealingArgs, client: &Client) -> anyhow::Result<Option<Self>> {
        let Some(path) = &args.sealing_config else { return Ok(None) };
        if !args.allow_core_dumps {
            core_dumps::refuse()
                .context("core dumps cannot be refused; --allow-core-dumps goes on without")?;
        }
        let read = || -> anyhow::Result<_> {
            let content = yaml::parse(&std::fs::read_to_string(path)?)?;
            let configuration: SealingConfiguration = serde_json::from_value(content)?;
            Ok(configuration.keyring()?)
        };
        let (keyring, warnings) = read().with_context(|| format!("--sealing-config {}", path.display()))?;
        warnings.iter().for_each(|text| warning(text));
        let system = Api::<Namespace>::all(client.clone()).get("kube-system").await.context(
            "cannot read namespace kube-system, whose uid is the identity of the federation's API server",
        )?;
        let cluster_uid = system.metadata.uid.context("namespace kube-system has no uid")?;
        Ok(Some(Self { keyring, cluster_uid }))
    }

    fn identity(&self, secret: &Secret) -> Identity {
        Identity {
            cluster_uid: self.cluster_uid.clone(),
            namespace: secret.namespace().unwrap_or_default(),
            name: secret.name_any(),
            field: format!("data/{TOKEN_KEY}"),
        }
    }

    /// Puts the sealed token in the place of the readable one, which is to be sent to this destination alone, or of one that
    /// was sealed before, for whichever destination.
    ///
    /// # Errors
    /// There is no token, it does not open, or the provider gives no key.
    pub async fn seal(&self, secret: &mut Secret, destination: &str) -> anyhow::Result<()> {
        match plain_token(secret) {
            Some(token) => {
                let token = SecretBytes::new(token.to_vec());
                self.put(secret, &token, destination).await
            }
            None => {
                let (token, before) = self.opened_for(secret).await?;
                // One that was sealed before destinations were noted gets the present one.
                self.put(secret, &token, before.as_deref().unwrap_or(destination)).await
            }
        }
    }

    /// Seals a sealed token for this destination instead of the one that it was sealed for.
    ///
    /// # Errors
    /// It does not open, or the provider gives no key.
    pub async fn seal_for(&self, secret: &mut Secret, destination: &str) -> anyhow::Result<()> {
        let token = self.opened(secret).await?;
        self.put(secret, &token, destination).await
    }

    async fn put(&self, secret: &mut Secret, token: &SecretBytes, destination: &str) -> anyhow::Result<()> {
        // For who looks at it without opening it.
        let claims = std::str::from_utf8(token.expose()).ok().and_then(Token::new);
        note_life(secret, claims.as_ref().and_then(Claims::of).as_ref());
        let sealed = self.keyring.seal_noted(&self.identity(secret), Some(destination), token).await?;
        let with = Sealed::read(&sealed)?;
        let data = secret.data.get_or_insert_default();
        // Overwritten as it goes.
        data.remove(TOKEN_KEY).map(|plain| SecretBytes::new(plain.0));
        data.insert(SEALED_TOKEN_KEY.to_owned(), ByteString(sealed));
        let pointer = format!("{}/{}", with.provider, with.key.key_id);
        secret.metadata.annotations.get_or_insert_default().insert(SEALED_WITH.to_owned(), pointer);
        Ok(())
    }

    /// The token of a sealed Secret.
    ///
    /// # Errors
    /// It is not sealed, or does not open.
    pub async fn opened(&self, secret: &Secret) -> anyhow::Result<SecretBytes> {
        self.opened_for(secret).await.map(|(token, _)| token)
    }

    /// The same, with the destination that it was sealed for.
    async fn opened_for(&self, secret: &Secret) -> anyhow::Result<(SecretBytes, Option<String>)> {
        match sealed_token(secret) {
            Some(sealed) => Ok(self.keyring.open_noted(&self.identity(secret), sealed).await?),
            None => bail!("Secret {} holds no sealed token", secret.name_any()),
        }
    }

    /// Whether a value is to be sealed anew, as of the last check: by a newer key, or with its destination.
    pub fn is_stale(&self, sealed: &Sealed) -> bool {
        sealed.note.is_none() || self.keyring.is_stale(sealed)
    }

    /// How each provider is, without asking.
    pub fn health(&self) -> Vec<Health> {
        self.keyring.health()
    }

    /// Asks each provider how it is.
    pub async fn check(&self) -> Vec<Health> {
        self.keyring.check().await
    }
}

impl OpenSealed for Sealing {
    fn open<'a>(&'a self, secret: &'a Secret) -> BoxFuture<'a, Result<Token, NotOpened>> {
        let not_opened = |words: String, transient| NotOpened {
            words: format!("sealed token of Secret {}: {words}", secret.name_any()),
            transient,
        };
        async move {
            let sealed = sealed_token(secret).unwrap_or_default();
            let opened = self.keyring.open_noted(&self.identity(secret), sealed).await;
            let (token, destination) =
                opened.map_err(|error| not_opened(error.to_string(), error.is_transient()))?;
            let token = std::str::from_utf8(token.expose()).ok().and_then(Token::new);
            let token = token.ok_or_else(|| not_opened("what was sealed is no token".to_owned(), false))?;
            Ok(token.only_for(destination))
        }
        .boxed()
    }
}
