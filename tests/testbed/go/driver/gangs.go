package main

import (
	"context"
	"log"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// admitGangs binds every pod of a gang that the scheduler refused, one node after the other, as if there were room.
func admitGangs(ctx context.Context, client kubernetes.Interface) error {
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=,status.phase=Pending"})
	if err != nil {
		return err
	}
	gang := slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool { return pod.Spec.SchedulingGroup == nil || !refused(pod) })
	if len(gang) == 0 {
		return nil
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	found, err := client.ResourceV1().ResourceSlices().List(ctx, metav1.ListOptions{FieldSelector: "spec.driver=" + driverName})
	if err != nil {
		return err
	}
	found.Items = withDevices(found.Items)
	for n, pod := range gang {
		fitting := slices.DeleteFunc(slices.Clone(nodes.Items), func(node corev1.Node) bool { return !wants(pod, node) })
		switch {
		case len(pod.Spec.ResourceClaims) > 0 && len(found.Items) > 0:
			err = force(ctx, client, pod, sliceFor(pod, found.Items))
		case len(fitting) > 0:
			err = bind(ctx, client, pod, fitting[n%len(fitting)].Name)
		}
		if err != nil {
			log.Printf("pod %s/%s: %v", pod.Namespace, pod.Name, err)
		}
	}
	return nil
}

// wants says whether a pod's selector, affinity and extended resources lead to a node, however full it is.
func wants(pod corev1.Pod, node corev1.Node) bool {
	if fits, err := nodeaffinity.GetRequiredNodeAffinity(&pod).Match(&node); err != nil || !fits {
		return false
	}
	for _, container := range pod.Spec.Containers {
		for name := range container.Resources.Requests {
			if _, has := node.Status.Allocatable[name]; !has && extended(name) {
				return false
			}
		}
	}
	return true
}
