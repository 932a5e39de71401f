package main

import (
	"context"
	"log"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// runRogue is an allocator that breaks the one rule that matters: where the scheduler refused a pod for want of a device, it writes an
// allocation of devices that are taken, and binds the pod; and it lets a gang in that was refused.
func runRogue(ctx context.Context, s settings) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if s.switches.on("unsatisfiable_claim_allocated") {
			if err := allocateRefused(ctx, client); err != nil {
				log.Print(err)
			}
		}
		if err := admitShares(ctx, client, s.switches); err != nil {
			log.Print(err)
		}
		if s.switches.on("gang_admitted_beyond_capacity") {
			if err := admitGangs(ctx, client); err != nil {
				log.Print(err)
			}
		}
	}
}

func allocateRefused(ctx context.Context, client kubernetes.Interface) error {
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=,status.phase=Pending"})
	if err != nil {
		return err
	}
	slices, err := client.ResourceV1().ResourceSlices().List(ctx, metav1.ListOptions{FieldSelector: "spec.driver=" + driverName})
	if err != nil {
		return err
	}
	slices.Items = withDevices(slices.Items)
	if len(slices.Items) == 0 {
		return nil
	}
	for _, pod := range pods.Items {
		if !refused(pod) || len(pod.Status.ResourceClaimStatuses)+len(pod.Spec.ResourceClaims) == 0 {
			continue
		}
		if err := force(ctx, client, pod, sliceFor(pod, slices.Items)); err != nil {
			log.Printf("pod %s/%s: %v", pod.Namespace, pod.Name, err)
		}
	}
	return nil
}

func refused(pod corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse && condition.Reason == corev1.PodReasonUnschedulable {
			return true
		}
	}
	return false
}

// sliceFor prefers the node that the pod asks for by name, whichever way it says so.
func sliceFor(pod corev1.Pod, slices []resourceapi.ResourceSlice) resourceapi.ResourceSlice {
	wanted := map[string]bool{pod.Spec.NodeSelector[corev1.LabelHostname]: true}
	if affinity := pod.Spec.Affinity; affinity != nil && affinity.NodeAffinity != nil && affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		for _, term := range affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
			for _, expression := range append(term.MatchExpressions, term.MatchFields...) {
				for _, value := range expression.Values {
					wanted[value] = true
				}
			}
		}
	}
	for _, slice := range slices {
		if wanted[*slice.Spec.NodeName] {
			return slice
		}
	}
	return slices[0]
}

func claimNames(pod corev1.Pod) []string {
	var names []string
	for _, claim := range pod.Spec.ResourceClaims {
		if claim.ResourceClaimName != nil {
			names = append(names, *claim.ResourceClaimName)
		}
	}
	for _, status := range pod.Status.ResourceClaimStatuses {
		if status.ResourceClaimName != nil {
			names = append(names, *status.ResourceClaimName)
		}
	}
	return names
}

func force(ctx context.Context, client kubernetes.Interface, pod corev1.Pod, slice resourceapi.ResourceSlice) error {
	for _, name := range claimNames(pod) {
		claim, err := client.ResourceV1().ResourceClaims(pod.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if claim.Status.Allocation == nil {
			claim.Status.Allocation = &resourceapi.AllocationResult{Devices: resourceapi.DeviceAllocationResult{Results: takenDevices(claim, slice)}}
		}
		claim.Status.ReservedFor = append(claim.Status.ReservedFor, resourceapi.ResourceClaimConsumerReference{Resource: "pods", Name: pod.Name, UID: pod.UID})
		if _, err := client.ResourceV1().ResourceClaims(pod.Namespace).UpdateStatus(ctx, claim, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return bind(ctx, client, pod, *slice.Spec.NodeName)
}

func bind(ctx context.Context, client kubernetes.Interface, pod corev1.Pod, node string) error {
	log.Printf("binding %s/%s to %s", pod.Namespace, pod.Name, node)
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}
	return client.CoreV1().Pods(pod.Namespace).Bind(ctx, binding, metav1.CreateOptions{})
}

func takenDevices(claim *resourceapi.ResourceClaim, slice resourceapi.ResourceSlice) []resourceapi.DeviceRequestAllocationResult {
	var results []resourceapi.DeviceRequestAllocationResult
	for _, request := range claim.Spec.Devices.Requests {
		name, count := request.Name, int64(1)
		if request.Exactly != nil && request.Exactly.Count > 1 {
			count = request.Exactly.Count
		}
		if len(request.FirstAvailable) > 0 {
			name += "/" + request.FirstAvailable[0].Name
		}
		for n := range count {
			device := slice.Spec.Devices[int(n)%len(slice.Spec.Devices)]
			results = append(results, resourceapi.DeviceRequestAllocationResult{
				Request: name, Driver: driverName, Pool: slice.Spec.Pool.Name, Device: device.Name,
			})
		}
	}
	return results
}
