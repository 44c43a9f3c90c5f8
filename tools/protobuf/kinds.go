package main

import (
	admissionregistration "k8s.io/api/admissionregistration/v1"
	apps "k8s.io/api/apps/v1"
	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	events "k8s.io/api/events/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	scheduling "k8s.io/api/scheduling/v1"
	storage "k8s.io/api/storage/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A kind whose objects a client may send.
type kind struct {
	gvk  schema.GroupVersionKind
	make func() runtime.Object
}

// One object type: a pointer that is also an API object.
type object[T any] interface {
	*T
	runtime.Object
}

func in[T any, P object[T]](group, version, name string) kind {
	gvk := schema.GroupVersionKind{Group: group, Version: version, Kind: name}
	return kind{gvk, func() runtime.Object { return P(new(T)) }}
}

// kinds are those that the server has itself, what their subresources take, and the options of a deletion.
var kinds = []kind{
	in[core.ConfigMap]("", "v1", "ConfigMap"),
	in[core.Endpoints]("", "v1", "Endpoints"),
	in[core.Event]("", "v1", "Event"),
	in[core.LimitRange]("", "v1", "LimitRange"),
	in[core.Namespace]("", "v1", "Namespace"),
	in[core.Node]("", "v1", "Node"),
	in[core.PersistentVolumeClaim]("", "v1", "PersistentVolumeClaim"),
	in[core.PersistentVolume]("", "v1", "PersistentVolume"),
	in[core.Pod]("", "v1", "Pod"),
	in[core.ResourceQuota]("", "v1", "ResourceQuota"),
	in[core.Secret]("", "v1", "Secret"),
	in[core.ServiceAccount]("", "v1", "ServiceAccount"),
	in[core.Service]("", "v1", "Service"),
	in[apps.ControllerRevision]("apps", "v1", "ControllerRevision"),
	in[apps.DaemonSet]("apps", "v1", "DaemonSet"),
	in[apps.Deployment]("apps", "v1", "Deployment"),
	in[apps.ReplicaSet]("apps", "v1", "ReplicaSet"),
	in[apps.StatefulSet]("apps", "v1", "StatefulSet"),
	in[events.Event]("events.k8s.io", "v1", "Event"),
	in[authentication.SelfSubjectReview]("authentication.k8s.io", "v1", "SelfSubjectReview"),
	in[authentication.TokenRequest]("authentication.k8s.io", "v1", "TokenRequest"),
	in[authentication.TokenReview]("authentication.k8s.io", "v1", "TokenReview"),
	in[authorization.LocalSubjectAccessReview]("authorization.k8s.io", "v1", "LocalSubjectAccessReview"),
	in[authorization.SelfSubjectAccessReview]("authorization.k8s.io", "v1", "SelfSubjectAccessReview"),
	in[authorization.SelfSubjectRulesReview]("authorization.k8s.io", "v1", "SelfSubjectRulesReview"),
	in[authorization.SubjectAccessReview]("authorization.k8s.io", "v1", "SubjectAccessReview"),
	in[autoscalingv1.HorizontalPodAutoscaler]("autoscaling", "v1", "HorizontalPodAutoscaler"),
	in[autoscalingv1.Scale]("autoscaling", "v1", "Scale"),
	in[autoscaling.HorizontalPodAutoscaler]("autoscaling", "v2", "HorizontalPodAutoscaler"),
	in[batch.CronJob]("batch", "v1", "CronJob"),
	in[batch.Job]("batch", "v1", "Job"),
	in[networking.IngressClass]("networking.k8s.io", "v1", "IngressClass"),
	in[networking.Ingress]("networking.k8s.io", "v1", "Ingress"),
	in[networking.NetworkPolicy]("networking.k8s.io", "v1", "NetworkPolicy"),
	in[policy.PodDisruptionBudget]("policy", "v1", "PodDisruptionBudget"),
	in[rbac.ClusterRoleBinding]("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"),
	in[rbac.ClusterRole]("rbac.authorization.k8s.io", "v1", "ClusterRole"),
	in[rbac.RoleBinding]("rbac.authorization.k8s.io", "v1", "RoleBinding"),
	in[rbac.Role]("rbac.authorization.k8s.io", "v1", "Role"),
	in[storage.StorageClass]("storage.k8s.io", "v1", "StorageClass"),
	in[admissionregistration.MutatingWebhookConfiguration]("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"),
	in[admissionregistration.ValidatingWebhookConfiguration]("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"),
	in[apiextensions.CustomResourceDefinition]("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
	in[scheduling.PriorityClass]("scheduling.k8s.io", "v1", "PriorityClass"),
	in[coordination.Lease]("coordination.k8s.io", "v1", "Lease"),
	in[discovery.EndpointSlice]("discovery.k8s.io", "v1", "EndpointSlice"),
	in[meta.DeleteOptions]("", "v1", "DeleteOptions"),
}
