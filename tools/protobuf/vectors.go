package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"
)

// A vector: an object as a client sends it in protobuf, and as Go writes it in JSON.
type vector struct {
	Definition string          `json:"definition"`
	Protobuf   []byte          `json:"protobuf"`
	JSON       json.RawMessage `json:"json"`
}

// vectors fills each kind a few times, from nearly empty to full. The seed is fixed: the same sources give the same.
func vectors() ([]vector, error) {
	var all []vector
	for i, kind := range kinds {
		for round := range 4 {
			object := kind.make()
			if round > 0 {
				filler(int64(1000*i+round), 0.3*float64(round)).Fill(object)
			}
			object.GetObjectKind().SetGroupVersionKind(kind.gvk)
			var wire bytes.Buffer
			if err := protobuf.NewSerializer(nil, nil).Encode(object, &wire); err != nil {
				return nil, fmt.Errorf("%v: %w", kind.gvk, err)
			}
			// What the wire does not carry, such as the kind of an embedded object, is not expected in JSON.
			read := kind.make()
			if err := read.(interface{ Unmarshal([]byte) error }).Unmarshal(raw(wire.Bytes())); err != nil {
				return nil, fmt.Errorf("%v: %w", kind.gvk, err)
			}
			read.GetObjectKind().SetGroupVersionKind(kind.gvk)
			text, err := json.Marshal(read)
			if err != nil {
				return nil, fmt.Errorf("%v: %w", kind.gvk, err)
			}
			all = append(all, vector{definition(elem(object)), wire.Bytes(), text})
		}
	}
	return all, nil
}

// raw is the message within the envelope.
func raw(wire []byte) []byte {
	var unknown runtime.Unknown
	if err := unknown.Unmarshal(wire[4:]); err != nil {
		panic(err)
	}
	return unknown.Raw
}

func filler(seed int64, share float64) *randfill.Filler {
	source := rand.New(rand.NewSource(seed))
	instant := func() time.Time { return time.Unix(source.Int63n(4_000_000_000), 1000*source.Int63n(1_000_000)).UTC() }
	document := func() []byte {
		return []byte(fmt.Sprintf(`{"a":%d,"b":["é",null,true,{"c":1.5}]}`, source.Int63()))
	}
	return randfill.NewWithSeed(seed).NilChance(1-share).NumElements(1, 1).MaxDepth(24).Funcs(
		func(s *string, c randfill.Continue) { *s = fmt.Sprintf("%d ü\u2028<&>", c.Intn(100)) },
		func(n *int32, c randfill.Continue) { *n = c.Int31() - 1<<30 },
		func(n *int64, c randfill.Continue) { *n = int64(c.Uint64()) },
		func(n *int, c randfill.Continue) { *n = int(c.Int31()) },
		func(n *float64, c randfill.Continue) { *n = float64(c.Int31()) / 8 },
		func(t *meta.Time, c randfill.Continue) { t.Time = instant() },
		func(t *meta.MicroTime, c randfill.Continue) { t.Time = instant() },
		func(q *resource.Quantity, c randfill.Continue) {
			*q = resource.MustParse([]string{"0", "1500m", "3Gi", "12e6", "-7", "0.5", "100k"}[c.Intn(7)])
		},
		func(v *intstr.IntOrString, c randfill.Continue) {
			*v = []intstr.IntOrString{intstr.FromInt32(c.Int31()), intstr.FromString("25%"), {}}[c.Intn(3)]
		},
		func(r *runtime.RawExtension, c randfill.Continue) { r.Raw = document() },
		func(f *meta.FieldsV1, c randfill.Continue) { f.Raw = []byte(`{"f:metadata":{"f:labels":{".":{}}}}`) },
		func(j *apiextensions.JSON, c randfill.Continue) { j.Raw = document() },
		func(s *apiextensions.JSONSchemaProps, c randfill.Continue) { fillSchema(s, c, 3) },
	)
}

// fillSchema fills a schema to a depth: it contains itself in many ways.
func fillSchema(s *apiextensions.JSONSchemaProps, c randfill.Continue, depth int) {
	inner := func() *apiextensions.JSONSchemaProps {
		made := &apiextensions.JSONSchemaProps{Type: "string"}
		if depth > 0 {
			fillSchema(made, c, depth-1)
		}
		return made
	}
	half := func() bool { return c.Intn(2) == 0 }
	c.Fill(&s.Description)
	c.Fill(&s.Ref)
	c.Fill(&s.Default)
	c.Fill(&s.Maximum)
	c.Fill(&s.MaxLength)
	c.Fill(&s.Enum)
	c.Fill(&s.Required)
	c.Fill(&s.ExternalDocs)
	c.Fill(&s.XPreserveUnknownFields)
	c.Fill(&s.XListMapKeys)
	c.Fill(&s.XListType)
	c.Fill(&s.XValidations)
	s.Schema, s.Nullable, s.XIntOrString, s.XEmbeddedResource = "http://json-schema.org", half(), half(), half()
	if depth == 0 {
		return
	}
	if half() {
		s.Properties = map[string]apiextensions.JSONSchemaProps{"a": *inner(), "": *inner()}
		s.Items = &apiextensions.JSONSchemaPropsOrArray{Schema: inner()}
		s.AdditionalProperties = &apiextensions.JSONSchemaPropsOrBool{Allows: true, Schema: inner()}
		s.Dependencies = apiextensions.JSONSchemaDependencies{"x": {Schema: inner()}, "y": {Property: []string{"z"}}}
	} else {
		s.Items = &apiextensions.JSONSchemaPropsOrArray{JSONSchemas: []apiextensions.JSONSchemaProps{*inner(), *inner()}}
		s.AdditionalProperties = &apiextensions.JSONSchemaPropsOrBool{Allows: half()}
		s.AllOf, s.Not = []apiextensions.JSONSchemaProps{*inner()}, inner()
	}
}
