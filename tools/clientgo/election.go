package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// election lets candidates lead one after the other: by a Lease that is given away, and by one that runs out.
func election(ctx context.Context, t *trial) {
	led := make(chan string, 8)
	candidate := func(name string, release bool) (stop func()) {
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		lock, err := resourcelock.New(resourcelock.LeasesResourceLock, t.namespace, "lock",
			t.typed.CoreV1(), t.typed.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: name})
		t.must(err, "a lock")
		elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: lock, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond,
			ReleaseOnCancel: release,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { led <- name },
				OnStoppedLeading: func() {},
			},
		})
		t.must(err, "a candidate")
		go func() {
			defer close(ended)
			elector.Run(ctx)
		}()
		return func() {
			cancel()
			<-ended
		}
	}
	next := func(want string) {
		select {
		case name := <-led:
			t.same("who leads", name, want)
		case <-time.After(time.Minute):
			t.fail("%s never led", want)
			panic(givenUp{})
		}
		lease, err := t.typed.CoordinationV1().Leases(t.namespace).Get(ctx, "lock", metav1.GetOptions{})
		t.must(err, "the Lease")
		t.fact("transitions when "+want+" leads", *lease.Spec.LeaseTransitions)
		if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity != want {
			t.fail("the Lease's holder is not %s: %v", want, lease.Spec)
		}
		// A candidate that is stopped while it renews may find its own renewal in its way when it gives the Lease away.
		begin := lease.Spec.RenewTime
		t.eventually(ctx, want+" renews the Lease", func() (string, bool) {
			lease, err = t.typed.CoordinationV1().Leases(t.namespace).Get(ctx, "lock", metav1.GetOptions{})
			t.must(err, "the Lease")
			return fmt.Sprint(lease.Spec), !lease.Spec.RenewTime.Equal(begin)
		})
		if lease.Spec.RenewTime == nil || lease.Spec.AcquireTime.Nanosecond() == 0 && lease.Spec.RenewTime.Nanosecond() == 0 {
			t.fail("the Lease's times have no microseconds: %v", lease.Spec)
		}
	}
	stopA := candidate("a", true)
	next("a")
	stopB := candidate("b", false)
	stopA()
	next("b")
	stopC := candidate("c", true)
	stopB()
	next("c")
	stopC()
	lease, err := t.typed.CoordinationV1().Leases(t.namespace).Get(ctx, "lock", metav1.GetOptions{})
	t.must(err, "the Lease")
	t.fact("the holder in the end", *lease.Spec.HolderIdentity)
}
