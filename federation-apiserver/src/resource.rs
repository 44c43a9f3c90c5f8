//! What the server serves: resources, and the catalog of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;
use structural_schema::{FieldError, Schema};

use crate::conversion::Conversion;
use crate::status::GroupResource;
use crate::table::Column;

/// When the server counts `metadata.generation` up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Never: the kind has none.
    None,
    /// When `spec` changes.
    Spec,
    /// When anything but the metadata (and the status, where it is a subresource) changes: custom resources.
    Content,
}

/// Where the `scale` subresource finds its fields, as JSON pointers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    /// Wanted replicas.
    pub spec_replicas: String,
    /// Replicas that are there.
    pub status_replicas: String,
    /// The label selector, as a string, if there is one.
    pub label_selector: Option<String>,
}

/// What is particular to a kind. Every function is pure.
pub trait Rules: Send + Sync {
    /// Fills in what was left out.
    fn default(&self, object: &mut Value);
    /// What the server sets on a new object, whatever the client wrote.
    fn prepare_create(&self, _object: &mut Value) {}
    /// What the server keeps on an update, whatever the client wrote.
    fn prepare_update(&self, _object: &mut Value, _old: &Value) {}
    /// What is wrong with an object; with the old one on an update.
    fn validate(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError>;
    /// What is worth a warning.
    fn warnings(&self, _object: &Value, _old: Option<&Value>) -> Vec<String> {
        Vec::new()
    }
}

/// One resource in one version.
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The plural name, as paths have it.
    pub plural: String,
    /// The singular name.
    pub singular: String,
    /// The kind of its objects.
    pub kind: String,
    /// The kind of its lists.
    pub list_kind: String,
    /// Names for people in a hurry.
    pub short_names: Vec<String>,
    /// Groups of resources, such as `all`.
    pub categories: Vec<String>,
    /// Objects are in namespaces.
    pub namespaced: bool,
    /// The verbs, as discovery tells them.
    pub verbs: Vec<String>,
    /// `status` is a subresource.
    pub status: bool,
    /// `scale` is a subresource.
    pub scale: Option<ScalePaths>,
    /// Where objects are stored: `/registry/…`, without a slash at the end.
    pub key_prefix: String,
    /// The `apiVersion` in which objects are stored.
    pub storage_version: String,
    /// From the stored version to this one.
    pub conversion: Conversion,
    /// The structure of objects; absent where nothing is known of it.
    pub schema: Option<Schema>,
    /// Stored objects may lack fields that the schema has defaults for.
    pub defaults_on_read: bool,
    /// What the schema does not name is dropped.
    pub prunes: bool,
    /// An update must say which version it is of.
    pub needs_version: bool,
    /// When the generation is counted up.
    pub generation: Generation,
    /// Fields that selectors may name, beside the name and the namespace: paths like `spec.type`.
    pub selectable: Vec<String>,
    /// Columns for people.
    pub columns: Vec<Column>,
    /// What is particular to the kind.
    pub rules: Arc<dyn Rules>,
    /// Seconds after which objects go by themselves; 0: never.
    pub lease: u32,
    /// What is said to clients of a version that is on its way out.
    pub deprecation_warning: Option<String>,
}

impl Resource {
    /// `group/version`, as `apiVersion` has it.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// The name of the resource in messages.
    pub fn group_resource(&self) -> GroupResource<'_> {
        GroupResource { group: &self.group, resource: &self.plural }
    }

    /// The key of an object, or with an empty name the prefix of a namespace's objects.
    pub fn key(&self, namespace: Option<&str>, name: &str) -> String {
        match namespace {
            Some(namespace) if self.namespaced => format!("{}/{namespace}/{name}", self.key_prefix),
            _ => format!("{}/{name}", self.key_prefix),
        }
    }

    /// Whether the subresource is there.
    pub fn has_subresource(&self, name: &str) -> bool {
        match name {
            "status" => self.status,
            "scale" => self.scale.is_some(),
            _ => false,
        }
    }
}

/// `group/version`, as `apiVersion` has it.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// Group, version and plural name.
type Path = (String, String, String);

/// All resources at one moment, in order of group, version and name.
#[derive(Clone, Default)]
pub struct Served {
    resources: BTreeMap<Path, Arc<Resource>>,
}

impl Served {
    /// The resource at a path.
    pub fn get(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        // A lookup by borrowed parts would want a key type of its own; a request costs far more than this.
        self.resources.get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.values()
    }

    /// A resource for each group and plural name, in one of its versions.
    pub fn one_version_each(&self) -> impl Iterator<Item = &Arc<Resource>> {
        let mut seen = std::collections::HashSet::new();
        self.resources.values().filter(move |resource| seen.insert(resource.key_prefix.clone()))
    }

    /// The resource of a kind.
    pub fn of_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.resources.values().find(|r| r.group == group && r.version == version && r.kind == kind)
    }
}

/// What is served now. Readers never wait.
#[derive(Default)]
pub struct Catalog {
    served: ArcSwap<Served>,
    change: parking_lot::Mutex<()>,
}

impl Catalog {
    /// What is served at this moment.
    pub fn served(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// Replaces all versions of one resource; an empty list takes it away.
    pub fn replace(&self, group: &str, plural: &str, versions: Vec<Resource>) {
        let _one_at_a_time = self.change.lock();
        let mut served = Served::clone(&self.served.load());
        served.resources.retain(|(g, _, p), _| g != group || p != plural);
        for resource in versions {
            let path = (resource.group.clone(), resource.version.clone(), resource.plural.clone());
            served.resources.insert(path, Arc::new(resource));
        }
        self.served.store(Arc::new(served));
    }

    /// Adds resources that come all at once.
    pub fn extend(&self, resources: impl IntoIterator<Item = Resource>) {
        let _one_at_a_time = self.change.lock();
        let mut served = Served::clone(&self.served.load());
        for resource in resources {
            let path = (resource.group.clone(), resource.version.clone(), resource.plural.clone());
            served.resources.insert(path, Arc::new(resource));
        }
        self.served.store(Arc::new(served));
    }
}
