package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// restart lets informers live through an end and a new start of the server, after which their versions may be too old.
func restart(ctx context.Context, t *trial) {
	t.defineWidgets(ctx)
	there := map[string]bool{}
	t.write(ctx, 160, there)
	followers := t.follow(ctx, true)
	for range 2 {
		t.write(ctx, 160, there)
		t.must(ask("restart"), "a restart")
		t.eventually(ctx, "it serves again", func() (string, bool) {
			_, err := t.widgets("v2").List(ctx, metav1.ListOptions{})
			return fmt.Sprint(err), err == nil
		})
		t.write(ctx, 160, there)
		t.settled(ctx, followers, there)
	}
	oldWatch(ctx, t)
}
