package main

import (
	"context"
	"log"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
)

// admitShares binds pods that the scheduler refused for want of a share: one more than the node tells, or with capacity that is used up.
func admitShares(ctx context.Context, client kubernetes.Interface, switches switches) error {
	capacity := switches.on("capacity_ignored")
	counters, units := switches.on("counters_ignored"), switches.on("share_beyond_the_limit")
	if !capacity && !counters && !units {
		return nil
	}
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=,status.phase=Pending"})
	if err != nil {
		return err
	}
	found, err := client.ResourceV1().ResourceSlices().List(ctx, metav1.ListOptions{FieldSelector: "spec.driver=" + driverName})
	if err != nil {
		return err
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, pod := range pods.Items {
		if !refused(pod) {
			continue
		}
		if capacity {
			err = forceDevice(ctx, client, pod, found.Items, divided)
		}
		if err == nil && counters {
			err = forceDevice(ctx, client, pod, found.Items, carvedUp)
		}
		if err == nil && units && asksForShare(pod) {
			for _, node := range nodes.Items {
				if wants(pod, node) {
					err = bind(ctx, client, pod, node.Name)
					break
				}
			}
		}
		if err != nil {
			log.Printf("pod %s/%s: %v", pod.Namespace, pod.Name, err)
		}
	}
	return nil
}

func asksForShare(pod corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Containers, func(container corev1.Container) bool {
		_, asks := container.Resources.Requests[sharedResource]
		return asks
	})
}

// forceDevice gives a refused pod, which asks for one device by a claim, that device however little is left of it; fits says whether a
// request means a device.
func forceDevice(ctx context.Context, client kubernetes.Interface, pod corev1.Pod, found []resourceapi.ResourceSlice, fits meaning) error {
	for _, name := range claimNames(pod) {
		claim, err := client.ResourceV1().ResourceClaims(pod.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		requests := claim.Spec.Devices.Requests
		if len(requests) != 1 || requests[0].Exactly == nil || claim.Status.Allocation != nil {
			continue
		}
		for _, slice := range found {
			for _, device := range slice.Spec.Devices {
				if !fits(*requests[0].Exactly, device) {
					continue
				}
				result := resourceapi.DeviceRequestAllocationResult{
					Request: requests[0].Name, Driver: driverName, Pool: slice.Spec.Pool.Name, Device: device.Name,
				}
				if capacity := requests[0].Exactly.Capacity; capacity != nil {
					id := uuid.NewUUID()
					result.ShareID, result.ConsumedCapacity = &id, maps.Clone(capacity.Requests)
				}
				claim.Status.Allocation = &resourceapi.AllocationResult{
					Devices: resourceapi.DeviceAllocationResult{Results: []resourceapi.DeviceRequestAllocationResult{result}},
				}
				claim.Status.ReservedFor = []resourceapi.ResourceClaimConsumerReference{{Resource: "pods", Name: pod.Name, UID: pod.UID}}
				if _, err := client.ResourceV1().ResourceClaims(pod.Namespace).UpdateStatus(ctx, claim, metav1.UpdateOptions{}); err != nil {
					return err
				}
				return bind(ctx, client, pod, *slice.Spec.NodeName)
			}
		}
	}
	return nil
}

type meaning func(resourceapi.ExactDeviceRequest, resourceapi.Device) bool

// divided is a device that may be allocated several times, for a request that asks for capacity.
func divided(request resourceapi.ExactDeviceRequest, device resourceapi.Device) bool {
	return request.Capacity != nil && device.AllowMultipleAllocations != nil && *device.AllowMultipleAllocations
}

// carvedUp is a device that draws on counters, for a request whose selectors name it.
func carvedUp(request resourceapi.ExactDeviceRequest, device resourceapi.Device) bool {
	uuid := device.Attributes["uuid"].StringValue
	return len(device.ConsumesCounters) > 0 && uuid != nil && slices.ContainsFunc(request.Selectors, func(selector resourceapi.DeviceSelector) bool {
		return selector.CEL != nil && strings.Contains(selector.CEL.Expression, strconv.Quote(*uuid))
	})
}

// withDevices leaves out slices that have counters only.
func withDevices(found []resourceapi.ResourceSlice) []resourceapi.ResourceSlice {
	return slices.DeleteFunc(found, func(slice resourceapi.ResourceSlice) bool { return len(slice.Spec.Devices) == 0 })
}
