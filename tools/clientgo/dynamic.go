package main

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
)

// customResource does with a custom resource, in both versions, what can be done.
func customResource(ctx context.Context, t *trial) {
	t.defineWidgets(ctx)
	v1, v2 := t.widgets("v1"), t.widgets("v2")
	made, err := v1.Create(ctx, widget("v1", "w", map[string]any{"colour": "red", "replicas": int64(2)}), metav1.CreateOptions{})
	t.must(err, "creating")
	t.fact("generation at first", made.GetGeneration())
	t.fact("owners at first", t.owners(made))
	_, err = v2.Create(ctx, widget("v2", "w", nil), metav1.CreateOptions{})
	t.refused("creating again", err)
	_, err = v1.Create(ctx, widget("v1", "bad", map[string]any{"size": int64(-1)}), metav1.CreateOptions{})
	t.refused("a value out of range", err)
	_, err = v1.Create(ctx, widget("v1", "bad", map[string]any{"nothing": "x"}), metav1.CreateOptions{FieldValidation: "Strict"})
	t.refused("an unknown field", err)

	read, err := v2.Get(ctx, "w", metav1.GetOptions{})
	t.must(err, "reading in the other version")
	t.same("the spec in the other version", read.Object["spec"], made.Object["spec"])
	t.same("its version", read.GetAPIVersion(), widgetGroup+"/v2")

	stale := read.DeepCopy()
	t.must(unstructured.SetNestedField(read.Object, "blue", "spec", "colour"), "setting a field")
	written, err := v2.Update(ctx, read, metav1.UpdateOptions{})
	t.must(err, "updating")
	t.fact("generation after an update", written.GetGeneration())
	_, err = v2.Update(ctx, stale, metav1.UpdateOptions{})
	t.refused("an update of an old version", err)

	t.must(unstructured.SetNestedField(written.Object, "Ready", "status", "phase"), "setting the status")
	t.must(unstructured.SetNestedField(written.Object, "green", "spec", "colour"), "setting a field")
	told, err := v1.UpdateStatus(ctx, inVersion(written, "v1"), metav1.UpdateOptions{})
	t.must(err, "updating the status")
	t.fact("the spec after an update of the status", told.Object["spec"])
	t.fact("generation after an update of the status", told.GetGeneration())
	t.fact("owners in the end", t.owners(told))
	t.scaled(ctx)

	_, err = v1.Patch(ctx, "w", types.StrategicMergePatchType, []byte(`{"spec":{"size":1}}`), metav1.PatchOptions{})
	t.refused("a strategic patch of a custom resource", err)
	dry, err := v1.Patch(ctx, "w", types.JSONPatchType, []byte(`[{"op":"add","path":"/spec/size","value":7}]`),
		metav1.PatchOptions{DryRun: []string{"All"}})
	t.must(err, "a dry run")
	t.fact("the spec after a dry run", dry.Object["spec"])

	uid, other := told.GetUID(), types.UID("other")
	err = v2.Delete(ctx, "w", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &other}})
	if !apierrors.IsConflict(err) {
		t.fail("a deletion of another object: %v", err)
	}
	t.must(v2.Delete(ctx, "w", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}), "deleting")
	_, err = v1.Get(ctx, "w", metav1.GetOptions{})
	t.refused("reading what is deleted", err)

	for _, name := range []string{"a", "b", "c"} {
		object := widget("v2", name, map[string]any{"colour": "red"})
		object.SetLabels(map[string]string{"keep": map[bool]string{true: "yes", false: "no"}[name == "b"]})
		_, err := v2.Create(ctx, object, metav1.CreateOptions{})
		t.must(err, "creating "+name)
	}
	t.must(v1.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "keep!=yes"}), "deleting some")
	list, err := v1.List(ctx, metav1.ListOptions{})
	t.must(err, "listing")
	left := []string{}
	for _, one := range list.Items {
		left = append(left, one.GetName())
	}
	t.fact("left of a deleted collection", left)
	t.fact("the list's kind", list.GetAPIVersion()+" "+list.GetKind())
}

// scaled reads and writes the scale of a widget by the client for scales.
func (t *trial) scaled(ctx context.Context) {
	client, err := discovery.NewDiscoveryClientForConfig(t.config)
	t.must(err, "a client for discovery")
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	scales, err := scale.NewForConfig(t.config, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(client))
	t.must(err, "a client for scales")
	resource := schema.GroupResource{Group: widgetGroup, Resource: "widgets"}
	found, err := scales.Scales(t.namespace).Get(ctx, resource, "w", metav1.GetOptions{})
	t.must(err, "reading the scale")
	t.fact("replicas", found.Spec.Replicas)
	found.Spec.Replicas = 5
	found, err = scales.Scales(t.namespace).Update(ctx, resource, found, metav1.UpdateOptions{})
	t.must(err, "writing the scale")
	t.fact("replicas after that", found.Spec.Replicas)
}

func inVersion(object *unstructured.Unstructured, version string) *unstructured.Unstructured {
	object = object.DeepCopy()
	object.SetAPIVersion(widgetGroup + "/" + version)
	return object
}
