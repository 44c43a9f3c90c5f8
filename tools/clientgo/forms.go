package main

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// forms writes and reads built-in kinds in protobuf and in JSON: both say the same.
func forms(ctx context.Context, t *trial) {
	clients := map[string]kubernetes.Interface{}
	for _, mediaType := range []string{"application/json", "application/vnd.kubernetes.protobuf"} {
		client, err := kubernetes.NewForConfig(t.as(mediaType))
		t.must(err, "a client")
		clients[mediaType] = client
	}
	json, protobuf := clients["application/json"], clients["application/vnd.kubernetes.protobuf"]

	watching, err := protobuf.CoreV1().Secrets(t.namespace).Watch(ctx, metav1.ListOptions{})
	t.must(err, "a watch in protobuf")
	defer watching.Stop()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "s", Labels: map[string]string{"k": "v"}, Annotations: map[string]string{"empty": ""}},
		StringData: map[string]string{"text": "grün"}, Data: map[string][]byte{"bytes": {0, 255, 10}, "none": {}},
	}
	written, err := protobuf.CoreV1().Secrets(t.namespace).Create(ctx, secret, metav1.CreateOptions{})
	t.must(err, "a Secret in protobuf")
	read, err := json.CoreV1().Secrets(t.namespace).Get(ctx, "s", metav1.GetOptions{})
	t.must(err, "a Secret in JSON")
	t.same("a Secret in two forms", bare(read), bare(written))
	t.fact("the Secret's data", fmt.Sprint(read.Data, read.StringData, read.Type))
	select {
	case event := <-watching.ResultChan():
		if seen, is := event.Object.(*corev1.Secret); !is {
			t.fail("a watch in protobuf says %v", event)
		} else if seen.Name == "s" {
			t.same("a Secret by a watch in protobuf", bare(seen), bare(read))
		}
	case <-time.After(time.Minute):
		t.fail("a watch in protobuf says nothing")
	}

	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "r"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}},
	}
	madeRole, err := json.RbacV1().Roles(t.namespace).Create(ctx, role, metav1.CreateOptions{})
	t.must(err, "a Role in JSON")
	readRole, err := protobuf.RbacV1().Roles(t.namespace).Get(ctx, "r", metav1.GetOptions{})
	t.must(err, "a Role in protobuf")
	t.same("a Role in two forms", bare(readRole), bare(madeRole))

	now := metav1.NewMicroTime(time.Unix(1700000000, 123456000))
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "l"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: value("me"), LeaseDurationSeconds: value(int32(9)), RenewTime: &now},
	}
	madeLease, err := protobuf.CoordinationV1().Leases(t.namespace).Create(ctx, lease, metav1.CreateOptions{})
	t.must(err, "a Lease in protobuf")
	listed, err := json.CoordinationV1().Leases(t.namespace).List(ctx, metav1.ListOptions{})
	t.must(err, "Leases in JSON")
	inProtobuf, err := protobuf.CoordinationV1().Leases(t.namespace).List(ctx, metav1.ListOptions{})
	t.must(err, "Leases in protobuf")
	t.same("Leases in two forms", listed.Items, inProtobuf.Items)
	t.same("a Lease and its list", bare(madeLease), bare(&listed.Items[0]))

	_, err = protobuf.CoreV1().Secrets(t.namespace).Create(ctx, secret, metav1.CreateOptions{})
	t.refused("creating again in protobuf", err)
	_, err = protobuf.CoreV1().Secrets(t.namespace).Get(ctx, "none", metav1.GetOptions{})
	t.refused("what is not there, in protobuf", err)
	bad := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "Bad_Name"}}
	_, err = protobuf.CoreV1().ConfigMaps(t.namespace).Create(ctx, bad, metav1.CreateOptions{})
	t.refused("a bad name in protobuf", err)
}
