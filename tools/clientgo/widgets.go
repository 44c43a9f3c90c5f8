package main

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

const widgetGroup = "clientgo.example.com"

var definitions = schema.GroupVersionResource{
	Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
}

// widgets are custom resources in one of their two versions, v1 and v2.
func (t *trial) widgets(version string) dynamic.ResourceInterface {
	return t.dynamic.Resource(widgetResource(version)).Namespace(t.namespace)
}

func widgetResource(version string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: widgetGroup, Version: version, Resource: "widgets"}
}

func widget(version, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": widgetGroup + "/" + version, "kind": "Widget",
		"metadata": map[string]any{"name": name}, "spec": spec,
	}}
}

// defineWidgets makes the definition, and waits until both versions are served.
func (t *trial) defineWidgets(ctx context.Context) {
	version := func(name string, stored bool) any {
		text, number := map[string]any{"type": "string"}, map[string]any{"type": "integer", "format": "int64"}
		open := map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
		spec := map[string]any{"type": "object", "properties": map[string]any{
			"colour": text, "size": map[string]any{"type": "integer", "minimum": int64(0)}, "replicas": number,
			"parts": map[string]any{
				"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": []any{"name"},
				"items": map[string]any{
					"type": "object", "required": []any{"name"},
					"properties": map[string]any{"name": text, "count": number},
				},
			},
		}}
		status := map[string]any{"type": "object", "properties": map[string]any{
			"replicas": number, "observedGeneration": number, "phase": text,
		}}
		return map[string]any{
			"name": name, "served": true, "storage": stored,
			"subresources": map[string]any{"status": map[string]any{}, "scale": map[string]any{
				"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
			}},
			"selectableFields": []any{map[string]any{"jsonPath": ".spec.colour"}},
			"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "properties": map[string]any{
				"spec": spec, "status": status, "extra": open,
			}}},
		}
	}
	definition := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "widgets." + widgetGroup},
		"spec": map[string]any{
			"group": widgetGroup, "scope": "Namespaced",
			"names": map[string]any{
				"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList",
				"shortNames": []any{"wdg"}, "categories": []any{"gadgets"},
			},
			"versions": []any{version("v1", true), version("v2", false)},
		},
	}}
	_, err := t.dynamic.Resource(definitions).Create(ctx, definition, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		t.must(err, "defining widgets")
	}
	for _, version := range []string{"v1", "v2"} {
		t.eventually(ctx, "widgets are served in "+version, func() (string, bool) {
			_, err := t.widgets(version).List(ctx, metav1.ListOptions{})
			return fmt.Sprint(err), err == nil
		})
	}
}
