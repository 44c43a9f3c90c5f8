#![doc = include_str!("../README.md")]
//!
//! # The rules
//!
//! | by topology (`v1beta2`) | by cluster (`v1beta1`, stored) | |
//! | --- | --- | --- |
//! | `spec.topologyType` | annotation `fedd.io/topology-type` | verbatim; absent in one is absent in the other |
//! | `spec.placement.topologies[].name` | `spec.placement.clusters[].name` | name for name |
//! | `spec.placement.topologySelector` | `spec.placement.clusterSelector` | verbatim |
//! | `spec.placementMask.topologies[].name` | `spec.placementMask.clusters[].name` | name for name |
//! | `spec.overrides[].topologyName` | `spec.overrides[].clusterName` | name for name |
//! | `spec.overrides[].topologyOverrides` | `spec.overrides[].clusterOverrides` | verbatim |
//! | `status.topologies[].name` | `status.clusters[].name` | name for name |
//! | annotation `fedd.io/topology-type`, `….own`, … | `….own`, `….own.own`, … | moved up by one |
//!
//! Everything else, `metadata.managedFields` and fields that this crate has never heard of included, is moved and not
//! looked at. Order, duplicates, nulls, empty lists and values of a wrong type stay what and where they are.
//!
//! **Converted back, an object is what it was**: by cluster, to topology, to cluster; and by topology, to cluster, to
//! topology. So for objects of the shape of their form's schema, with any names, any topology type, known or not, any
//! annotations, and any registry so long as it is the same one both ways. One thing is normalised, and admission
//! refuses it: a name written out without need (below) comes back as the topology that it means.
//!
//! The domain is in fact wider: every JSON value, except
//!
//! * in the cluster form: `spec.topologyType` as a text (its schema has no such field, so that an API server prunes it), or
//!   as anything next to the annotation;
//! * in the topology form: the annotation `fedd.io/topology-type` or `….own` with a value that is no text (an API server
//!   refuses it).
//!
//! Outside the domain too the functions are total and deterministic.
//!
//! What goes into a schema's shape comes out in the other's: nothing is put where an API server would prune it.
//! For this, metadata is an object in which annotations are absent or not empty, as in every object that an API server hands
//! out; in others the topology type stays in its field, where at least this crate finds it again.
//!
//! # Names that a type has none for
//!
//! An object by cell may be placed on a cluster that is no cell, since the same object can be written by cluster. In the
//! topology form such a name is *written out*, as kubectl writes types and names: `cluster/member1`. So it is seen, and can
//! be edited, masked and removed like any other. Users may write names out themselves, where the type has none.
//!
//! `cluster/x` means the cluster `x`, whatever the type: an object that was read before its type was declared, and is
//! written after, stays on its clusters. Where the type has a name for `x`, admission asks for that one, since
//! otherwise one cluster could stand in a list under two names.
//!
//! An annotation that holds what the list cannot would be the other way. It would hide where an object is placed;
//! an edit of the list would leave its entries at positions that mean nothing any more; and field
//! managers who share the list by server-side apply would fight for one annotation. With one name for each name, a list
//! is the same list in both forms: keys stay keys, one entry stays one entry, and an edit by one form is the same
//! edit by the other. Only the topology type itself is left for an annotation.
//!
//! The other way round, a topology that its type cannot name (an unknown type; a cell name that is no label; a cell on
//! an object without a namespace) becomes the cluster `<type>/<name>`. No cluster can be named so: such an object is
//! placed nowhere until somebody puts it right, rather than on a cluster that happens to have the topology's name. Admission refuses
//! it first, see [`check_topology_type`].
//!
//! When a type is declared no longer, or with another template, objects stay on their clusters, which are what is stored; the
//! topology form shows those that the type cannot name any more written out.
//!
//! # A type that changes
//!
//! Changing `spec.topologyType` alone changes what the names mean, so that admission looks at all names anew. Taking the
//! annotation out of the cluster form leaves the placement as it is, and the topology form then shows clusters.
//!
//! # Cost
//!
//! Objects are taken by value and their parts moved: a conversion touches names, not templates. Its time grows with the
//! number of names, not with the size of the object.

mod admission;
mod dns;
mod form;
mod name_map;
mod registry;
mod review;
mod topology;
mod type_annotation;

pub use admission::{Refusal, check_topology_type, default_topology_type};
pub use form::{to_cluster_form, to_topology_form};
pub use registry::{Registry, RegistryError};
pub use review::review;
pub use topology::{Cell, Cluster, Declared, TopologyType};
