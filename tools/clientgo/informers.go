package main

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	clientfeatures "k8s.io/client-go/features"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

const randomWrites = 1000

// followWrites lets informers of all sorts follow random writes, and compares what they hold with lists.
func followWrites(ctx context.Context, t *trial) { t.followed(ctx, true) }

// followStreams does so with dynamic informers alone. They can also be told to compare by themselves: others would panic
// because of the kinds that items of a list have here.
func followStreams(ctx context.Context, t *trial) { t.followed(ctx, false) }

func (t *trial) followed(ctx context.Context, all bool) {
	t.defineWidgets(ctx)
	t.fact("WatchList", clientfeatures.FeatureGates().Enabled(clientfeatures.WatchListClient))
	there := map[string]bool{}
	// Some are there before anybody looks.
	t.write(ctx, 200, there)
	followers := t.follow(ctx, all)
	t.write(ctx, randomWrites, there)
	t.settled(ctx, followers, there)
}

// A follower is an informer, and what its handler was told.
type follower struct {
	name     string
	informer cache.SharedIndexInformer
	list     func(context.Context) (runtime.Object, error)

	lock  sync.Mutex
	known map[string]string
	wrong []string
}

// follow starts informers, typed ones, dynamic ones and ones of metadata alone, for all objects and for selected ones.
func (t *trial) follow(ctx context.Context, allSorts bool) []*follower {
	var all []*follower
	add := func(name string, informer cache.SharedIndexInformer, list func(context.Context) (runtime.Object, error)) {
		one := &follower{name: name, informer: informer, list: list, known: map[string]string{}}
		_, err := informer.AddEventHandler(one)
		t.must(err, "a handler of "+name)
		all = append(all, one)
		go informer.RunWithContext(ctx)
	}
	onlyMetadata, err := metadata.NewForConfig(t.config)
	t.must(err, "a client of metadata")
	configMaps := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	for what, selected := range map[string]metav1.ListOptions{
		"all":   {},
		"label": {LabelSelector: "colour in (red,blue)"},
		"field": {FieldSelector: "metadata.name!=object-0-0"},
		"both":  {LabelSelector: "colour!=red", FieldSelector: "metadata.name!=object-1-1"},
	} {
		tweak := func(options *metav1.ListOptions) {
			options.LabelSelector, options.FieldSelector = selected.LabelSelector, selected.FieldSelector
		}
		if allSorts {
			typed := informers.NewSharedInformerFactoryWithOptions(
				t.typed, 0, informers.WithNamespace(t.namespace), informers.WithTweakListOptions(tweak))
			add("typed configmaps, "+what, typed.Core().V1().ConfigMaps().Informer(), func(ctx context.Context) (runtime.Object, error) {
				return t.typed.CoreV1().ConfigMaps(t.namespace).List(ctx, selected)
			})
		}
		dynamics := dynamicinformer.NewFilteredDynamicSharedInformerFactory(t.dynamic, 0, t.namespace, tweak)
		for _, resource := range []schema.GroupVersionResource{configMaps, widgetResource("v1"), widgetResource("v2")} {
			add(fmt.Sprint("dynamic ", resource.Resource, " ", resource.Version, ", ", what), dynamics.ForResource(resource).Informer(),
				func(ctx context.Context) (runtime.Object, error) {
					return t.dynamic.Resource(resource).Namespace(t.namespace).List(ctx, selected)
				})
		}
		if allSorts {
			partial := metadatainformer.NewFilteredSharedInformerFactory(onlyMetadata, 0, t.namespace, tweak)
			add("metadata of widgets, "+what, partial.ForResource(widgetResource("v1")).Informer(),
				func(ctx context.Context) (runtime.Object, error) {
					return onlyMetadata.Resource(widgetResource("v1")).Namespace(t.namespace).List(ctx, selected)
				})
		}
	}
	// A field that the definition makes selectable.
	red := func(options *metav1.ListOptions) { options.FieldSelector = "spec.colour=red" }
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(t.dynamic, 0, t.namespace, red)
	add("dynamic widgets v2, red", factory.ForResource(widgetResource("v2")).Informer(), func(ctx context.Context) (runtime.Object, error) {
		return t.widgets("v2").List(ctx, metav1.ListOptions{FieldSelector: "spec.colour=red"})
	})
	for _, one := range all {
		if !cache.WaitForCacheSync(ctx.Done(), one.informer.HasSynced) {
			t.fail("%s: never synced", one.name)
			panic(givenUp{})
		}
	}
	return all
}
