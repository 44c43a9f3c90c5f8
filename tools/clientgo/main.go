// Command clientgo judges an API server by what Kubernetes' Go client relies on.
//
//	clientgo --kubeconfig FILE CHECK...
//	clientgo --list
//
// Every line that it prints is one JSON object. For a check it has the name, what failed ("failures", with what
// differs), and what was seen ("facts"): facts hold nothing that differs from run to run, so that those of two servers
// can be compared. A line with "ask" is a question to whoever runs the program; it goes on when a line comes on standard
// input. It ends with 1 if something failed.
//
// KUBE_FEATURE_WatchListClient=false makes informers list before they watch;
// KUBE_WATCHLIST_INCONSISTENCY_DETECTOR=true makes them compare what they streamed with a list, and panic.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"time"

	"k8s.io/klog/v2"
)

// Longer than any check takes on two busy cores.
const patience = 3 * time.Minute

var checks = map[string]func(context.Context, *trial){
	"apply":      apply,
	"controller": ownController,
	"discovery":  discover,
	"dynamic":    customResource,
	"election":   election,
	"events":     recordEvents,
	"expired":    expired,
	"federated":  federated,
	"forms":      forms,
	"informers":  followWrites,
	"pages":      pages,
	"patches":    patches,
	"restart":    restart,
	"streams":    followStreams,
	"tokens":     tokens,
	"workloads":  workloads,
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "the server's kubeconfig")
	list := flag.Bool("list", false, "print the names of all checks")
	seed := flag.Int64("seed", time.Now().UnixNano(), "what random writes are made from")
	flag.Parse()
	klog.SetOutput(os.Stderr)
	if *list {
		names := []string{}
		for name := range checks {
			names = append(names, name)
		}
		sort.Strings(names)
		say(map[string]any{"checks": names})
		return
	}
	failed := false
	for _, name := range flag.Args() {
		failed = judge(name, *kubeconfig, *seed) || failed
	}
	if failed {
		os.Exit(1)
	}
}

// judge runs a check and tells what came of it, and whether it failed.
func judge(name, kubeconfig string, seed int64) bool {
	begin := time.Now()
	t := &trial{Facts: map[string]any{}, Failures: []string{}, seed: seed}
	run, known := checks[name]
	if !known {
		t.fail("there is no check %q", name)
	} else if err := t.connect(name, kubeconfig); err != nil {
		t.fail("cannot begin: %v", err)
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		t.guarded(func() { run(ctx, t) })
	}
	say(map[string]any{
		"check": name, "seed": seed, "seconds": time.Since(begin).Seconds(), "facts": t.Facts, "failures": t.Failures,
	})
	return len(t.Failures) > 0
}

var answers = bufio.NewScanner(os.Stdin)

// ask puts a question to whoever runs the program, and waits until it is done.
func ask(question string) error {
	say(map[string]any{"ask": question})
	if !answers.Scan() {
		return fmt.Errorf("nobody did %q", question)
	}
	return nil
}

func say(line any) {
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
