//! What a server says that it serves: `/api`, `/apis` and below, in the plain and the aggregated form.
//!
//! All functions are pure; the documents are kube-apiserver's for the same resources.

mod aggregated;
mod described;
mod plain;
pub(crate) mod version_order;

pub use aggregated::{AGGREGATED, aggregated_core, aggregated_groups};
pub use described::{Described, DescribedSubresource};
pub use plain::{api_versions, group, groups, resources};

/// The versions of one group, the preferred one first.
pub(crate) struct Group<'a> {
    pub(crate) name: &'a str,
    pub(crate) versions: Vec<&'a str>,
}

impl Group<'_> {
    fn api_version(&self, version: &str) -> String {
        if self.name.is_empty() { version.to_owned() } else { format!("{}/{version}", self.name) }
    }
}

/// The groups of resources in discovery's order: built-in ones as kube-apiserver has them, then others by name.
pub(crate) fn in_order(all: &[Described]) -> Vec<Group<'_>> {
    use crate::builtin::GROUP_VERSIONS;
    let rank = |name: &str| GROUP_VERSIONS.iter().position(|one| one.group == name).unwrap_or(usize::MAX);
    let mut names: Vec<&str> = all.iter().map(|one| one.group.as_str()).collect();
    names.sort_unstable_by_key(|name| (rank(name), *name));
    names.dedup();
    let groups = names.into_iter().map(|name| {
        let of_group = all.iter().filter(|one| one.group == name);
        let mut versions: Vec<&str> = of_group.map(|one| one.version.as_str()).collect();
        versions.sort_unstable_by(|a, b| version_order::newest_first(a, b));
        versions.dedup();
        Group { name, versions }
    });
    groups.collect()
}

/// The resources of a group and version, by plural name.
fn of_version<'a>(all: &'a [Described], group: &str, version: &str) -> Vec<&'a Described> {
    let mut found: Vec<_> = all.iter().filter(|one| one.group == group && one.version == version).collect();
    found.sort_unstable_by_key(|one| one.plural.as_str());
    found
}
