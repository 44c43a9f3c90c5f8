package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	writers = 8
	// Names that each writer has for itself, of ConfigMaps and of widgets.
	names = 6
)

var colours = []string{"red", "blue", "green"}

// A writer makes random writes to objects that nobody else writes to.
type writer struct {
	t      *trial
	random *rand.Rand
	number int
	there  map[string]bool
}

// write makes a number of random writes, several at a time: creations, updates, patches and deletions of ConfigMaps,
// by the typed client, and of widgets, in either version.
func (t *trial) write(ctx context.Context, count int, there map[string]bool) {
	var group sync.WaitGroup
	var lock sync.Mutex
	for number := range writers {
		group.Go(func() {
			random := rand.New(rand.NewSource(t.seed + int64(number)))
			own := &writer{t: t, random: random, number: number, there: map[string]bool{}}
			lock.Lock()
			for key, is := range there {
				if strings.Contains(key, fmt.Sprintf(" object-%d-", number)) {
					own.there[key] = is
				}
			}
			lock.Unlock()
			for range count / writers {
				if err := own.one(ctx); err != nil {
					lock.Lock()
					t.fail("a random write of writer %d: %v", number, err)
					lock.Unlock()
					return
				}
			}
			lock.Lock()
			defer lock.Unlock()
			maps.Copy(there, own.there)
		})
	}
	group.Wait()
}

func (w *writer) one(ctx context.Context) error {
	name := fmt.Sprintf("object-%d-%d", w.number, w.random.Intn(names))
	colour := colours[w.random.Intn(len(colours))]
	if w.random.Intn(2) == 0 {
		return w.configMap(ctx, name, colour)
	}
	return w.widget(ctx, name, colour)
}

func (w *writer) configMap(ctx context.Context, name, colour string) error {
	api, key := w.t.typed.CoreV1().ConfigMaps(w.t.namespace), "configmap "+name
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"colour": colour}},
		Data:       map[string]string{"n": fmt.Sprint(w.random.Int63())},
	}
	var err error
	switch step := w.random.Intn(4); {
	case !w.there[key]:
		_, err = api.Create(ctx, object, metav1.CreateOptions{})
		w.there[key] = err == nil
	case step == 0:
		err = api.Delete(ctx, name, metav1.DeleteOptions{})
		w.there[key] = false
	case step == 1:
		_, err = api.Update(ctx, object, metav1.UpdateOptions{})
	default:
		_, err = api.Patch(ctx, name, types.MergePatchType, w.patch(colour, "data"), metav1.PatchOptions{})
	}
	return err
}

func (w *writer) widget(ctx context.Context, name, colour string) error {
	version, key := []string{"v1", "v2"}[w.random.Intn(2)], "widget "+name
	api := w.t.widgets(version)
	var err error
	switch step := w.random.Intn(4); {
	case !w.there[key]:
		object := widget(version, name, map[string]any{"colour": colour, "size": w.random.Int63n(100)})
		object.SetLabels(map[string]string{"colour": colour})
		_, err = api.Create(ctx, object, metav1.CreateOptions{})
		w.there[key] = err == nil
	case step == 0:
		err = api.Delete(ctx, name, metav1.DeleteOptions{})
		w.there[key] = false
	case step == 1:
		status, _ := json.Marshal(map[string]any{"status": map[string]any{"phase": colour}})
		_, err = api.Patch(ctx, name, types.MergePatchType, status, metav1.PatchOptions{}, "status")
	default:
		_, err = api.Patch(ctx, name, types.MergePatchType, w.patch(colour, "spec"), metav1.PatchOptions{})
	}
	return err
}

// patch changes the label and a field.
func (w *writer) patch(colour, part string) []byte {
	field := map[string]any{"colour": colour}
	patch, _ := json.Marshal(map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"colour": colour}}, part: field,
	})
	return patch
}
