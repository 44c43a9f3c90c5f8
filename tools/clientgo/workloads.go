package main

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// workloads uses kinds of a member: a Deployment with its scale and status, and an autoscaler in both its versions.
func workloads(ctx context.Context, t *trial) {
	api := t.typed.AppsV1().Deployments(t.namespace)
	labels := map[string]string{"app": "web"}
	made, err := api.Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: value(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	t.must(err, "a Deployment")
	t.fact("the Deployment, with defaults", made.Spec)

	scale, err := api.GetScale(ctx, "web", metav1.GetOptions{})
	t.must(err, "its scale")
	t.fact("the scale", map[string]any{"spec": scale.Spec, "status": scale.Status})
	scale.Spec.Replicas = 3
	_, err = api.UpdateScale(ctx, "web", scale, metav1.UpdateOptions{})
	t.must(err, "writing its scale")
	scale.ResourceVersion = made.ResourceVersion
	_, err = api.UpdateScale(ctx, "web", scale, metav1.UpdateOptions{})
	t.refused("writing an old scale", err)
	made, err = api.Patch(ctx, "web", types.StrategicMergePatchType,
		[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:1"},{"name":"web","image":"web:2"}]}}}}`), metav1.PatchOptions{})
	t.must(err, "a strategic patch")
	t.fact("containers after a strategic patch", made.Spec.Template.Spec.Containers)
	made.Status.Replicas = 3
	made.Spec.Replicas = value(int32(9))
	made, err = api.UpdateStatus(ctx, made, metav1.UpdateOptions{})
	t.must(err, "writing its status")
	t.fact("replicas after that", []any{*made.Spec.Replicas, made.Status.Replicas, made.Generation})

	t.autoscalers(ctx)
}

// autoscalers writes each version and reads the other.
func (t *trial) autoscalers(ctx context.Context) {
	target := autoscalingv1.CrossVersionObjectReference{Kind: "Deployment", Name: "web", APIVersion: "apps/v1"}
	v1, v2 := t.typed.AutoscalingV1().HorizontalPodAutoscalers(t.namespace), t.typed.AutoscalingV2().HorizontalPodAutoscalers(t.namespace)
	made, err := v1.Create(ctx, &autoscalingv1.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "one"},
		Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: target, MaxReplicas: 9, TargetCPUUtilizationPercentage: value(int32(70)),
		},
	}, metav1.CreateOptions{})
	t.must(err, "an autoscaler in v1")
	t.fact("an autoscaler in v1", made.Spec)
	read, err := v2.Get(ctx, "one", metav1.GetOptions{})
	t.must(err, "the autoscaler in v2")
	t.fact("the autoscaler in v2", read.Spec)
	memory := int32(60)
	read.Spec.Metrics = append(read.Spec.Metrics, autoscalingv2.MetricSpec{
		Type: autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricSource{
			Name:   "memory",
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &memory},
		},
	})
	_, err = v2.Update(ctx, read, metav1.UpdateOptions{})
	t.must(err, "updating it in v2")
	made, err = v1.Get(ctx, "one", metav1.GetOptions{})
	t.must(err, "reading it in v1")
	t.fact("it in v1, with what v1 has no field for", map[string]any{"spec": made.Spec, "annotations": made.Annotations})
	made.Spec.MaxReplicas = 11
	_, err = v1.Update(ctx, made, metav1.UpdateOptions{})
	t.must(err, "updating it in v1")
	read, err = v2.Get(ctx, "one", metav1.GetOptions{})
	t.must(err, "reading it in v2")
	t.fact("it in v2 after that", map[string]any{"spec": read.Spec, "annotations": read.Annotations})
}
