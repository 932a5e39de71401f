package main

import (
	"context"
	"log"
	"net"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	deviceplugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const pluginSocket = "testbed.sock"

// devicePlugin offers devices the older way, as a counted resource of the node.
type devicePlugin struct {
	deviceplugin.UnimplementedDevicePluginServer
	settings
}

func (d devicePlugin) GetDevicePluginOptions(context.Context, *deviceplugin.Empty) (*deviceplugin.DevicePluginOptions, error) {
	return &deviceplugin.DevicePluginOptions{GetPreferredAllocationAvailable: true}, nil
}

// GetPreferredAllocation asks for the lowest ids, so that which device a pod gets on an idle node is no accident.
func (d devicePlugin) GetPreferredAllocation(_ context.Context, request *deviceplugin.PreferredAllocationRequest) (*deviceplugin.PreferredAllocationResponse, error) {
	answer := &deviceplugin.PreferredAllocationResponse{}
	for _, container := range request.ContainerRequests {
		chosen := slices.Clone(container.MustIncludeDeviceIDs)
		for _, id := range slices.Sorted(slices.Values(container.AvailableDeviceIDs)) {
			if len(chosen) < int(container.AllocationSize) && !slices.Contains(chosen, id) {
				chosen = append(chosen, id)
			}
		}
		answer.ContainerResponses = append(answer.ContainerResponses, &deviceplugin.ContainerPreferredAllocationResponse{DeviceIDs: chosen})
	}
	return answer, nil
}

func (d devicePlugin) ListAndWatch(_ *deviceplugin.Empty, stream deviceplugin.DevicePlugin_ListAndWatchServer) error {
	var devices []*deviceplugin.Device
	for _, device := range d.devices {
		devices = append(devices, &deviceplugin.Device{ID: device.uuid(), Health: deviceplugin.Healthy})
	}
	if err := stream.Send(&deviceplugin.ListAndWatchResponse{Devices: devices}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

func (d devicePlugin) Allocate(_ context.Context, request *deviceplugin.AllocateRequest) (*deviceplugin.AllocateResponse, error) {
	answer := &deviceplugin.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		var allocated []accelerator
		for _, id := range container.DevicesIds {
			if device, known := named(d.devices, id); known {
				allocated = append(allocated, device)
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
	case d.switches.on("plugin_injects_every_device"):
		return d.all
	case d.switches.on("plugin_shares_a_device"):
		return d.devices[:1]
	case d.switches.on("plugin_injects_nothing"):
		return nil
	}
	return allocated
}

func register(ctx context.Context) error {
	connection, err := grpc.NewClient("unix://"+deviceplugin.KubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = deviceplugin.NewRegistrationClient(connection).Register(ctx, &deviceplugin.RegisterRequest{
		Version: deviceplugin.Version, Endpoint: pluginSocket, ResourceName: resourceName,
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
	listener, err := net.Listen("unix", deviceplugin.DevicePluginPath+pluginSocket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	deviceplugin.RegisterDevicePluginServer(server, devicePlugin{settings: s})
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := register(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}
