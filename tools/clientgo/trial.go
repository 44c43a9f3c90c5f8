package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// A trial is one run of a check, in a namespace of its own.
type trial struct {
	Facts    map[string]any
	Failures []string

	config    *rest.Config
	typed     kubernetes.Interface
	dynamic   dynamic.Interface
	namespace string
	seed      int64
}

// given up: the check cannot go on.
type givenUp struct{}

func (t *trial) connect(name, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	// No limit of the client's own: the server is judged.
	config.QPS = -1
	config.UserAgent = "clientgo"
	t.config = config
	if t.typed, err = kubernetes.NewForConfig(t.as("application/vnd.kubernetes.protobuf")); err != nil {
		return err
	}
	if t.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "clientgo-" + name + "-"}}
	namespace, err = t.typed.CoreV1().Namespaces().Create(context.Background(), namespace, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	t.namespace = namespace.Name
	return nil
}

// as is the connection with another media type for built-in kinds.
func (t *trial) as(mediaType string) *rest.Config {
	config := rest.CopyConfig(t.config)
	config.ContentType = mediaType
	config.AcceptContentTypes = mediaType
	if mediaType != "application/json" {
		config.AcceptContentTypes = mediaType + ",application/json"
	}
	return config
}

func (t *trial) guarded(run func()) {
	defer func() {
		if reason := recover(); reason != nil {
			if _, known := reason.(givenUp); !known {
				t.fail("panic: %v", reason)
			}
		}
	}()
	run()
}

func (t *trial) fail(format string, values ...any) {
	t.Failures = append(t.Failures, fmt.Sprintf(format, values...))
}

// must gives the check up if there is an error.
func (t *trial) must(err error, what string) {
	if err != nil {
		t.fail("%s: %v", what, err)
		panic(givenUp{})
	}
}

// same notes what differs between what was got and what was wanted.
func (t *trial) same(what string, got, want any) {
	if difference := cmp.Diff(want, got); difference != "" {
		t.fail("%s (-wanted +got):\n%s", what, difference)
	}
}

// fact keeps something that all servers should agree on.
func (t *trial) fact(name string, value any) { t.Facts[name] = value }

// refused notes how the server said no: code, reason and words, with the namespace's name left out.
func (t *trial) refused(what string, err error) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		t.fail("%s: not refused by the server, but: %v", what, err)
		return
	}
	told := status.Status()
	t.fact(what, map[string]any{"code": told.Code, "reason": told.Reason, "message": t.masked(told.Message)})
}

// eventually waits until something is so; what it says otherwise is the last reason why it is not.
func (t *trial) eventually(ctx context.Context, what string, so func() (string, bool)) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		reason, done := so()
		if done {
			return
		}
		select {
		case <-ctx.Done():
			t.fail("never: %s: %s", what, reason)
			panic(givenUp{})
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func value[T any](of T) *T { return &of }
