package main

import (
	"fmt"

	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/dynamic-resource-allocation/deviceattribute"
	"k8s.io/dynamic-resource-allocation/resourceslice"
)

const memory = "memory"

// resources is what the driver publishes: its devices and, in a slice of its own as the API demands, the counters that a device and its
// partitions draw on.
func (d draDriver) resources() resourceslice.DriverResources {
	slices := []resourceslice.Slice{{}}
	var counters []resourceapi.CounterSet
	for position, device := range d.devices {
		slices[0].Devices = append(slices[0].Devices, d.published(device, position))
		if d.carved(device) {
			counters = append(counters, resourceapi.CounterSet{Name: device.name(), Counters: counter(device)})
		}
	}
	if len(counters) > 0 {
		slices = append(slices, resourceslice.Slice{SharedCounters: counters})
	}
	return resourceslice.DriverResources{Pools: map[string]resourceslice.Pool{d.node: {Slices: slices}}}
}

func (d draDriver) published(device accelerator, position int) resourceapi.Device {
	capacity := resourceapi.DeviceCapacity{Value: resource.MustParse(device.memory())}
	one := resourceapi.Device{Name: device.name(), Attributes: d.attributes(device, position)}
	if device.multiple {
		one.AllowMultipleAllocations, capacity.RequestPolicy = &device.multiple, policy()
	}
	one.Capacity = map[resourceapi.QualifiedName]resourceapi.DeviceCapacity{memory: capacity}
	if set, consumes := d.counterSet(device); consumes {
		one.ConsumesCounters = []resourceapi.DeviceCounterConsumption{{CounterSet: set, Counters: counter(device)}}
	}
	return one
}

// attributes say what a device is and where it sits: the first one of a node has a PCIe root of its own, those that may be allocated several
// times sit in the other half of the machine.
func (d draDriver) attributes(device accelerator, position int) map[resourceapi.QualifiedName]resourceapi.DeviceAttribute {
	text := func(value string) resourceapi.DeviceAttribute {
		return resourceapi.DeviceAttribute{StringValue: &value}
	}
	number := func(value int) resourceapi.DeviceAttribute {
		wide := int64(value)
		return resourceapi.DeviceAttribute{IntValue: &wide}
	}
	published, kind, root, numa := d.told(), "whole", min(position, 1), 0
	if device.multiple {
		root, numa = 0x80, 1
	}
	found := map[resourceapi.QualifiedName]resourceapi.DeviceAttribute{
		"uuid": text(device.uuid()), "model": text(model), "index": number(device.index),
		"driverVersion": {VersionValue: &published},
		deviceattribute.StandardDeviceAttributeNUMANode: number(numa),
		deviceattribute.StandardDeviceAttributePCIeRoot: text(fmt.Sprintf("pci0000:%02x", root)),
	}
	if !device.whole() {
		kind, found["parentUUID"] = "partition", text(identity(device.parent))
	}
	found["type"] = text(kind)
	return found
}

// policy lets a request consume quarters of the memory, and one where it does not say.
func policy() *resourceapi.CapacityRequestPolicy {
	quarter, all := resource.MustParse("512Ki"), resource.MustParse(wholeMemory)
	step := quarter.DeepCopy()
	return &resourceapi.CapacityRequestPolicy{
		Default: &quarter, ValidRange: &resourceapi.CapacityRequestPolicyRange{Min: &quarter, Max: &all, Step: &step},
	}
}

func counter(device accelerator) map[string]resourceapi.Counter {
	return map[string]resourceapi.Counter{memory: {Value: resource.MustParse(device.memory())}}
}

// carved says whether there are partitions of a device.
func (d draDriver) carved(device accelerator) bool {
	for _, other := range d.devices {
		if other.parent == device.index {
			return true
		}
	}
	return false
}

// counterSet names the counters that a device draws on: those of the device that is carved, be it this one or the one of which it is a part.
func (d draDriver) counterSet(device accelerator) (string, bool) {
	if !device.whole() {
		return accelerator{index: device.parent}.name(), true
	}
	return device.name(), d.carved(device)
}
