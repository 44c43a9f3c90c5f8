package main

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
)

// apply lets several managers apply to the same objects, by the typed client's configurations and dynamically.
func apply(ctx context.Context, t *trial) {
	api := t.typed.CoreV1().ConfigMaps(t.namespace)
	config := func(data map[string]string) *corev1.ConfigMapApplyConfiguration {
		return corev1.ConfigMap("shared", t.namespace).WithData(data)
	}
	_, err := api.Apply(ctx, config(map[string]string{"a": "1", "b": "1"}), metav1.ApplyOptions{FieldManager: "first"})
	t.must(err, "applying as first")
	_, err = api.Apply(ctx, config(map[string]string{"b": "2", "c": "2"}), metav1.ApplyOptions{FieldManager: "second"})
	t.refused("applying what another has", err)
	_, err = api.Apply(ctx, config(map[string]string{"b": "2", "c": "2"}), metav1.ApplyOptions{FieldManager: "second", Force: true})
	t.must(err, "applying by force")
	both, err := api.Apply(ctx, config(map[string]string{"a": "1"}), metav1.ApplyOptions{FieldManager: "first"})
	t.must(err, "applying less as first")
	t.fact("data of both", both.Data)
	t.fact("owners of both", t.owners(both))
	mine, err := corev1.ExtractConfigMap(both, "first")
	t.must(err, "what is first's")
	t.fact("data of the first", mine.Data)
	_, err = api.Apply(ctx, config(nil), metav1.ApplyOptions{})
	t.refused("applying as nobody", err)
	same, err := api.Apply(ctx, config(map[string]string{"a": "1"}), metav1.ApplyOptions{FieldManager: "first"})
	t.must(err, "applying the same again")
	t.same("the version after applying the same", same.ResourceVersion, both.ResourceVersion)

	t.defineWidgets(ctx)
	part := func(name string, count int64) map[string]any { return map[string]any{"name": name, "count": count} }
	parts := func(all ...any) map[string]any { return map[string]any{"parts": all} }
	v1, v2 := t.widgets("v1"), t.widgets("v2")
	_, err = v1.Apply(ctx, "w", widget("v1", "w", parts(part("a", 1), part("b", 1))), metav1.ApplyOptions{FieldManager: "first"})
	t.must(err, "applying a widget as first")
	_, err = v2.Apply(ctx, "w", widget("v2", "w", parts(part("c", 2))), metav1.ApplyOptions{FieldManager: "second"})
	t.must(err, "applying a widget as second, in the other version")
	_, err = v2.Apply(ctx, "w", widget("v2", "w", parts(part("a", 9), part("c", 2))), metav1.ApplyOptions{FieldManager: "second"})
	t.refused("applying a part that another has", err)
	object, err := v1.Apply(ctx, "w", widget("v1", "w", parts(part("b", 3))), metav1.ApplyOptions{FieldManager: "first"})
	t.must(err, "applying fewer parts as first")
	t.fact("parts of both", object.Object["spec"])
	t.fact("owners of the widget", t.owners(object))
	status := widget("v1", "w", nil)
	delete(status.Object, "spec")
	status.Object["status"] = map[string]any{"phase": "Ready"}
	object, err = v1.ApplyStatus(ctx, "w", status, metav1.ApplyOptions{FieldManager: "controller"})
	t.must(err, "applying the status")
	t.fact("the status applied", object.Object["status"])
	t.fact("owners with the status", t.owners(object))
}
