package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"
)

// pages lists piece by piece while others write: every page is of the first one's version.
func pages(ctx context.Context, t *trial) {
	api := t.typed.CoreV1().ConfigMaps(t.namespace)
	for number := range 53 {
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("object-%02d", number), Labels: map[string]string{"is": "ours"},
		}}
		_, err := api.Create(ctx, object, metav1.CreateOptions{})
		t.must(err, "creating "+object.Name)
	}
	whole, err := api.List(ctx, metav1.ListOptions{LabelSelector: "is=ours"})
	t.must(err, "a whole list")

	versions, left := map[string]bool{}, []int64{}
	disturbed := 0
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		list, err := api.List(ctx, options)
		if err != nil {
			return nil, err
		}
		versions[list.ResourceVersion] = true
		if list.RemainingItemCount != nil {
			left = append(left, *list.RemainingItemCount)
		}
		disturbed++
		late := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("object-%02d-late", disturbed*10), Labels: map[string]string{"is": "ours"},
		}}
		_, err = api.Create(ctx, late, metav1.CreateOptions{})
		return list, err
	})
	pages.PageSize = 10
	found := []corev1.ConfigMap{}
	t.must(pages.EachListItem(ctx, metav1.ListOptions{LabelSelector: "is=ours"}, func(object runtime.Object) error {
		found = append(found, *object.(*corev1.ConfigMap))
		return nil
	}), "the pager")
	t.same("items of all pages", found, whole.Items)
	if len(versions) != 1 {
		t.fail("pages are of several versions: %v", versions)
	}
	t.fact("items left after each page, of selected ones", left)

	// Without a selector it is told how many are left.
	page, err := api.List(ctx, metav1.ListOptions{Limit: 10})
	t.must(err, "a page without a selector")
	t.fact("items left of all", page.RemainingItemCount)
	_, err = api.List(ctx, metav1.ListOptions{Limit: 10, Continue: "nonsense"})
	t.refused("a token that is none", err)
	_, err = api.List(ctx, metav1.ListOptions{Limit: 10, Continue: page.Continue, ResourceVersion: "1"})
	t.refused("a token with a version", err)
	_, err = api.List(ctx, metav1.ListOptions{ResourceVersionMatch: metav1.ResourceVersionMatchExact})
	t.refused("a match without a version", err)
	exact := metav1.ListOptions{
		ResourceVersion: whole.ResourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchExact, LabelSelector: "is=ours",
	}
	then, err := api.List(ctx, exact)
	t.must(err, "a list at a version")
	t.same("a list at a version", then.Items, whole.Items)
}
