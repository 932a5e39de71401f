package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	deviceplugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	replicas = 2
	replica  = "::" // stands between the identity of a device and the number of the replica
)

// devicePlugin offers devices the older way, as a counted resource of the node, each one or several times.
type devicePlugin struct {
	deviceplugin.UnimplementedDevicePluginServer
	settings
	resource string
	socket   string
	offered  []accelerator
	replicas int
}

// units are the ids of what is handed out: devices, or replicas of devices.
func (d devicePlugin) units() []string {
	var ids []string
	for _, device := range d.offered {
		for n := range d.replicas {
			if d.replicas == 1 {
				ids = append(ids, device.uuid())
			} else {
				ids = append(ids, replicaID(device, n))
			}
		}
	}
	switch {
	case d.replicas > 1 && d.switches.on("fewer_shares_than_configured"):
		return ids[:len(ids)-1]
	case d.replicas > 1 && d.switches.on("share_beyond_the_limit"):
		return append(ids, replicaID(d.offered[0], d.replicas))
	}
	return ids
}

func replicaID(device accelerator, n int) string {
	return fmt.Sprintf("%s%s%d", device.uuid(), replica, n)
}

func deviceOf(id string) string {
	uuid, _, _ := strings.Cut(id, replica)
	return uuid
}

func (d devicePlugin) GetDevicePluginOptions(context.Context, *deviceplugin.Empty) (*deviceplugin.DevicePluginOptions, error) {
	return &deviceplugin.DevicePluginOptions{GetPreferredAllocationAvailable: true}, nil
}

// GetPreferredAllocation spreads replicas over the devices, as is usual, and takes the lowest id of those that are equally free, so that
// which device a pod gets on an idle node is no accident.
func (d devicePlugin) GetPreferredAllocation(_ context.Context, request *deviceplugin.PreferredAllocationRequest) (*deviceplugin.PreferredAllocationResponse, error) {
	answer := &deviceplugin.PreferredAllocationResponse{}
	for _, container := range request.ContainerRequests {
		chosen := slices.Clone(container.MustIncludeDeviceIDs)
		available := slices.Sorted(slices.Values(container.AvailableDeviceIDs))
		available = slices.DeleteFunc(available, func(id string) bool { return slices.Contains(chosen, id) })
		for len(chosen) < int(container.AllocationSize) && len(available) > 0 {
			next := freest(available)
			chosen = append(chosen, available[next])
			available = slices.Delete(available, next, next+1)
		}
		answer.ContainerResponses = append(answer.ContainerResponses, &deviceplugin.ContainerPreferredAllocationResponse{DeviceIDs: chosen})
	}
	return answer, nil
}

// freest is the place of the first id among those of the device that has most ids left.
func freest(available []string) int {
	left := map[string]int{}
	for _, id := range available {
		left[deviceOf(id)]++
	}
	found := 0
	for n, id := range available {
		if left[deviceOf(id)] > left[deviceOf(available[found])] {
			found = n
		}
	}
	return found
}

func (d devicePlugin) ListAndWatch(_ *deviceplugin.Empty, stream deviceplugin.DevicePlugin_ListAndWatchServer) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var told []string
	for {
		if units := d.units(); !slices.Equal(units, told) {
			var devices []*deviceplugin.Device
			for _, id := range units {
				devices = append(devices, &deviceplugin.Device{ID: id, Health: deviceplugin.Healthy})
			}
			if err := stream.Send(&deviceplugin.ListAndWatchResponse{Devices: devices}); err != nil {
				return err
			}
			told = units
		}
		select {
		case <-stream.Context().Done():
			return nil
		case <-tick.C:
		}
	}
}

func (d devicePlugin) Allocate(_ context.Context, request *deviceplugin.AllocateRequest) (*deviceplugin.AllocateResponse, error) {
	answer := &deviceplugin.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		var allocated []accelerator
		for _, id := range container.DevicesIds {
			if d.replicas > 1 && d.switches.on("replicas_are_never_shared") && !strings.HasSuffix(id, replica+"0") {
				return nil, fmt.Errorf("device %s is in use", deviceOf(id))
			}
			if device, known := named(d.offered, deviceOf(id)); known && !slices.Contains(allocated, device) {
				allocated = append(allocated, device)
			}
		}
		for _, device := range allocated {
			if err := d.describe(device); err != nil {
				return nil, err
			}
		}
		injected := d.injected(allocated)
		log.Printf("allocate %v: injecting %v", allocated, injected)
		one := &deviceplugin.ContainerAllocateResponse{Envs: map[string]string{environmentName: uuids(allocated)}}
		for _, device := range injected {
			one.Devices = append(one.Devices, &deviceplugin.DeviceSpec{
				ContainerPath: device.containerPath(), HostPath: device.hostPath(), Permissions: "rw",
			})
		}
		answer.ContainerResponses = append(answer.ContainerResponses, one)
	}
	return answer, nil
}

func (d devicePlugin) injected(allocated []accelerator) []accelerator {
	switch {
	case d.switches.on("plugin_injects_every_device"), d.replicas > 1 && d.switches.on("share_opens_every_device"):
		return d.all
	case d.switches.on("plugin_shares_a_device"):
		return d.offered[:1]
	case d.switches.on("plugin_injects_nothing"), d.replicas > 1 && d.switches.on("share_injects_nothing"):
		return nil
	}
	var injected []accelerator
	for _, device := range allocated {
		injected = append(injected, d.partOf(device, d.offered))
	}
	return injected
}

func (d devicePlugin) register(ctx context.Context) error {
	connection, err := grpc.NewClient("unix://"+deviceplugin.KubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = deviceplugin.NewRegistrationClient(connection).Register(ctx, &deviceplugin.RegisterRequest{
		Version: deviceplugin.Version, Endpoint: d.socket, ResourceName: d.resource,
		Options: &deviceplugin.DevicePluginOptions{GetPreferredAllocationAvailable: true},
	}, grpc.WaitForReady(true))
	return err
}

// kubeletReady waits for the kubelet's socket: a kubelet that starts removes every other socket beside it.
func kubeletReady(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(deviceplugin.KubeletSocket); !os.IsNotExist(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func runDevicePlugin(ctx context.Context, s settings) error {
	if err := kubeletReady(ctx); err != nil {
		return err
	}
	plugins := []devicePlugin{
		{settings: s, resource: resourceName, socket: "testbed.sock", offered: s.devices, replicas: 1},
		{settings: s, resource: sharedResource, socket: "testbed-shared.sock", offered: s.shared, replicas: replicas},
		{settings: s, resource: partResource, socket: "testbed-parts.sock", offered: s.parts, replicas: 1},
	}
	ended := make(chan error, len(plugins))
	for _, plugin := range plugins {
		if len(plugin.offered) > 0 {
			go func() { ended <- plugin.serve(ctx) }()
		}
	}
	return <-ended
}

func (d devicePlugin) serve(ctx context.Context) error {
	listener, err := net.Listen("unix", deviceplugin.DevicePluginPath+d.socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	deviceplugin.RegisterDevicePluginServer(server, d)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := d.register(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}
