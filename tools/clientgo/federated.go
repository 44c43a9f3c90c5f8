package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/retry"
)

// federated uses a federated kind in its two forms, by cluster and by cell, as a platform written with client-go does.
func federated(ctx context.Context, t *trial) {
	resource := schema.GroupVersionResource{Group: "types.kubefed.io", Version: "v1beta1", Resource: "federatedconfigmaps"}
	byCluster := t.dynamic.Resource(resource).Namespace(t.namespace)
	resource.Version = "v1beta2"
	byCell := t.dynamic.Resource(resource).Namespace(t.namespace)
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(t.dynamic, 0, t.namespace, nil)
	informer := factory.ForResource(resource).Informer()
	go informer.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		t.fail("the informer never synced")
		return
	}

	made, err := byCell.Create(ctx, federatedConfigMap("v1beta2", map[string]any{
		"topologyType": "cell",
		"template":     map[string]any{"data": map[string]any{"k": "v"}},
		"placement":    map[string]any{"topologies": []any{map[string]any{"name": "rz00a"}}},
		"overrides": []any{map[string]any{
			"topologyName":      "rz00a",
			"topologyOverrides": []any{map[string]any{"path": "/data/k", "value": "w"}},
		}},
	}), metav1.CreateOptions{})
	t.must(err, "creating by cell")
	read, err := byCluster.Get(ctx, "cm", metav1.GetOptions{})
	t.must(err, "reading by cluster")
	clusters, _, _ := unstructured.NestedSlice(read.Object, "spec", "placement", "clusters")
	t.same("the placement by cluster", clusters, []any{map[string]any{"name": "rz00a." + t.namespace}})
	t.same("the uid", read.GetUID(), made.GetUID())

	// The controllers write to it too.
	t.must(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		read, err := byCluster.Get(ctx, "cm", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if err := unstructured.SetNestedField(read.Object, "changed", "spec", "template", "data", "k"); err != nil {
			return err
		}
		_, err = byCluster.Update(ctx, read, metav1.UpdateOptions{})
		return err
	}), "updating by cluster")
	patched, err := byCell.Patch(ctx, "cm", types.MergePatchType, []byte(`{"metadata":{"labels":{"by":"cell"}}}`), metav1.PatchOptions{})
	t.must(err, "patching by cell")
	text, _, _ := unstructured.NestedString(patched.Object, "spec", "template", "data", "k")
	t.same("the template by cell", text, "changed")

	applied, err := byCell.Apply(ctx, "cm", federatedConfigMap("v1beta2", map[string]any{
		"topologyType": "cell", "template": map[string]any{"data": map[string]any{"platform": "1"}},
	}), metav1.ApplyOptions{FieldManager: "platform"})
	t.must(err, "applying by cell")
	data, _, _ := unstructured.NestedStringMap(applied.Object, "spec", "template", "data")
	t.same("the template of two managers", data, map[string]string{"k": "changed", "platform": "1"})

	t.eventually(ctx, "the informer holds it by cell", func() (string, bool) {
		current, err := byCell.Get(ctx, "cm", metav1.GetOptions{})
		t.must(err, "reading by cell")
		held, there, _ := informer.GetStore().GetByKey(t.namespace + "/cm")
		if !there {
			return "nothing", false
		}
		version := held.(*unstructured.Unstructured)
		return fmt.Sprint(version), version.GetResourceVersion() == current.GetResourceVersion() && version.GetAPIVersion() == "types.kubefed.io/v1beta2"
	})
	_, err = byCell.Create(ctx, federatedConfigMap("v1beta2", map[string]any{"topologyType": "no such", "template": map[string]any{}}), metav1.CreateOptions{})
	t.refused("a topology that is not known", err)
	t.must(byCell.Delete(ctx, "cm", metav1.DeleteOptions{}), "deleting by cell")
	t.eventually(ctx, "the informer knows that it is gone", func() (string, bool) {
		keys := informer.GetStore().ListKeys()
		return fmt.Sprint(keys), len(keys) == 0
	})
}

func federatedConfigMap(version string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "types.kubefed.io/" + version, "kind": "FederatedConfigMap",
		"metadata": map[string]any{"name": "cm"}, "spec": spec,
	}}
}
