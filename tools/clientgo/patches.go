package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
)

// patches changes an object by patches of all kinds, and by updates that are tried again.
func patches(ctx context.Context, t *trial) {
	api := t.typed.CoreV1().ServiceAccounts(t.namespace)
	object := &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"k": "v"}, Finalizers: []string{"example.com/a"}},
		Secrets:    []corev1.ObjectReference{{Name: "one"}, {Name: "two"}},
	}
	_, err := api.Create(ctx, object, metav1.CreateOptions{})
	t.must(err, "creating")
	for _, patch := range []struct {
		kind types.PatchType
		what string
		body string
	}{
		{types.JSONPatchType, "a JSON patch", `[{"op":"test","path":"/metadata/labels/k","value":"v"},{"op":"add","path":"/secrets/1","value":{"name":"half"}}]`},
		{types.JSONPatchType, "a JSON patch whose test fails", `[{"op":"test","path":"/metadata/labels/k","value":"w"}]`},
		{types.JSONPatchType, "a JSON patch of what is not there", `[{"op":"remove","path":"/metadata/labels/none"}]`},
		{types.StrategicMergePatchType, "a strategic patch", `{"secrets":[{"name":"three"},{"name":"one","$patch":"delete"}],"metadata":{"finalizers":["example.com/b"]}}`},
		{types.StrategicMergePatchType, "a strategic patch of order", `{"secrets":[{"name":"three"},{"name":"two"}],"$setElementOrder/secrets":[{"name":"three"},{"name":"two"},{"name":"half"}]}`},
		{types.MergePatchType, "a merge patch", `{"metadata":{"labels":{"k":null,"l":"w"},"finalizers":null},"secrets":[{"name":"last"}]}`},
		{types.MergePatchType, "a merge patch that is no object", `[1]`},
		{types.MergePatchType, "a merge patch of the name", `{"metadata":{"name":"b"}}`},
	} {
		changed, err := api.Patch(ctx, "a", patch.kind, []byte(patch.body), metav1.PatchOptions{FieldManager: "patcher"})
		if err != nil {
			t.refused(patch.what, err)
			continue
		}
		t.fact(patch.what, map[string]any{"secrets": changed.Secrets, "labels": changed.Labels, "finalizers": changed.Finalizers})
	}

	// Many who change what they read: each tries again until nobody was quicker.
	failures := make(chan error)
	const many = 5
	for range many {
		go func() {
			failures <- retry.RetryOnConflict(retry.DefaultBackoff, func() error {
				read, err := api.Get(ctx, "a", metav1.GetOptions{})
				if err != nil {
					return err
				}
				read.Secrets = append(read.Secrets, corev1.ObjectReference{Name: "more"})
				_, err = api.Update(ctx, read, metav1.UpdateOptions{})
				return err
			})
		}()
	}
	succeeded := 0
	for range many {
		if <-failures == nil {
			succeeded++
		}
	}
	read, err := api.Get(ctx, "a", metav1.GetOptions{})
	t.must(err, "reading")
	t.same("additions that were acknowledged", len(read.Secrets)-1, succeeded)
}
