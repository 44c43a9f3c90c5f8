package main

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// masked is a text without the name of the trial's namespace, which is another in each run.
func (t *trial) masked(text string) string { return strings.ReplaceAll(text, t.namespace, "NAMESPACE") }

// owners says who owns which fields of an object, without the times.
func (t *trial) owners(object metav1.Object) []map[string]string {
	owners := []map[string]string{}
	for _, entry := range object.GetManagedFields() {
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
