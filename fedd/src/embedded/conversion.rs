//! The two forms of federated objects, converted by a function call.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use federation_apiserver::conversion::Convert;
use federation_apiserver::definition::Converters;
use federation_apiserver::status::ApiError;
use federation_model::{CLUSTER_FORM_VERSION, TOPOLOGY_FORM_VERSION};
use serde_json::Value;
use topology_convert::{Registry, to_cluster_form, to_topology_form};

use crate::webhook::state::Lookups;

/// Converts the objects of every definition that has both forms.
#[derive(Default)]
pub(super) struct Forms {
    known: Arc<OnceLock<Arc<Lookups>>>,
}

impl Forms {
    /// From now on, the declared topology types are known.
    pub(super) fn follow(&self, lookups: Arc<Lookups>) {
        // It is followed once, after the start.
        let _ = self.known.set(lookups);
    }
}

impl Converters for Forms {
    fn of(&self, definition: &Value) -> Option<Arc<dyn Convert>> {
        let versions = || definition["spec"]["versions"].as_array().into_iter().flatten();
        let has = |version: &str| versions().any(|one| one["name"] == version);
        let both = has(CLUSTER_FORM_VERSION) && has(TOPOLOGY_FORM_VERSION);
        both.then(|| Arc::new(Between { known: self.known.clone() }) as Arc<dyn Convert>)
    }
}

struct Between {
    known: Arc<OnceLock<Arc<Lookups>>>,
}

impl Between {
    fn registry(&self) -> Arc<Registry> {
        self.known.get().map(|lookups| lookups.registry()).unwrap_or_default()
    }
}

fn in_form(object: Value, api_version: &str, registry: &Registry) -> Value {
    if object["apiVersion"] == api_version {
        object
    } else if api_version.ends_with(&format!("/{CLUSTER_FORM_VERSION}")) {
        to_cluster_form(object, registry)
    } else {
        to_topology_form(object, registry)
    }
}

#[async_trait]
impl Convert for Between {
    async fn convert(&self, objects: Vec<Value>, api_version: &str) -> Result<Vec<Value>, ApiError> {
        let registry = self.registry();
        Ok(objects.into_iter().map(|object| in_form(object, api_version, &registry)).collect())
    }

    fn convert_now(&self, object: &Value, api_version: &str) -> Result<Value, String> {
        Ok(in_form(object.clone(), api_version, &self.registry()))
    }
}
