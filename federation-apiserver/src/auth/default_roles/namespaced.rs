//! What may be done in one's own namespace: look (`view`), work (`edit`), and let others in (`admin`).

use super::resources;
use crate::auth::PolicyRule;

const READ: &str = "get list watch";
const WRITE: &str = "create update patch delete deletecollection";
const READ_WRITE: &str = "get list watch create update patch delete deletecollection";

/// `view`: nothing from which more rights could be got, so no secrets.
pub(super) fn view() -> Vec<PolicyRule> {
    vec![
        resources(
            READ,
            "",
            "pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status \
             endpoints persistentvolumeclaims persistentvolumeclaims/status configmaps",
        ),
        resources(
            READ,
            "",
            "limitranges resourcequotas bindings pods/status resourcequotas/status namespaces/status \
             replicationcontrollers/status pods/log",
        ),
        // In a RoleBinding this is the namespace itself.
        resources(READ, "", "namespaces"),
        core_and_events(READ),
        resources(READ, "discovery.k8s.io", "endpointslices"),
        resources(
            READ,
            "apps",
            "controllerrevisions statefulsets statefulsets/status statefulsets/scale daemonsets daemonsets/status \
             deployments deployments/status deployments/scale replicasets replicasets/status replicasets/scale",
        ),
        resources(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
        resources(READ, "batch", "jobs cronjobs cronjobs/status jobs/status"),
        resources(
            READ,
            "extensions",
            "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses \
             ingresses/status replicasets replicasets/scale replicasets/status replicationcontrollers/scale \
             networkpolicies",
        ),
        resources(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
        resources(READ, "networking.k8s.io", "networkpolicies ingresses ingresses/status"),
        resources(READ, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
    ]
}

/// `edit`: secrets and service accounts too, but no `/status`, quota or limit.
pub(super) fn edit() -> Vec<PolicyRule> {
    vec![
        resources(READ, "", "pods/attach pods/proxy pods/exec pods/portforward secrets services/proxy"),
        resources("impersonate", "", "serviceaccounts"),
        resources(WRITE, "", "pods pods/attach pods/proxy pods/exec pods/portforward"),
        resources("create", "", "pods/eviction"),
        resources(
            WRITE,
            "",
            "replicationcontrollers replicationcontrollers/scale serviceaccounts services services/proxy \
             persistentvolumeclaims configmaps secrets",
        ),
        resources("create", "", "serviceaccounts/token"),
        core_and_events(WRITE),
        resources(
            WRITE,
            "apps",
            "statefulsets statefulsets/scale daemonsets deployments deployments/scale deployments/rollback \
             replicasets replicasets/scale",
        ),
        resources(WRITE, "autoscaling", "horizontalpodautoscalers"),
        resources(WRITE, "batch", "jobs cronjobs"),
        resources(
            WRITE,
            "extensions",
            "daemonsets deployments deployments/scale deployments/rollback ingresses replicasets \
             replicasets/scale replicationcontrollers/scale networkpolicies",
        ),
        resources(WRITE, "policy", "poddisruptionbudgets"),
        resources(WRITE, "networking.k8s.io", "networkpolicies ingresses"),
        resources(READ_WRITE, "coordination.k8s.io", "leases"),
        resources(WRITE, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
    ]
}

/// `admin`: roles and bindings of the namespace, as far as escalation checks allow.
pub(super) fn admin() -> Vec<PolicyRule> {
    vec![
        resources("create", "authorization.k8s.io", "localsubjectaccessreviews"),
        resources(READ_WRITE, "rbac.authorization.k8s.io", "roles rolebindings"),
    ]
}

/// Events are in both groups; the core group has no word to be split at.
fn core_and_events(verbs: &str) -> PolicyRule {
    let mut rule = resources(verbs, "events.k8s.io", "events");
    rule.api_groups.insert(0, String::new());
    rule
}
