package main

import (
	"fmt"
	"reflect"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// A field of a message: its number, its name in JSON (empty if its own fields are the parent's), its type.
type field [3]any

// descriptors are messages by the names of their OpenAPI definitions.
type descriptors map[string][]field

// describe adds a Go type and all that it reaches, as its struct tags describe it.
func (d descriptors) describe(t reflect.Type) string {
	name := definition(t)
	if _, known := d[name]; known {
		return name
	}
	d[name] = nil
	switch {
	case t == reflect.TypeFor[meta.Time]() || t == reflect.TypeFor[meta.MicroTime]():
		// Written as another type; a zero that is there is a time.
		d[name] = []field{{1, "seconds", "*int64"}, {2, "nanos", "*int32"}}
	case t == reflect.TypeFor[resource.Quantity]():
		d[name] = []field{{1, "string", "*string"}}
	case t == reflect.TypeFor[runtime.RawExtension]() || t == reflect.TypeFor[meta.FieldsV1]() ||
		t == reflect.TypeFor[apiextensions.JSON]():
		d[name] = []field{{1, "raw", "json"}}
	case t.Kind() == reflect.Slice:
		d[name] = []field{{1, "items", "[]" + d.spell(t.Elem())}}
	default:
		d[name] = d.fields(t)
	}
	return name
}

func (d descriptors) fields(t reflect.Type) []field {
	fields := []field{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("protobuf")
		if !tagged || tag == "-" {
			continue
		}
		var number int
		var named string
		for i, part := range strings.Split(tag, ",") {
			if i == 1 {
				fmt.Sscan(part, &number)
			}
			if value, found := strings.CutPrefix(part, "name="); found {
				named = value
			}
		}
		if number == 0 {
			// An embedded TypeMeta, which is in the envelope.
			continue
		}
		json := strings.Split(f.Tag.Get("json"), ",")
		has := func(option string) bool {
			for _, one := range json[1:] {
				if one == option {
					return true
				}
			}
			return false
		}
		name := json[0]
		if name == "" && !has("inline") {
			name = named
		}
		spelled := d.spell(f.Type)
		plain := f.Type.Kind() != reflect.Pointer
		if plain && !has("omitempty") && scalar(f.Type) {
			spelled = "*" + spelled
		}
		fields = append(fields, field{number, name, spelled})
	}
	return fields
}

func scalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice:
		return false
	}
	return true
}

// spell writes a type as Go does. A star: a zero that was sent is written in JSON too.
func (d descriptors) spell(t reflect.Type) string {
	if message(t) {
		return d.describe(t)
	}
	switch t.Kind() {
	case reflect.Pointer:
		if inner := t.Elem(); message(inner) {
			return d.describe(inner)
		} else {
			return "*" + d.spell(inner)
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + d.spell(t.Elem())
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			panic(t.String())
		}
		return "map[string]" + d.spell(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int32:
		return "int32"
	case reflect.Int, reflect.Int64:
		return "int64"
	case reflect.Float64:
		return "double"
	}
	panic(t.String())
}

// message says whether a type is a message by itself, as some named slices are.
func message(t reflect.Type) bool {
	marshals := t.Implements(reflect.TypeFor[interface{ Marshal() ([]byte, error) }]())
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Slice && marshals
}

// definition is the name of a type in the published OpenAPI documents.
func definition(t reflect.Type) string {
	host, path, _ := strings.Cut(t.PkgPath(), "/")
	labels := strings.Split(host, ".")
	for i, j := 0, len(labels)-1; i < j; i, j = i+1, j-1 {
		labels[i], labels[j] = labels[j], labels[i]
	}
	return strings.Join(append(labels, strings.Split(path, "/")...), ".") + "." + t.Name()
}
