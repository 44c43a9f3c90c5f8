package main

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// tokens logs in as a service account: by a token that is asked for, and by one that is kept in a Secret.
func tokens(ctx context.Context, t *trial) {
	accounts, secrets := t.typed.CoreV1().ServiceAccounts(t.namespace), t.typed.CoreV1().Secrets(t.namespace)
	account, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}, metav1.CreateOptions{})
	t.must(err, "an account")
	asked, err := accounts.CreateToken(ctx, "robot", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: value(int64(900))},
	}, metav1.CreateOptions{})
	t.must(err, "a token")
	who, err := t.whoIs(ctx, asked.Status.Token)
	t.must(err, "logging in with a token")
	t.fact("the user of a token", who)

	kept, err := secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: "robot-token", Annotations: map[string]string{corev1.ServiceAccountNameKey: "robot"},
		},
		Type: corev1.SecretTypeServiceAccountToken,
	}, metav1.CreateOptions{})
	t.must(err, "a Secret for a token")
	t.eventually(ctx, "the Secret has a token", func() (string, bool) {
		kept, err = secrets.Get(ctx, "robot-token", metav1.GetOptions{})
		return fmt.Sprint(kept, err), err == nil && len(kept.Data[corev1.ServiceAccountTokenKey]) > 0
	})
	keys := map[string]bool{}
	for key := range kept.Data {
		keys[key] = true
	}
	t.fact("the Secret's keys", keys)
	t.fact("the Secret's namespace", t.masked(string(kept.Data[corev1.ServiceAccountNamespaceKey])))
	t.same("the Secret's authority", string(kept.Data[corev1.ServiceAccountRootCAKey]), string(t.config.CAData))
	t.same("the account's uid", kept.Annotations[corev1.ServiceAccountUIDKey], string(account.UID))
	token := string(kept.Data[corev1.ServiceAccountTokenKey])
	who, err = t.whoIs(ctx, token)
	t.must(err, "logging in with the Secret's token")
	t.fact("the user of the Secret's token", who)

	t.must(secrets.Delete(ctx, "robot-token", metav1.DeleteOptions{}), "deleting the Secret")
	t.eventually(ctx, "the token of a deleted Secret is refused", func() (string, bool) {
		who, err := t.whoIs(ctx, token)
		return fmt.Sprint(who, err), apierrors.IsUnauthorized(err)
	})
	_, err = secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "nobodys", Annotations: map[string]string{corev1.ServiceAccountNameKey: "nobody"}},
		Type:       corev1.SecretTypeServiceAccountToken,
	}, metav1.CreateOptions{})
	t.must(err, "a Secret for an account that is not there")
	t.eventually(ctx, "a Secret of nobody goes", func() (string, bool) {
		_, err := secrets.Get(ctx, "nobodys", metav1.GetOptions{})
		return fmt.Sprint(err), apierrors.IsNotFound(err)
	})
	_, err = secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "unnamed"}, Type: corev1.SecretTypeServiceAccountToken,
	}, metav1.CreateOptions{})
	t.refused("a Secret for no account", err)
}

// whoIs asks the server who has a token.
func (t *trial) whoIs(ctx context.Context, token string) (map[string]any, error) {
	config := rest.AnonymousClientConfig(t.config)
	config.BearerToken = token
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	groups := []string{}
	for _, group := range review.Status.UserInfo.Groups {
		groups = append(groups, t.masked(group))
	}
	return map[string]any{"name": t.masked(review.Status.UserInfo.Username), "groups": groups}, nil
}
