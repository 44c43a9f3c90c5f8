// Command protobuf writes how the objects of Kubernetes' own kinds are laid out in protobuf, and examples of them.
//
//	go run . descriptors > FILE
//	go run . vectors > FILE
//
// Both are JSON, compressed. They come from the struct tags and the marshalling code of the modules that go.mod pins:
// the same modules give the same bytes.
package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	var made any
	var err error
	switch {
	case len(arguments) == 1 && arguments[0] == "descriptors":
		all := descriptors{}
		for _, kind := range kinds {
			all.describe(elem(kind.make()))
		}
		made = all
	case len(arguments) == 1 && arguments[0] == "vectors":
		made, err = vectors()
	default:
		err = fmt.Errorf("usage: protobuf descriptors | vectors")
	}
	if err != nil {
		return err
	}
	compressed, err := gzip.NewWriterLevel(os.Stdout, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(compressed).Encode(made); err != nil {
		return err
	}
	return compressed.Close()
}

func elem(object runtime.Object) reflect.Type {
	return reflect.TypeOf(object).Elem()
}
