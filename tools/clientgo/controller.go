package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// ownController runs a controller as they are written with client-go: a ConfigMap for each widget, owned by it.
func ownController(ctx context.Context, t *trial) {
	t.defineWidgets(ctx)
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	defer queue.ShutDown()
	typed := informers.NewSharedInformerFactoryWithOptions(t.typed, 0, informers.WithNamespace(t.namespace))
	dynamics := dynamicinformer.NewFilteredDynamicSharedInformerFactory(t.dynamic, 0, t.namespace, nil)
	owners, owned := dynamics.ForResource(widgetResource("v2")).Informer(), typed.Core().V1().ConfigMaps().Informer()
	ownersOf := func(object any) {
		if unseen, is := object.(cache.DeletedFinalStateUnknown); is {
			object = unseen.Obj
		}
		of := object.(metav1.Object)
		if owner := metav1.GetControllerOf(of); owner != nil && owner.Kind == "Widget" {
			queue.Add(owner.Name)
		} else if _, is := object.(*unstructured.Unstructured); is {
			queue.Add(of.GetName())
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: ownersOf, UpdateFunc: func(_, after any) { ownersOf(after) }, DeleteFunc: ownersOf,
	}
	for _, informer := range []cache.SharedIndexInformer{owners, owned} {
		_, err := informer.AddEventHandler(handler)
		t.must(err, "a handler")
		go informer.RunWithContext(ctx)
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			t.fail("an informer never synced")
			return
		}
	}
	for range 2 {
		go func() {
			for {
				name, ended := queue.Get()
				if ended {
					return
				}
				if err := t.reconcile(ctx, owners.GetStore(), name); err != nil {
					queue.AddRateLimited(name)
				} else {
					queue.Forget(name)
				}
				queue.Done(name)
			}
		}()
	}

	api, maps := t.widgets("v1"), t.typed.CoreV1().ConfigMaps(t.namespace)
	const count = 20
	for number := range count {
		_, err := api.Create(ctx, widget("v1", fmt.Sprintf("w%02d", number), map[string]any{"colour": "red"}), metav1.CreateOptions{})
		t.must(err, "creating a widget")
	}
	has := func(what string, name, colour string) {
		t.eventually(ctx, what, func() (string, bool) {
			found, err := maps.Get(ctx, name, metav1.GetOptions{})
			return fmt.Sprint(found, err), err == nil && found.Data["colour"] == colour
		})
	}
	for number := range count {
		has("a ConfigMap for each widget", fmt.Sprintf("w%02d", number), "red")
	}
	t.must(maps.Delete(ctx, "w00", metav1.DeleteOptions{}), "deleting what is owned")
	has("what is owned comes back", "w00", "red")
	_, err := api.Patch(ctx, "w01", "application/merge-patch+json", []byte(`{"spec":{"colour":"blue"}}`), metav1.PatchOptions{})
	t.must(err, "changing a widget")
	has("what is owned follows", "w01", "blue")
	t.eventually(ctx, "the status is of the last generation", func() (string, bool) {
		object, err := api.Get(ctx, "w01", metav1.GetOptions{})
		t.must(err, "reading a widget")
		seen, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
		return fmt.Sprint(seen, object.GetGeneration()), seen == object.GetGeneration() && seen == 2
	})
	policy := metav1.DeletePropagationForeground
	t.must(api.Delete(ctx, "w02", metav1.DeleteOptions{PropagationPolicy: &policy}), "deleting a widget, the owned first")
	t.must(api.Delete(ctx, "w03", metav1.DeleteOptions{}), "deleting a widget")
	for _, name := range []string{"w02", "w03"} {
		t.eventually(ctx, "what was owned goes: "+name, func() (string, bool) {
			_, ofMap := maps.Get(ctx, name, metav1.GetOptions{})
			_, ofWidget := api.Get(ctx, name, metav1.GetOptions{})
			return fmt.Sprint(ofMap, ofWidget), apierrors.IsNotFound(ofMap) && apierrors.IsNotFound(ofWidget)
		})
	}
}

// reconcile makes what a widget owns as it has to be, and says so in its status.
func (t *trial) reconcile(ctx context.Context, widgets cache.Store, name string) error {
	held, there, err := widgets.GetByKey(t.namespace + "/" + name)
	if err != nil || !there || held.(*unstructured.Unstructured).GetDeletionTimestamp() != nil {
		return err
	}
	owner := held.(*unstructured.Unstructured).DeepCopy()
	colour, _, _ := unstructured.NestedString(owner.Object, "spec", "colour")
	kind := schema.GroupVersionKind{Group: widgetGroup, Version: "v2", Kind: "Widget"}
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)}},
		Data:       map[string]string{"colour": colour},
	}
	maps := t.typed.CoreV1().ConfigMaps(t.namespace)
	if _, err := maps.Create(ctx, object, metav1.CreateOptions{}); apierrors.IsAlreadyExists(err) {
		if _, err := maps.Update(ctx, object, metav1.UpdateOptions{}); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if seen, _, _ := unstructured.NestedInt64(owner.Object, "status", "observedGeneration"); seen == owner.GetGeneration() {
		return nil
	}
	if err := unstructured.SetNestedField(owner.Object, owner.GetGeneration(), "status", "observedGeneration"); err != nil {
		return err
	}
	_, err = t.widgets("v2").UpdateStatus(ctx, owner, metav1.UpdateOptions{})
	return err
}
