//! Tenancy of tunnels: whose clusters a server serves, and who may dial which. Pure; see docs/adr/0011.
//!
//! The engine dials for every scope, as placement has decided. A tenant's programs dial the clusters of their scope. A
//! server that is one tenant's serves no other's.

use std::sync::Arc;

use cluster_tunnel::ClusterName;
use cluster_tunnel::server::{Caller, Refusal};
use federation_model::{Feature, KubeFedCluster, Settings};
use kube::ResourceExt as _;
use tenancy::{Scope, ScopeKeys};

use super::authority::{ENGINE, ENGINES, SCOPE_PREFIX, TENANTS};
use super::issuer::left;
use crate::placed::scope_keys;

/// Whose clusters somebody may serve or dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// All of the federation's.
    Federation,
    /// Those of exactly this scope; not shared ones, which belong to others too.
    Tenant(Scope),
}

impl Bounds {
    /// Whether a cluster of this scope is within them.
    pub fn have(&self, cluster: &Scope) -> bool {
        match self {
            Self::Federation => true,
            Self::Tenant(scope) => scope.reaches(cluster),
        }
    }

    /// Those of a caller; `None` for one who may dial nothing. By a socket, the handshake has checked the certificate,
    /// which is of the federation's authority.
    pub fn of(caller: &Caller) -> Option<Self> {
        let Caller { name, groups, address, .. } = caller;
        let is_in_process = groups.is_empty() && address.is_none();
        if name == ENGINE && (is_in_process || groups == &[ENGINES]) {
            return Some(Self::Federation);
        }
        let (tenant, workspace_group) = name.strip_prefix(SCOPE_PREFIX)?.split_once('/')?;
        let scope = Scope::Tenant { tenant: tenant.to_owned(), workspace_group: workspace_group.to_owned() };
        (groups == &[TENANTS]).then_some(Self::Tenant(scope))
    }
}

/// Tenancy as a server keeps it.
#[derive(Clone, Debug)]
pub struct Tenancy {
    /// Keys of the scope labels; none when tenant isolation is off, and every cluster is shared.
    pub keys: Option<ScopeKeys>,
    /// Whose clusters are served.
    pub served: Bounds,
}

impl Tenancy {
    /// Of a server for all clusters of a federation with these settings.
    pub fn of(settings: &Settings) -> Self {
        let keys = settings.gates.is_on(Feature::TenantIsolation).then(|| scope_keys(settings));
        Self { keys, served: Bounds::Federation }
    }

    fn scope(&self, cluster: &KubeFedCluster) -> Scope {
        self.keys.as_ref().map_or(Scope::Shared, |keys| keys.of_labels(cluster.labels()))
    }

    /// Whether agents of this cluster are for this server at all.
    pub(super) fn serves(&self, cluster: &KubeFedCluster, name: &ClusterName) -> Result<(), Refusal> {
        if self.served.have(&self.scope(cluster)) {
            Ok(())
        } else {
            Err(Refusal::NotServed { cluster: name.clone() })
        }
    }

    /// Whether agents with a certificate for this cluster and uid are let in: the cluster is there and served, and it, or
    /// another that may go through it (a shared one, or one of the same scope), is reached by its tunnel.
    pub(super) fn admits(
        &self,
        clusters: &[Arc<KubeFedCluster>],
        cluster: &ClusterName,
        uid: &str,
    ) -> Result<(), Refusal> {
        let name = cluster.as_str();
        let through: Vec<_> = clusters.iter().filter(|known| known.tunnel() == Some(name)).collect();
        if through.is_empty() {
            return Err(Refusal::Invalid(format!("no KubeFedCluster is reached by the tunnel of {cluster}")));
        }
        let found = clusters.iter().find(|known| known.metadata.name.as_deref() == Some(name));
        let found = found.filter(|found| found.metadata.uid.as_deref() == Some(uid));
        let found = found.ok_or_else(|| left(cluster))?;
        self.serves(found, cluster)?;
        let scope = self.scope(found);
        if through
            .iter()
            .any(|known| Arc::ptr_eq(known, found) || self.scope(known).may_put_a_cell_on(&scope))
        {
            Ok(())
        } else {
            Err(Refusal::Invalid(format!(
                "the tunnel of {cluster} is named by clusters of other tenants alone"
            )))
        }
    }

    /// Whether a caller may dial a cluster; `found` is what is known of it. The words are the same for one that is not
    /// there, so that nobody learns what others have.
    pub(super) fn may_dial(
        &self,
        caller: &Caller,
        cluster: &ClusterName,
        found: Option<&KubeFedCluster>,
    ) -> Result<(), String> {
        match Bounds::of(caller) {
            None => Err("the tunnels are the federation's; tenants' programs show a certificate that \
                         `fedd tunnel-client` prints"
                .to_owned()),
            Some(Bounds::Federation) => Ok(()),
            Some(bounds) if found.is_some_and(|found| bounds.have(&self.scope(found))) => Ok(()),
            Some(_) => Err(format!("{cluster} is not in reach of {}", caller.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use federation_model::{FeatureGates, KubeFedClusterSpec, annotation};
    use proptest::prelude::*;

    use super::*;

    const UID: &str = "a";

    fn tenancy(served: Bounds) -> Tenancy {
        Tenancy { served, ..Tenancy::of(&Settings::default()) }
    }

    fn cluster(name: &str, tunnel: Option<&str>, scope: &Scope) -> Arc<KubeFedCluster> {
        let mut cluster = KubeFedCluster::new(name, KubeFedClusterSpec::default());
        cluster.metadata.uid = Some(UID.to_owned());
        *cluster.labels_mut() = ScopeKeys::default().labels_of(scope);
        let annotations = tunnel.map(|of| (annotation::TUNNEL.to_owned(), of.to_owned()));
        *cluster.annotations_mut() = annotations.into_iter().collect();
        Arc::new(cluster)
    }

    fn scope(tenant: &str) -> Scope {
        Scope::Tenant { tenant: tenant.to_owned(), workspace_group: "g".to_owned() }
    }

    fn caller(name: &str, groups: &[&str]) -> Caller {
        Caller {
            name: name.to_owned(),
            groups: groups.iter().map(ToString::to_string).collect(),
            address: Some(([127, 0, 0, 1], 1).into()),
            trace: None,
        }
    }

    #[test]
    fn agents_are_let_in_for_the_cluster_that_is_there_now_and_is_tunnelled() {
        let (m1, all) = ("m1".parse().unwrap(), tenancy(Bounds::Federation));
        let admits = |clusters: &[_], uid| all.admits(clusters, &m1, uid).is_ok();
        let shared = |name, tunnel| cluster(name, tunnel, &Scope::Shared);
        assert!(admits(&[shared("m1", Some("true"))], UID));
        assert!(admits(&[shared("m1", None), shared("cell", Some("m1"))], UID));
        assert!(!admits(&[shared("m1", Some("true"))], "before"));
        assert!(!admits(&[shared("m1", None)], UID));
        assert!(!admits(&[shared("m2", Some("m1"))], UID));
    }

    #[test]
    fn a_tunnel_that_only_another_tenant_names_is_not_there() {
        let (m1, all) = ("m1".parse().unwrap(), tenancy(Bounds::Federation));
        let admits = |user: &Scope, of: &Scope| {
            all.admits(&[cluster("m1", None, of), cluster("m2", Some("m1"), user)], &m1, UID).is_ok()
        };
        assert!(admits(&scope("bank"), &scope("bank")) && admits(&scope("bank"), &Scope::Shared));
        assert!(!admits(&scope("shop"), &scope("bank")) && !admits(&Scope::Shared, &scope("bank")));
        let off = Settings { gates: FeatureGates::kubefed(), ..Settings::default() };
        let clusters = [cluster("m1", None, &scope("bank")), cluster("m2", Some("m1"), &scope("shop"))];
        assert!(Tenancy::of(&off).admits(&clusters, &m1, UID).is_ok());
    }

    #[test]
    fn the_engine_dials_everything_and_who_shows_something_else_nothing() {
        let (m1, all) = ("m1".parse().unwrap(), tenancy(Bounds::Federation));
        let may = |caller: &Caller| all.may_dial(caller, &m1, None).is_ok();
        assert!(may(&Caller::in_process(ENGINE)) && may(&caller(ENGINE, &[ENGINES])));
        assert!(!may(&Caller::in_process("other")) && !may(&caller(ENGINE, &[])));
        assert!(!may(&caller("cluster:m1", &["fedd:agents"])));
        // A tenant's group does not make an engine, nor a name a tenant.
        assert_eq!(Bounds::of(&caller(ENGINE, &[TENANTS])), None);
        assert_eq!(Bounds::of(&caller("scope:bank/g", &[ENGINES])), None);
        assert_eq!(Bounds::of(&caller("scope:bank/g", &[TENANTS])), Some(Bounds::Tenant(scope("bank"))));
        let off = Settings { gates: FeatureGates::kubefed(), ..Settings::default() };
        let bank = cluster("m1", Some("true"), &scope("bank"));
        assert!(Tenancy::of(&off).may_dial(&caller("scope:bank/g", &[TENANTS]), &m1, Some(&bank)).is_err());
    }

    fn any_scope() -> impl Strategy<Value = Scope> {
        let tenant = ("[ab]?", "[xy]?")
            .prop_map(|(tenant, workspace_group)| Scope::Tenant { tenant, workspace_group });
        prop_oneof![1 => Just(Scope::Shared), 1 => Just(Scope::Incomplete), 4 => tenant]
    }

    fn any_clusters() -> impl Strategy<Value = Vec<Arc<KubeFedCluster>>> {
        let tunnel = prop_oneof![
            1 => Just(None),
            2 => Just(Some("true".to_owned())),
            2 => "m[0-4]".prop_map(Some)
        ];
        proptest::collection::vec((tunnel, any_scope()), 1..5).prop_map(|all| {
            let named = all.iter().enumerate();
            named.map(|(i, (tunnel, scope))| cluster(&format!("m{i}"), tunnel.as_deref(), scope)).collect()
        })
    }

    proptest! {
        #[test]
        fn no_dial_reaches_a_cluster_of_another_scope(
            clusters in any_clusters(),
            target in 0..5_usize,
            dials in any_scope(),
            serves in prop::option::of(any_scope()),
        ) {
            let name: ClusterName = format!("m{target}").parse().unwrap();
            let server = tenancy(serves.clone().map_or(Bounds::Federation, Bounds::Tenant));
            let found = clusters.get(target);
            let of = found.map(|found| ScopeKeys::default().of_labels(found.labels()));
            let is_admitted = server.admits(&clusters, &name, UID).is_ok();
            let client = caller(&format!("scope:{dials}"), &[TENANTS]);
            let may_dial = server.may_dial(&client, &name, found.map(AsRef::as_ref)).is_ok();
            if may_dial {
                prop_assert_eq!(of.as_ref(), Some(&dials));
                prop_assert!(!dials.reaches_nothing() && dials != Scope::Shared);
            }
            if is_admitted {
                prop_assert!(of.is_some());
                prop_assert!(serves.is_none() || serves == of);
            }
            // Nothing is refused that the rule allows.
            if let (Some(of), Scope::Tenant { .. }) = (&of, &dials) {
                prop_assert_eq!(may_dial, dials.reaches(of));
            }
            let is_own = found.is_some_and(|found| found.tunnel() == Some(name.as_str()));
            if is_own && serves.is_none() {
                prop_assert!(is_admitted);
            }
        }
    }
}
