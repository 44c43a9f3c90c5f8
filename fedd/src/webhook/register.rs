//! Keeps the API server told where the webhook is and which authorities sign its certificate: the two webhook
//! configurations, and the conversion of every federated CRD. What is federated, type configs say.
//!
//! It starts when the webhook serves, since a registration with `failurePolicy: Fail` that nobody answers stops every
//! write. It acts on events alone: a rotated authority, a CRD or a type config that appears or changes, a
//! configuration that somebody edits or deletes.

mod configuration;
mod conversion;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use federation_model::{FederatedTypeConfig, validate_type_config};
use futures::StreamExt as _;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watch_object, watcher};
use kube::{Client, ResourceExt as _};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::address::WebhookAddress;

pub(crate) use self::configuration::paths;
pub use self::configuration::{
    MUTATING_NAME, VALIDATING_NAME, mutating_configuration, validating_configuration,
};
pub use self::conversion::conversion_patch;
use self::conversion::{has_both_forms, is_federated};

/// Field manager of what is registered.
pub const FIELD_MANAGER: &str = "fedd-webhook";

/// Wait after a write that failed.
const RETRY: Duration = Duration::from_secs(2);

/// Shortest time between two registrations: changes that come together are answered together, and somebody else who
/// writes the same fields (a replica with another address, say) gets into no race.
const PAUSE: Duration = Duration::from_millis(500);

/// Events that are taken at once.
const AT_ONCE: usize = 256;

/// What is registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Where the webhook is.
    pub address: WebhookAddress,
    /// Only objects of this namespace are asked about (KubeFed's `Namespaced` scope); all when none.
    pub only_namespace: Option<String>,
    /// The federation's namespace, where Secrets with readable tokens are asked about (gate `SealedCredentialsOnly`);
    /// none where they may be.
    pub sealed_only_in: Option<String>,
}

/// A federated type, as its type config names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FederatedResource {
    /// Its API group.
    pub group: String,
    /// The version of its cluster form.
    pub version: String,
    /// Its plural name.
    pub plural: String,
}

impl FederatedResource {
    /// The federated type of a type config (with its defaults filled in).
    pub fn of(config: &FederatedTypeConfig) -> Self {
        let ty = &config.spec.federated_type;
        Self { group: ty.group.clone(), version: ty.version.clone(), plural: ty.plural_name.clone() }
    }

    /// The federated types of type configs. A config that cannot be meant names none: what it names by mistake would be
    /// asked about at every write.
    pub fn of_all<'c>(configs: impl IntoIterator<Item = &'c FederatedTypeConfig>) -> BTreeSet<Self> {
        let meant = |config: &&FederatedTypeConfig| validate_type_config(config, None).is_empty();
        configs.into_iter().filter(meant).map(Self::of).collect()
    }
}

/// The federated types, as they change; none until they are known.
pub type FederatedResources = watch::Receiver<Option<BTreeSet<FederatedResource>>>;

/// The definitions in both forms as they were last seen, without their schemas.
#[derive(Default)]
struct Definitions {
    known: BTreeMap<String, CustomResourceDefinition>,
    listed: bool,
    relist: BTreeMap<String, CustomResourceDefinition>,
}

impl Definitions {
    /// Takes an event in; whether there may be something to register.
    fn observe(&mut self, event: Event<CustomResourceDefinition>) -> bool {
        match event {
            Event::Apply(definition) => {
                return without_schemas(definition).is_some_and(|(name, d)| {
                    self.known.insert(name, d);
                    true
                });
            }
            Event::Delete(definition) => {
                self.known.remove(&definition.name_any());
                return false;
            }
            Event::Init => self.relist.clear(),
            Event::InitApply(definition) => self.relist.extend(without_schemas(definition)),
            Event::InitDone => {
                self.known = std::mem::take(&mut self.relist);
                self.listed = true;
                return true;
            }
        }
        false
    }
}

/// A definition in both forms, without what is large in it.
fn without_schemas(mut definition: CustomResourceDefinition) -> Option<(String, CustomResourceDefinition)> {
    if !has_both_forms(&definition) {
        return None;
    }
    for version in &mut definition.spec.versions {
        version.schema = None;
    }
    definition.metadata.managed_fields = None;
    Some((definition.name_any(), definition))
}

/// Registers, and keeps registered until `shutdown`. `registered` is cancelled after the first time.
pub async fn run(
    client: Client,
    registration: Registration,
    mut bundle: watch::Receiver<Option<Vec<u8>>>,
    mut federated: FederatedResources,
    registered: CancellationToken,
    shutdown: CancellationToken,
) {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut events =
        watcher(crds, watcher::Config::default()).default_backoff().ready_chunks(AT_ONCE).boxed();
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let mut mutating = watch_object(mutating, MUTATING_NAME).default_backoff().boxed();
    let mut validating = watch_object(validating, VALIDATING_NAME).default_backoff().boxed();
    let mut definitions = Definitions::default();
    let mut due = true;
    let mut earliest = Instant::now();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            // Not before the definitions are known: who is told that it is registered may write in either form.
            () = tokio::time::sleep_until(earliest),
                if due && definitions.listed && federated.borrow().is_some() =>
            {
                let current = bundle.borrow_and_update().clone();
                let federated = federated.borrow_and_update().clone().unwrap_or_default();
                let (current, known) = (current.as_deref(), &definitions.known);
                match settle(&client, &registration, current, &federated, known).await {
                    Ok(()) => {
                        due = false;
                        earliest = Instant::now() + PAUSE;
                        registered.cancel();
                    }
                    Err(error) => {
                        earliest = Instant::now() + RETRY;
                        warn!("the webhook is not registered; tries again: {error:#}");
                    }
                }
            }
            changed = bundle.changed() => match changed {
                Ok(()) => due = true,
                Err(_) => return,
            },
            changed = federated.changed() => match changed {
                Ok(()) => due = true,
                Err(_) => return,
            },
            // Our own writes come back as events; what they ask for is there by then, and nothing is written again.
            Some(_) = mutating.next() => due = true,
            Some(_) = validating.next() => due = true,
            Some(chunk) = events.next() => for event in chunk {
                match event {
                    Ok(event) => due |= definitions.observe(event),
                    Err(error) => warn!(%error, "cannot watch definitions; tries again"),
                }
            },
        }
    }
}

async fn settle(
    client: &Client,
    registration: &Registration,
    bundle: Option<&[u8]>,
    federated: &BTreeSet<FederatedResource>,
    definitions: &BTreeMap<String, CustomResourceDefinition>,
) -> anyhow::Result<()> {
    // Conversions first: a form that is admitted must convert.
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let known = definitions.iter().filter(|(_, d)| is_federated(d, federated, &registration.address));
    for (name, definition) in known {
        if let Some(patch) = conversion_patch(definition, &registration.address, bundle) {
            let params =
                PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
            match crds.patch(name, &params, &Patch::Merge(patch)).await {
                Ok(_) => info!(definition = name, "its conversion is told where the webhook is"),
                // It is being taken away; the event is on its way.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(error).with_context(|| format!("cannot write definition {name}")),
            }
        }
    }
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let validating = validating_configuration(registration, federated, bundle);
    let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    api.patch(VALIDATING_NAME, &params, &Patch::Apply(&validating))
        .await
        .with_context(|| format!("cannot write {VALIDATING_NAME}"))?;
    let mutating = mutating_configuration(registration, federated, bundle);
    let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    api.patch(MUTATING_NAME, &params, &Patch::Apply(&mutating))
        .await
        .with_context(|| format!("cannot write {MUTATING_NAME}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_model::{
        ConversionWebhook, FederatedKind, core_crds, default_types, federated_crd, type_config,
    };

    fn definition(place: usize, webhook: &ConversionWebhook) -> CustomResourceDefinition {
        let config = type_config(&default_types()[place].target, "fed");
        federated_crd(&config, &FederatedKind::default(), webhook)
    }

    #[test]
    fn only_definitions_in_both_forms_are_kept_and_without_their_schemas() {
        let mut definitions = Definitions::default();
        assert!(!definitions.observe(Event::Apply(core_crds().remove(0))));
        assert!(!definitions.observe(Event::Apply(definition(0, &ConversionWebhook::None))));
        assert!(definitions.known.is_empty());
        assert!(definitions.observe(Event::Apply(definition(0, &ConversionWebhook::Pending))));
        let kept = definitions.known.values().next().unwrap();
        assert!(kept.spec.versions.iter().all(|v| v.schema.is_none()));
        assert!(kept.spec.conversion.is_some());
    }

    #[test]
    fn what_a_type_config_names_by_mistake_is_not_asked_about() {
        let config = |group: &str| {
            let mut config = type_config(&default_types()[1].target, "fed");
            config.spec.federated_type.group = group.to_owned();
            config
        };
        let (good, bad) = (config("types.example.com"), config("rbac.authorization.k8s.io"));
        assert_eq!(FederatedResource::of_all([&good, &bad]), BTreeSet::from([FederatedResource::of(&good)]));
    }

    #[test]
    fn a_new_list_replaces_the_old_one() {
        let both = &ConversionWebhook::Pending;
        let mut definitions = Definitions::default();
        definitions.observe(Event::Apply(definition(0, both)));
        assert!(!definitions.listed);
        for event in [Event::Init, Event::InitApply(definition(1, both))] {
            assert!(!definitions.observe(event), "nothing is registered from half a list");
        }
        assert!(definitions.observe(Event::InitDone));
        assert!(definitions.listed);
        assert_eq!(definitions.known.keys().collect::<Vec<_>>(), ["federatedconfigmaps.types.kubefed.io"]);
        definitions.observe(Event::Delete(definition(1, both)));
        assert!(definitions.known.is_empty());
    }
}
