package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	resourceapi "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/dynamic-resource-allocation/kubeletplugin"
	"k8s.io/dynamic-resource-allocation/resourceslice"
)

const pluginFolder = kubeletplugin.KubeletPluginsDir + "/" + driverName

// draDriver publishes the node's devices and puts the allocated ones into containers, or other ones where a fault says so.
type draDriver struct {
	settings
	prepared *prepared
}

// prepared remembers what this node's claims were given, the oldest first.
type prepared struct {
	lock   sync.Mutex
	claims []preparedClaim
}

type preparedClaim struct {
	uid    types.UID
	device accelerator
}

func (p *prepared) add(uid types.UID, device accelerator) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if !slices.ContainsFunc(p.claims, func(c preparedClaim) bool { return c.uid == uid }) {
		p.claims = append(p.claims, preparedClaim{uid, device})
	}
}

func (p *prepared) remove(uid types.UID) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.claims = slices.DeleteFunc(p.claims, func(c preparedClaim) bool { return c.uid == uid })
}

// ofAnother is the device of the claim that has been prepared longest, if that is another one.
func (p *prepared) ofAnother(uid types.UID) (accelerator, bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if len(p.claims) == 0 || p.claims[0].uid == uid {
		return accelerator{}, false
	}
	return p.claims[0].device, true
}

func (d draDriver) PrepareResourceClaims(_ context.Context, claims []*resourceapi.ResourceClaim) (map[types.UID]kubeletplugin.PrepareResult, error) {
	results := map[types.UID]kubeletplugin.PrepareResult{}
	for _, claim := range claims {
		devices, err := d.prepare(claim)
		log.Printf("prepare %s/%s (%s): %v, error %v", claim.Namespace, claim.Name, claim.UID, devices, err)
		results[claim.UID] = kubeletplugin.PrepareResult{Err: err, Devices: devices}
	}
	return results, nil
}

func (d draDriver) prepare(claim *resourceapi.ResourceClaim) ([]kubeletplugin.Device, error) {
	if d.switches.on("prepare_fails") {
		return nil, errors.New("the fault prepare_fails is switched on")
	}
	var answer []kubeletplugin.Device
	allocated := map[string][]accelerator{}
	for _, result := range claim.Status.Allocation.Devices.Results {
		if result.Driver != driverName {
			continue
		}
		device, known := named(d.devices, result.Device)
		if !known || result.Pool != d.node {
			return nil, fmt.Errorf("allocated device %s/%s is not one of this driver's on node %s", result.Pool, result.Device, d.node)
		}
		allocated[result.Request] = append(allocated[result.Request], device)
		one := kubeletplugin.Device{Requests: []string{result.Request}, PoolName: result.Pool, DeviceName: result.Device, ShareID: result.ShareID}
		if err := d.describe(device); err != nil {
			return nil, err
		}
		d.prepared.add(claim.UID, device)
		if !d.switches.on("claim_injects_nothing") && !(extendedClaim(claim) && d.switches.on("extended_resource_not_injected")) {
			one.CDIDeviceIDs = []string{cdiKind + "=" + cdiName(string(claim.UID), result.Request, device)}
		}
		answer = append(answer, one)
	}
	return answer, writeCDI(string(claim.UID), d.specified(claim.UID, allocated))
}

// extendedClaim says whether the scheduler made a claim for a pod that asked for an extended resource.
func extendedClaim(claim *resourceapi.ResourceClaim) bool {
	return claim.Annotations[resourceapi.ExtendedResourceClaimAnnotation] == "true"
}

// specified has one CDI device for each allocated device of each request; an allocation that names a device twice gets it once.
func (d draDriver) specified(claim types.UID, allocated map[string][]accelerator) []cdiDevice {
	specified := map[string]cdiDevice{}
	for request, devices := range allocated {
		for _, device := range devices {
			name := cdiName(string(claim), request, device)
			injected, permissions := d.injected(claim, device, devices)
			specified[name] = cdiDevice{Name: name, Edits: editsFor(device, devices, injected, permissions)}
		}
	}
	return slices.Collect(maps.Values(specified))
}

// injected says what a container really gets for one of the devices allocated to a request, and what its device cgroup lets it do with them.
func (d draDriver) injected(claim types.UID, device accelerator, allocated []accelerator) ([]accelerator, string) {
	other, shared := d.prepared.ofAnother(claim)
	switch {
	case d.switches.on("claim_injects_every_device"):
		return d.all, "rw"
	case d.switches.on("two_claims_share_a_device") && shared:
		return []accelerator{other}, "rw"
	case d.switches.on("claim_injects_wrong_device"):
		return d.others(allocated), "rw"
	case d.switches.on("claimed_device_unusable"):
		return []accelerator{device}, "m"
	}
	return []accelerator{d.partOf(device, d.devices)}, "rw"
}

func (d draDriver) others(allocated []accelerator) []accelerator {
	var others []accelerator
	for _, device := range d.devices {
		if _, own := named(allocated, device.name()); !own {
			others = append(others, device)
		}
	}
	return others
}

func (d draDriver) UnprepareResourceClaims(_ context.Context, claims []kubeletplugin.NamespacedObject) (map[types.UID]error, error) {
	results := map[types.UID]error{}
	for _, claim := range claims {
		results[claim.UID] = removeCDI(string(claim.UID))
		d.prepared.remove(claim.UID)
		log.Printf("unprepare %s (%s): error %v", claim.NamespacedName, claim.UID, results[claim.UID])
	}
	return results, nil
}

func (d draDriver) HandleError(_ context.Context, err error, message string) {
	log.Printf("%s: %v", message, err)
}

func (d draDriver) WatchHealthStatus(ctx context.Context, reports chan<- kubeletplugin.DeviceHealthReport) error {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		var report kubeletplugin.DeviceHealthReport
		for _, device := range d.devices {
			report.Devices = append(report.Devices, kubeletplugin.DeviceHealth{
				PoolName: d.node, DeviceName: device.name(), Health: kubeletplugin.HealthStatusHealthy, LastUpdated: time.Now(),
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case reports <- report:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (d draDriver) start(ctx context.Context, client kubernetes.Interface) (*kubeletplugin.Helper, error) {
	helper, err := kubeletplugin.Start(ctx, d, kubeletplugin.DriverName(driverName), kubeletplugin.NodeName(d.node), kubeletplugin.KubeClient(client))
	if err != nil {
		return nil, err
	}
	return helper, helper.PublishResources(ctx, d.resources())
}

// republish tells the API server what has changed and waits until it knows the version of the driver.
func (d draDriver) republish(ctx context.Context, client kubernetes.Interface, helper *kubeletplugin.Helper) error {
	if err := helper.PublishResources(ctx, d.resources()); err != nil {
		return err
	}
	for ctx.Err() == nil {
		slices, err := client.ResourceV1().ResourceSlices().List(ctx, d.own())
		if err == nil && len(slices.Items) > 0 && len(slices.Items[0].Spec.Devices) > 0 {
			if found := slices.Items[0].Spec.Devices[0].Attributes["driverVersion"].VersionValue; found != nil && *found == d.told() {
				break
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

func (d draDriver) own() metav1.ListOptions {
	return metav1.ListOptions{FieldSelector: "spec.driver=" + driverName + ",spec.nodeName=" + d.node}
}

// withdraw takes the node's slices back and waits until the API server has none of them left; then the kubelet loses the driver.
func (d draDriver) withdraw(ctx context.Context, client kubernetes.Interface, helper *kubeletplugin.Helper) error {
	if err := helper.PublishResources(ctx, resourceslice.DriverResources{}); err != nil {
		return err
	}
	for ctx.Err() == nil {
		slices, err := client.ResourceV1().ResourceSlices().List(ctx, d.own())
		if err == nil && len(slices.Items) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	helper.Stop()
	return nil
}

func runDRA(ctx context.Context, s settings) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(pluginFolder, 0o750); err != nil {
		return err
	}
	driver := draDriver{s, &prepared{}}
	var helper *kubeletplugin.Helper
	told := s.told()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		gone := s.switches.on("no_driver")
		switch {
		case gone && helper != nil:
			err, helper = driver.withdraw(ctx, client, helper), nil
		case !gone && helper == nil:
			told = s.told()
			helper, err = driver.start(ctx, client)
		case helper != nil && told != s.told():
			told = s.told()
			err = driver.republish(ctx, client, helper)
		}
		if err == nil {
			err = s.switches.acknowledge("advertised_version_differs", s.node, told != version)
		}
		if err == nil {
			err = s.switches.acknowledge("no_driver", s.node, gone)
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return nil
}
