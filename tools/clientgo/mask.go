package main

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// masked is a text without the name of the trial's namespace, which is another in each run.
func (t *trial) masked(text string) string { return strings.ReplaceAll(text, t.namespace, "NAMESPACE") }

// owners says who owns which fields of an object, without the times, nor the order that depends on them.
func (t *trial) owners(object metav1.Object) []map[string]string {
	entries := slices.Clone(object.GetManagedFields())
	slices.SortFunc(entries, func(a, b metav1.ManagedFieldsEntry) int {
		return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Operation, b.Operation),
			cmp.Compare(a.Subresource, b.Subresource), cmp.Compare(a.APIVersion, b.APIVersion))
	})
	owners := []map[string]string{}
	for _, entry := range entries {
		fields := ""
		if entry.FieldsV1 != nil {
			fields = string(entry.FieldsV1.Raw)
		}
		owners = append(owners, map[string]string{
			"manager": entry.Manager, "operation": string(entry.Operation), "apiVersion": entry.APIVersion,
			"subresource": entry.Subresource, "fields": fields,
		})
	}
	return owners
}
