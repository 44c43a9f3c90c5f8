package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/record"
)

// recordEvents records Events by both recorders, and reads each in the other group.
func recordEvents(ctx context.Context, t *trial) {
	object, err := t.typed.CoreV1().ConfigMaps(t.namespace).Create(ctx,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "watched"}}, metav1.CreateOptions{})
	t.must(err, "an object")
	about := &corev1.ObjectReference{
		APIVersion: "v1", Kind: "ConfigMap", Namespace: t.namespace, Name: object.Name, UID: types.UID(object.UID),
	}

	old := record.NewBroadcaster(record.WithContext(ctx))
	defer old.Shutdown()
	old.StartRecordingToSink(&typedSink{t})
	recorder := old.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "old"})
	for range 3 {
		recorder.Event(about, corev1.EventTypeWarning, "Often", "it happened")
	}
	t.eventually(ctx, "an event is counted", func() (string, bool) {
		list, err := t.typed.EventsV1().Events(t.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Often"})
		t.must(err, "events by the newer group")
		done := len(list.Items) == 1 && list.Items[0].DeprecatedCount == 3
		if done {
			one := list.Items[0]
			t.fact("an old event in the newer group", fmt.Sprint(one.Note, one.Type, one.Regarding.Kind, one.DeprecatedSource.Component))
		}
		return fmt.Sprint(list.Items), done
	})

	newer := events.NewBroadcaster(&events.EventSinkImpl{Interface: t.typed.EventsV1()})
	t.must(newer.StartRecordingToSinkWithContext(ctx), "recording")
	defer newer.Shutdown()
	newer.NewRecorder(scheme.Scheme, "newer").Eventf(about, nil, corev1.EventTypeNormal, "Seen", "Looking", "%s was seen", object.Name)
	t.eventually(ctx, "an event of the newer recorder", func() (string, bool) {
		selector := metav1.ListOptions{FieldSelector: "involvedObject.name=watched,reason=Seen"}
		list, err := t.typed.CoreV1().Events(t.namespace).List(ctx, selector)
		t.must(err, "events by the core group")
		done := len(list.Items) == 1
		if done {
			one := list.Items[0]
			t.fact("a newer event in the core group", fmt.Sprint(one.Message, one.Type, one.Action, one.ReportingController))
		}
		return fmt.Sprint(list.Items), done
	})
}

// typedSink is where the older recorder writes to.
type typedSink struct{ t *trial }

func (s *typedSink) Create(event *corev1.Event) (*corev1.Event, error) {
	return s.t.typed.CoreV1().Events(s.t.namespace).Create(context.Background(), event, metav1.CreateOptions{})
}

func (s *typedSink) Update(event *corev1.Event) (*corev1.Event, error) {
	return s.t.typed.CoreV1().Events(s.t.namespace).Update(context.Background(), event, metav1.UpdateOptions{})
}

func (s *typedSink) Patch(event *corev1.Event, patch []byte) (*corev1.Event, error) {
	return s.t.typed.CoreV1().Events(s.t.namespace).Patch(
		context.Background(), event.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
}
