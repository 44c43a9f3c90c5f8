//! The built-in kinds.

use super::kind::Profile::{Federation, Member};
use super::kind::{GroupVersion, Kind, Subresource};
use crate::select::{Refusal, SelectableField};

const CORE: GroupVersion = gv("", "v1", "io.k8s.api.core.v1");
const APPS: GroupVersion = gv("apps", "v1", "io.k8s.api.apps.v1");
const EVENTS: GroupVersion = gv("events.k8s.io", "v1", "io.k8s.api.events.v1");
const AUTHENTICATION: GroupVersion = gv("authentication.k8s.io", "v1", "io.k8s.api.authentication.v1");
const AUTHORIZATION: GroupVersion = gv("authorization.k8s.io", "v1", "io.k8s.api.authorization.v1");
const AUTOSCALING: GroupVersion = gv("autoscaling", "v2", "io.k8s.api.autoscaling.v2");
const AUTOSCALING_V1: GroupVersion = gv("autoscaling", "v1", "io.k8s.api.autoscaling.v1");
const BATCH: GroupVersion = gv("batch", "v1", "io.k8s.api.batch.v1");
const NETWORKING: GroupVersion = gv("networking.k8s.io", "v1", "io.k8s.api.networking.v1");
const POLICY: GroupVersion = gv("policy", "v1", "io.k8s.api.policy.v1");
const RBAC: GroupVersion = gv("rbac.authorization.k8s.io", "v1", "io.k8s.api.rbac.v1");
const STORAGE: GroupVersion = gv("storage.k8s.io", "v1", "io.k8s.api.storage.v1");
const ADMISSION: GroupVersion =
    gv("admissionregistration.k8s.io", "v1", "io.k8s.api.admissionregistration.v1");
const DEFINITIONS: GroupVersion =
    gv("apiextensions.k8s.io", "v1", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1");
const SCHEDULING: GroupVersion = gv("scheduling.k8s.io", "v1", "io.k8s.api.scheduling.v1");
const COORDINATION: GroupVersion = gv("coordination.k8s.io", "v1", "io.k8s.api.coordination.v1");
const DISCOVERY: GroupVersion = gv("discovery.k8s.io", "v1", "io.k8s.api.discovery.v1");

/// The groups and versions of built-in kinds, in discovery's order.
pub const GROUP_VERSIONS: &[GroupVersion] = &[
    CORE,
    APPS,
    EVENTS,
    AUTHENTICATION,
    AUTHORIZATION,
    AUTOSCALING,
    AUTOSCALING_V1,
    BATCH,
    NETWORKING,
    POLICY,
    RBAC,
    STORAGE,
    ADMISSION,
    DEFINITIONS,
    SCHEDULING,
    COORDINATION,
    DISCOVERY,
];

const fn gv(group: &'static str, version: &'static str, package: &'static str) -> GroupVersion {
    GroupVersion { group, version, package }
}

const READ_WRITE: &[&str] = &["get", "patch", "update"];
const STATUS: Subresource = Subresource { name: "status", kind: None, verbs: READ_WRITE };
const SCALE: Subresource =
    Subresource { name: "scale", kind: Some(("autoscaling", "v1", "Scale")), verbs: READ_WRITE };
const FINALIZE: Subresource = Subresource { name: "finalize", kind: None, verbs: &["update"] };
const TOKEN: Subresource = Subresource {
    name: "token",
    kind: Some(("authentication.k8s.io", "v1", "TokenRequest")),
    verbs: &["create"],
};

const fn at(label: &'static str, pointer: &'static str) -> SelectableField {
    SelectableField::at(label, pointer)
}

const NAME: SelectableField = SelectableField::NAME;
const NAMESPACE: SelectableField = SelectableField::NAMESPACE;

/// What is answered and not kept: only `create`.
const fn review(group_version: &'static GroupVersion, plural: &'static str, kind: &'static str) -> Kind {
    Kind {
        namespaced: false,
        verbs: &["create"],
        storage: None,
        ..Kind::new(group_version, plural, kind, Federation)
    }
}

/// A kind without namespaces.
const fn cluster(kind: Kind) -> Kind {
    Kind { namespaced: false, ..kind }
}

/// All built-in kinds, in discovery's order of groups and by plural name within each.
pub const KINDS: &[Kind] = &[
    Kind { short_names: &["cm"], ..Kind::new(&CORE, "configmaps", "ConfigMap", Federation) },
    Kind {
        short_names: &["ep"],
        storage: Some("services/endpoints"),
        ..Kind::new(&CORE, "endpoints", "Endpoints", Member)
    },
    Kind {
        short_names: &["ev"],
        selectable: &[
            at("involvedObject.kind", "/involvedObject/kind"),
            at("involvedObject.namespace", "/involvedObject/namespace"),
            at("involvedObject.name", "/involvedObject/name"),
            at("involvedObject.uid", "/involvedObject/uid"),
            at("involvedObject.apiVersion", "/involvedObject/apiVersion"),
            at("involvedObject.resourceVersion", "/involvedObject/resourceVersion"),
            at("involvedObject.fieldPath", "/involvedObject/fieldPath"),
            at("reason", "/reason"),
            at("reportingComponent", "/reportingComponent"),
            SelectableField { otherwise: Some("/reportingComponent"), ..at("source", "/source/component") },
            at("type", "/type"),
            NAMESPACE,
            NAME,
        ],
        refusal: Refusal::NotSupported,
        ..Kind::new(&CORE, "events", "Event", Federation)
    },
    Kind { short_names: &["limits"], ..Kind::new(&CORE, "limitranges", "LimitRange", Member) },
    Kind {
        short_names: &["ns"],
        namespaced: false,
        verbs: &["create", "delete", "get", "list", "patch", "update", "watch"],
        subresources: &[FINALIZE, STATUS],
        selectable: &[at("status.phase", "/status/phase"), NAME],
        refusal: Refusal::NotSupported,
        ..Kind::new(&CORE, "namespaces", "Namespace", Federation)
    },
    Kind {
        short_names: &["no"],
        namespaced: false,
        subresources: &[STATUS],
        storage: Some("minions"),
        selectable: &[
            NAME,
            SelectableField { absent: "false", ..at("spec.unschedulable", "/spec/unschedulable") },
        ],
        refusal: Refusal::NotSupported,
        ..Kind::new(&CORE, "nodes", "Node", Member)
    },
    Kind {
        short_names: &["pvc"],
        subresources: &[STATUS],
        ..Kind::new(&CORE, "persistentvolumeclaims", "PersistentVolumeClaim", Member)
    },
    Kind {
        short_names: &["pv"],
        namespaced: false,
        subresources: &[STATUS],
        ..Kind::new(&CORE, "persistentvolumes", "PersistentVolume", Member)
    },
    Kind {
        short_names: &["po"],
        categories: &["all"],
        subresources: &[STATUS],
        selectable: &[
            NAME,
            NAMESPACE,
            at("spec.nodeName", "/spec/nodeName"),
            at("spec.restartPolicy", "/spec/restartPolicy"),
            at("spec.schedulerName", "/spec/schedulerName"),
            at("spec.serviceAccountName", "/spec/serviceAccountName"),
            SelectableField { absent: "false", ..at("spec.hostNetwork", "/spec/hostNetwork") },
            at("status.phase", "/status/phase"),
            at("status.podIP", "/status/podIPs/0/ip"),
            // Accepted, but never set: the list has no text of its own.
            at("status.podIPs", "/status/podIPs"),
            at("status.nominatedNodeName", "/status/nominatedNodeName"),
            at("spec.host", "/spec/nodeName"),
        ],
        refusal: Refusal::NotSupported,
        ..Kind::new(&CORE, "pods", "Pod", Member)
    },
    Kind {
        short_names: &["quota"],
        subresources: &[STATUS],
        ..Kind::new(&CORE, "resourcequotas", "ResourceQuota", Member)
    },
    Kind {
        selectable: &[at("type", "/type"), NAMESPACE, NAME],
        refusal: Refusal::NotSupported,
        ..Kind::new(&CORE, "secrets", "Secret", Federation)
    },
    Kind {
        short_names: &["sa"],
        subresources: &[TOKEN],
        ..Kind::new(&CORE, "serviceaccounts", "ServiceAccount", Federation)
    },
    Kind {
        short_names: &["svc"],
        categories: &["all"],
        subresources: &[STATUS],
        storage: Some("services/specs"),
        selectable: &[
            NAMESPACE,
            NAME,
            at("spec.clusterIP", "/spec/clusterIP"),
            at("spec.type", "/spec/type"),
        ],
        refusal: Refusal::NotSupported,
        ..Kind::new(&CORE, "services", "Service", Member)
    },
    Kind::new(&APPS, "controllerrevisions", "ControllerRevision", Member),
    Kind {
        short_names: &["ds"],
        categories: &["all"],
        subresources: &[STATUS],
        ..Kind::new(&APPS, "daemonsets", "DaemonSet", Member)
    },
    Kind {
        short_names: &["deploy"],
        categories: &["all"],
        subresources: &[SCALE, STATUS],
        ..Kind::new(&APPS, "deployments", "Deployment", Member)
    },
    Kind {
        short_names: &["rs"],
        categories: &["all"],
        subresources: &[SCALE, STATUS],
        ..Kind::new(&APPS, "replicasets", "ReplicaSet", Member)
    },
    Kind {
        short_names: &["sts"],
        categories: &["all"],
        subresources: &[SCALE, STATUS],
        ..Kind::new(&APPS, "statefulsets", "StatefulSet", Member)
    },
    Kind {
        short_names: &["ev"],
        // One storage with the core group's, in that group's form.
        stored_as: Some("v1"),
        selectable: &[
            at("reason", "/reason"),
            at("regarding.kind", "/regarding/kind"),
            at("regarding.namespace", "/regarding/namespace"),
            at("regarding.name", "/regarding/name"),
            at("regarding.uid", "/regarding/uid"),
            at("regarding.apiVersion", "/regarding/apiVersion"),
            at("regarding.resourceVersion", "/regarding/resourceVersion"),
            at("regarding.fieldPath", "/regarding/fieldPath"),
            at("reportingController", "/reportingController"),
            at("type", "/type"),
            NAMESPACE,
            NAME,
        ],
        refusal: Refusal::NotSupported,
        ..Kind::new(&EVENTS, "events", "Event", Federation)
    },
    review(&AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview"),
    review(&AUTHENTICATION, "tokenreviews", "TokenReview"),
    Kind {
        namespaced: true,
        ..review(&AUTHORIZATION, "localsubjectaccessreviews", "LocalSubjectAccessReview")
    },
    review(&AUTHORIZATION, "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    review(&AUTHORIZATION, "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    review(&AUTHORIZATION, "subjectaccessreviews", "SubjectAccessReview"),
    Kind {
        short_names: &["hpa"],
        categories: &["all"],
        subresources: &[STATUS],
        ..Kind::new(&AUTOSCALING, "horizontalpodautoscalers", "HorizontalPodAutoscaler", Member)
    },
    Kind {
        short_names: &["hpa"],
        categories: &["all"],
        subresources: &[STATUS],
        stored_as: Some("autoscaling/v2"),
        ..Kind::new(&AUTOSCALING_V1, "horizontalpodautoscalers", "HorizontalPodAutoscaler", Member)
    },
    Kind {
        short_names: &["cj"],
        categories: &["all"],
        subresources: &[STATUS],
        ..Kind::new(&BATCH, "cronjobs", "CronJob", Member)
    },
    Kind {
        categories: &["all"],
        subresources: &[STATUS],
        selectable: &[
            NAME,
            NAMESPACE,
            SelectableField { absent: "0", ..at("status.successful", "/status/succeeded") },
        ],
        refusal: Refusal::NotSupportedFor("Job"),
        ..Kind::new(&BATCH, "jobs", "Job", Member)
    },
    cluster(Kind::new(&NETWORKING, "ingressclasses", "IngressClass", Member)),
    Kind {
        short_names: &["ing"],
        subresources: &[STATUS],
        storage: Some("ingress"),
        ..Kind::new(&NETWORKING, "ingresses", "Ingress", Member)
    },
    Kind { short_names: &["netpol"], ..Kind::new(&NETWORKING, "networkpolicies", "NetworkPolicy", Member) },
    Kind {
        short_names: &["pdb"],
        subresources: &[STATUS],
        ..Kind::new(&POLICY, "poddisruptionbudgets", "PodDisruptionBudget", Member)
    },
    cluster(Kind::new(&RBAC, "clusterrolebindings", "ClusterRoleBinding", Federation)),
    cluster(Kind::new(&RBAC, "clusterroles", "ClusterRole", Federation)),
    Kind::new(&RBAC, "rolebindings", "RoleBinding", Federation),
    Kind::new(&RBAC, "roles", "Role", Federation),
    Kind {
        short_names: &["sc"],
        namespaced: false,
        ..Kind::new(&STORAGE, "storageclasses", "StorageClass", Member)
    },
    Kind {
        categories: &["api-extensions"],
        namespaced: false,
        ..Kind::new(&ADMISSION, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", Federation)
    },
    Kind {
        categories: &["api-extensions"],
        namespaced: false,
        ..Kind::new(
            &ADMISSION,
            "validatingwebhookconfigurations",
            "ValidatingWebhookConfiguration",
            Federation,
        )
    },
    Kind {
        short_names: &["crd", "crds"],
        categories: &["api-extensions"],
        namespaced: false,
        subresources: &[STATUS],
        storage: Some("apiextensions.k8s.io/customresourcedefinitions"),
        ..Kind::new(&DEFINITIONS, "customresourcedefinitions", "CustomResourceDefinition", Federation)
    },
    Kind {
        short_names: &["pc"],
        namespaced: false,
        ..Kind::new(&SCHEDULING, "priorityclasses", "PriorityClass", Member)
    },
    Kind::new(&COORDINATION, "leases", "Lease", Federation),
    Kind::new(&DISCOVERY, "endpointslices", "EndpointSlice", Member),
];
