package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"
)

// discover reads what is served, in both forms, and finds resources as kubectl does.
func discover(ctx context.Context, t *trial) {
	t.defineWidgets(ctx)
	client, err := discovery.NewDiscoveryClientForConfig(t.config)
	t.must(err, "a client for discovery")

	version, err := client.ServerVersion()
	t.must(err, "the version")
	t.fact("version", version.Major+"."+version.Minor)

	groups, aggregated, err := client.ServerGroupsAndResources()
	t.must(err, "groups and resources")
	if len(groups) == 0 {
		t.fail("there are no groups")
	}
	// The form of before: one request for each group and version.
	client.UseLegacyDiscovery = true
	_, plain, err := client.ServerGroupsAndResources()
	t.must(err, "groups and resources, one by one")
	t.same("resources in the two forms of discovery", told(aggregated), told(plain))
	client.UseLegacyDiscovery = false

	preferred, err := client.ServerPreferredResources()
	t.must(err, "preferred resources")
	wanted := []string{"", "apps", "rbac.authorization.k8s.io", "coordination.k8s.io", "apiextensions.k8s.io"}
	for group, resources := range told(preferred) {
		if slices.Contains(wanted, strings.Split(group+"/", "/")[0]) || group == "v1" {
			t.fact("preferred "+group, core(resources))
		}
	}

	cached := memory.NewMemCacheClient(client)
	mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(cached), cached, nil)
	for _, word := range []string{"cm", "ns", "crd", "wdg", "widget", "widgets", "secrets", "leases", "roles"} {
		kind, err := mapper.KindFor(schema.GroupVersionResource{Resource: word})
		t.must(err, "what "+word+" stands for")
		mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		t.must(err, "how "+kind.String()+" is served")
		t.fact("mapping of "+word, fmt.Sprint(mapping.Resource, kind.Kind, mapping.Scope.Name()))
	}
	gadgets, known := restmapper.NewDiscoveryCategoryExpander(cached).Expand("gadgets")
	t.fact("category", fmt.Sprint(gadgets, known))

	kind := schema.GroupVersionKind{Group: widgetGroup, Version: "v2", Kind: "Widget"}
	supported, err := discovery.IsResourceEnabled(client, widgetResource("v2"))
	t.must(err, "whether widgets are served")
	t.fact("widgets are served", supported)
	documents, err := client.OpenAPIV3().Paths()
	t.must(err, "documents of OpenAPI v3")
	document := documents["apis/"+kind.GroupVersion().String()]
	if document == nil {
		t.fail("no document of %s in OpenAPI v3", kind.GroupVersion())
		return
	}
	schema, err := document.Schema("application/com.github.proto-openapi.spec.v3@v1.0+protobuf")
	if err != nil {
		schema, err = document.Schema("application/json")
	}
	t.must(err, "the document of widgets")
	if len(schema) == 0 {
		t.fail("the document of widgets is empty")
	}
	inProtobuf, err := client.OpenAPISchema()
	t.must(err, "OpenAPI v2, in protobuf")
	t.fact("OpenAPI v2, in protobuf", inProtobuf.GetSwagger())
	text, err := client.RESTClient().Get().AbsPath("/openapi/v2").SetHeader("Accept", "application/json").DoRaw(ctx)
	t.must(err, "OpenAPI v2, in JSON")
	inJSON, err := openapi_v2.ParseDocument(text)
	t.must(err, "what is in OpenAPI v2, in JSON")
	t.same("OpenAPI v2 in protobuf and in JSON", said(inProtobuf), said(inJSON))
}

// said is a message as JSON, with the YAML in it, of which there are many spellings, as what it says.
func said(message proto.Message) any {
	text, err := protojson.Marshal(message)
	if err != nil {
		return err.Error()
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err.Error()
	}
	return read(value)
}

func read(value any) any {
	switch value := value.(type) {
	case []any:
		for i, one := range value {
			value[i] = read(one)
		}
	case map[string]any:
		for name, one := range value {
			value[name] = read(one)
			if text, is := one.(string); is && name == "yaml" {
				var meant any
				if err := yaml.Unmarshal([]byte(text), &meant); err != nil {
					return err.Error()
				}
				value[name] = meant
			}
		}
	}
	return value
}

// told is, by group and version, each resource with its kind, names and verbs.
func told(lists []*metav1.APIResourceList) map[string][]string {
	all := map[string][]string{}
	for _, list := range lists {
		for _, one := range list.APIResources {
			verbs := slices.Sorted(slices.Values(one.Verbs))
			short := slices.Sorted(slices.Values(one.ShortNames))
			line := fmt.Sprint(one.Name, " ", one.Kind, " ", one.Namespaced, verbs, short, one.Categories)
			if !strings.Contains(one.Name, "/") {
				// Of subresources, only one of the two forms has it.
				line += one.SingularName
			}
			all[list.GroupVersion] = append(all[list.GroupVersion], line)
		}
		slices.Sort(all[list.GroupVersion])
	}
	return all
}

// core are the resources of a list that every server of this kind has.
func core(resources []string) []string {
	wanted := []string{"configmaps", "secrets", "namespaces", "serviceaccounts", "events", "roles", "leases",
		"customresourcedefinitions", "deployments"}
	kept := []string{}
	for _, line := range resources {
		if name, _, _ := strings.Cut(line, " "); slices.Contains(wanted, name) {
			kept = append(kept, line)
		}
	}
	return kept
}
