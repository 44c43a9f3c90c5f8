package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/pager"
)

// expired goes on with a list after its version was compacted. The server has to compact often.
func expired(ctx context.Context, t *trial) {
	api := t.typed.CoreV1().ConfigMaps(t.namespace)
	const count = 20
	for number := range count {
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("object-%02d", number), Labels: map[string]string{"is": "ours"},
		}}
		_, err := api.Create(ctx, object, metav1.CreateOptions{})
		t.must(err, "creating "+object.Name)
	}
	ours := metav1.ListOptions{LabelSelector: "is=ours", Limit: 5}
	first, err := api.List(ctx, ours)
	t.must(err, "the first page")
	next := ours
	next.Continue = first.Continue

	t.eventually(ctx, "the token expires", func() (string, bool) {
		patch := []byte(`{"metadata":{"annotations":{"at":"` + fmt.Sprint(len(t.Facts)) + `"}}}`)
		if _, err = api.Patch(ctx, "object-00", "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
			return err.Error(), false
		}
		_, err = api.List(ctx, next)
		return fmt.Sprint(err), err != nil
	})
	t.refused("an expired token", err)
	var status apierrors.APIStatus
	if !apierrors.IsResourceExpired(err) || !errors.As(err, &status) {
		t.fail("an expired token: %v", err)
		return
	}

	// What is left goes on where the page ended, though not at the version of the first.
	seen := namesOf(first.Items)
	next.Continue = status.Status().Continue
	if next.Continue == "" {
		t.fail("an expired token: there is no token to go on with")
		return
	}
	for next.Continue != "" {
		page, err := api.List(ctx, next)
		t.must(err, "going on")
		seen = append(seen, namesOf(page.Items)...)
		next.Continue = page.Continue
	}
	whole, err := api.List(ctx, metav1.ListOptions{LabelSelector: "is=ours"})
	t.must(err, "a whole list")
	t.same("names, page by page over a compaction", seen, namesOf(whole.Items))

	// The pager lists anew.
	asked := []string{}
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		asked = append(asked, fmt.Sprint(options.Limit, options.Continue != ""))
		if options.Continue != "" {
			options.Continue = first.Continue
		}
		return api.List(ctx, options)
	})
	pages.PageSize = 5
	listed, inPages, err := pages.List(ctx, metav1.ListOptions{LabelSelector: "is=ours"})
	t.must(err, "the pager")
	t.same("the pager's names", namesOf(listed.(*corev1.ConfigMapList).Items), namesOf(whole.Items))
	t.fact("the pager", fmt.Sprint(inPages, asked))
}

// oldWatch begins a watch at a version that is long gone: a real server knows no older ones than those of its start.
func oldWatch(ctx context.Context, t *trial) {
	watching, err := t.typed.CoreV1().ConfigMaps(t.namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: "1"})
	if err == nil {
		defer watching.Stop()
		event := <-watching.ResultChan()
		if event.Type != watch.Error {
			t.fail("a watch from version 1 begins with %v", event)
			return
		}
		err = apierrors.FromObject(event.Object)
	}
	if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
		t.fail("a watch from version 1: %v", err)
	}
	t.fact("a watch from version 1", strings.Split(err.Error(), ":")[0])
}

func namesOf(items []corev1.ConfigMap) []string {
	names := []string{}
	for _, one := range items {
		names = append(names, one.Name)
	}
	return names
}
