package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// settled waits until each informer holds what a list says, then compares both, and what its handler was told.
func (t *trial) settled(ctx context.Context, followers []*follower, there map[string]bool) {
	for _, one := range followers {
		list, err := one.list(ctx)
		t.must(err, one.name+": a list")
		listed := map[string]runtime.Object{}
		t.must(meta.EachListItem(list, func(object runtime.Object) error {
			key, err := cache.MetaNamespaceKeyFunc(object)
			listed[key] = bare(object)
			return err
		}), one.name+": a list")
		t.eventually(ctx, one.name+": what is held is what is listed", func() (string, bool) {
			held := map[string]runtime.Object{}
			for _, object := range one.informer.GetStore().List() {
				key, _ := cache.MetaNamespaceKeyFunc(object)
				held[key] = bare(object.(runtime.Object))
			}
			difference := cmp.Diff(listed, held)
			return difference, difference == ""
		})
		t.eventually(ctx, one.name+": the handler knows what is listed", func() (string, bool) {
			one.lock.Lock()
			defer one.lock.Unlock()
			versions := map[string]string{}
			for key, object := range listed {
				accessor, _ := meta.Accessor(object)
				versions[key] = accessor.GetResourceVersion()
			}
			difference := cmp.Diff(versions, one.known)
			return difference, difference == ""
		})
		one.lock.Lock()
		for _, wrong := range one.wrong {
			t.fail("%s: %s", one.name, wrong)
		}
		one.lock.Unlock()
		if one.name == "typed configmaps, all" || one.name == "dynamic widgets v2, all" {
			t.sameNames(one.name, listed, there)
		}
	}
}

// sameNames compares a list with what the writers made and did not delete.
func (t *trial) sameNames(follower string, listed map[string]runtime.Object, there map[string]bool) {
	kind := map[string]string{"typed configmaps, all": "configmap ", "dynamic widgets v2, all": "widget "}[follower]
	got, want := []string{}, []string{}
	for key := range listed {
		if name := key[len(t.namespace)+1:]; name != "kube-root-ca.crt" {
			got = append(got, kind+name)
		}
	}
	for key, is := range there {
		if is && len(key) > len(kind) && key[:len(kind)] == kind {
			want = append(want, key)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	t.same(follower+": names", got, want)
}

// bare is an object without its kind, which typed lists leave out.
func bare(object runtime.Object) runtime.Object {
	if _, dynamic := object.(runtime.Unstructured); dynamic {
		return object
	}
	object = object.DeepCopyObject()
	object.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return object
}

// The handler: for each object, creation, changes and deletion are told in this order, each change from the last.

func (f *follower) OnAdd(object any, _ bool) {
	f.note(object, func(key, version string) {
		if held, known := f.known[key]; known {
			f.wrong = append(f.wrong, fmt.Sprintf("%s added at %s, though known at %s", key, version, held))
		}
		f.known[key] = version
	})
}

func (f *follower) OnUpdate(before, object any) {
	old, _ := meta.Accessor(before)
	f.note(object, func(key, version string) {
		if f.known[key] != old.GetResourceVersion() {
			f.wrong = append(f.wrong, fmt.Sprintf("%s changed from %s, though known at %q", key, old.GetResourceVersion(), f.known[key]))
		}
		f.known[key] = version
	})
}

func (f *follower) OnDelete(object any) {
	if unseen, is := object.(cache.DeletedFinalStateUnknown); is {
		object = unseen.Obj
	}
	f.note(object, func(key, _ string) {
		if _, known := f.known[key]; !known {
			f.wrong = append(f.wrong, key+" deleted, though not known")
		}
		delete(f.known, key)
	})
}

func (f *follower) note(object any, then func(key, version string)) {
	f.lock.Lock()
	defer f.lock.Unlock()
	key, _ := cache.MetaNamespaceKeyFunc(object)
	accessor, err := meta.Accessor(object)
	if err != nil {
		f.wrong = append(f.wrong, err.Error())
		return
	}
	then(key, accessor.GetResourceVersion())
}
