//! What the server serves: resources, and the catalog of them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;
use structural_schema::Schema;

use crate::FieldError;
use crate::conversion::Conversion;
use crate::discovery::Described;
use crate::select::SelectableFields;
use crate::status::GroupResource;
use crate::table::TableFormat;

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
    /// The structure of objects; absent where nothing is known of it.
    fn schema(&self) -> Option<&Schema>;
    /// Reads an object as its kind: what the kind does not have is dropped, and told by its path.
    ///
    /// # Errors
    /// What does not fit the kind at all, in kube-apiserver's words.
    fn read(&self, object: Value) -> Result<(Value, Vec<String>), String>;
    /// Fills in what was left out. A second time changes nothing.
    fn default(&self, object: &mut Value);
    /// What the server sets in a new object, whatever the client wrote; with its defaults.
    fn prepare_create(&self, object: &mut Value);
    /// What the server keeps on an update, whatever the client wrote: the part that another subresource owns, and the
    /// generation. `subresource` is empty for the object's own path. With its defaults.
    fn prepare_update(&self, subresource: &str, object: &mut Value, old: &Value);
    /// What is wrong with an object; with the old one on an update, through the subresource or the object's own path.
    fn validate(&self, subresource: &str, object: &Value, old: Option<&Value>) -> Vec<FieldError>;
    /// What the server sets in an object whose deletion begins.
    fn prepare_delete(&self, _object: &mut Value, _now: jiff::Timestamp) {}
    /// Whether something else than finalizers in the metadata keeps an object that is to go.
    fn is_kept(&self, _object: &Value) -> bool {
        false
    }
    /// What is worth a warning.
    fn warnings(&self, _object: &Value, _old: Option<&Value>) -> Vec<String> {
        Vec::new()
    }
}

/// One resource in one version.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Resource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The plural name, as paths have it.
    pub plural: String,
    /// The kind of its objects.
    pub kind: String,
    /// The kind of its lists.
    pub list_kind: String,
    /// Objects are in namespaces.
    pub namespaced: bool,
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
    /// Stored objects may lack fields that the schema has defaults for.
    pub defaults_on_read: bool,
    /// It has a definition: kube-apiserver treats such resources differently here and there.
    pub custom: bool,
    /// Subresources beside `status` and `scale`, each served by the part that knows it.
    pub special: Vec<String>,
    /// Fields that selectors may name.
    pub selectable: SelectableFields,
    /// What discovery says of it.
    pub described: Described,
    /// How objects are shown to people.
    pub table: TableFormat,
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

    /// Whether an update may leave out the version that it is of, as the strategies of kube-apiserver's registry say.
    pub fn takes_unconditional_updates(&self) -> bool {
        let versioned = [
            "leases",
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
            "customresourcedefinitions",
            "poddisruptionbudgets",
            "csidrivers",
            "csinodes",
        ];
        !self.custom && !versioned.contains(&self.plural.as_str())
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
            other => self.special.iter().any(|one| one == other),
        }
    }
}

/// `group/version`, as `apiVersion` has it.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// All resources at one moment.
#[derive(Clone, Default)]
pub struct Served {
    /// In order of group, version and plural name, each once.
    resources: Vec<Arc<Resource>>,
}

impl Served {
    /// The resource at a path.
    pub fn get(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.place(group, version, plural).ok().map(|place| &self.resources[place])
    }

    /// Where a resource is, or would be.
    fn place(&self, group: &str, version: &str, plural: &str) -> Result<usize, usize> {
        self.resources
            .binary_search_by(|one| (&*one.group, &*one.version, &*one.plural).cmp(&(group, version, plural)))
    }

    fn put(&mut self, resource: Resource) {
        let place = self.place(&resource.group, &resource.version, &resource.plural);
        let resource = Arc::new(resource);
        match place {
            Ok(place) => self.resources[place] = resource,
            Err(place) => self.resources.insert(place, resource),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.iter()
    }

    /// A resource for each group and plural name, in one of its versions.
    pub fn one_version_each(&self) -> impl Iterator<Item = &Arc<Resource>> {
        let mut seen = std::collections::HashSet::new();
        self.resources.iter().filter(move |resource| seen.insert(resource.key_prefix.clone()))
    }

    /// The resource of a kind.
    pub fn of_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.resources.iter().find(|r| r.group == group && r.version == version && r.kind == kind)
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
        served.resources.retain(|one| one.group != group || one.plural != plural);
        versions.into_iter().for_each(|resource| served.put(resource));
        self.served.store(Arc::new(served));
    }

    /// Adds resources that come all at once.
    pub fn extend(&self, resources: impl IntoIterator<Item = Resource>) {
        let _one_at_a_time = self.change.lock();
        let mut served = Served::clone(&self.served.load());
        resources.into_iter().for_each(|resource| served.put(resource));
        self.served.store(Arc::new(served));
    }
}
