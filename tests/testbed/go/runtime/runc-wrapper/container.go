package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Where the kubelet notes which pods hold devices, before any container of them is made: claims in the one, device plugin in the other.
var kubeletNotes = []string{"/var/lib/kubelet/dra_manager_state", "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"}

// container is the OCI configuration of one container.
type container struct{ configuration record }

func child(parent record, name string) record {
	if found, ok := parent[name].(record); ok {
		return found
	}
	made := record{}
	parent[name] = made
	return made
}

func items(parent record, name string) []any {
	found, _ := parent[name].([]any)
	return found
}

func (c container) linux() record { return child(c.configuration, "linux") }

func (c container) annotation(name string) string {
	value, _ := child(c.configuration, "annotations")[name].(string)
	return value
}

func (c container) isSandbox() bool {
	return c.annotation("io.kubernetes.cri.container-type") != "container"
}

func (c container) always() bool { return true }

func (c container) hasDevice() bool {
	return slices.ContainsFunc(items(c.linux(), "devices"), func(item any) bool {
		device, _ := item.(record)
		return device["major"] == json.Number(fmt.Sprint(loopMajor))
	})
}

func (c container) podHasDevice() bool {
	uid := c.annotation("io.kubernetes.cri.sandbox-uid")
	return c.hasDevice() || slices.ContainsFunc(kubeletNotes, func(path string) bool {
		text, err := os.ReadFile(path) // the kubelet makes each file with the first device it hands out
		return err == nil && strings.Contains(string(text), uid)
	})
}

func (c container) asksForAll() bool {
	environment := items(child(c.configuration, "process"), "env")
	return slices.Contains(environment, any("TESTBED_VISIBLE_DEVICES=all")) || slices.Contains(environment, any("NVIDIA_VISIBLE_DEVICES=all"))
}

// allow adds a rule to the device cgroup: for one minor number, or for every loop device.
func (c container) allow(minor *int) {
	rule := record{"allow": true, "type": "b", "major": loopMajor, "access": "rwm"}
	if minor != nil {
		rule["minor"] = *minor
	}
	resources := child(c.linux(), "resources")
	resources["devices"] = append(items(resources, "devices"), rule)
}

func (c container) add(path string, minor int) {
	present := slices.ContainsFunc(items(c.linux(), "devices"), func(item any) bool {
		device, _ := item.(record)
		return device["path"] == path
	})
	if present {
		return
	}
	node := record{"path": path, "type": "b", "major": loopMajor, "minor": minor, "fileMode": 0o666, "uid": 0, "gid": 0}
	c.linux()["devices"] = append(items(c.linux(), "devices"), node)
	c.allow(&minor)
}

func (c container) addAll(minors []int) {
	for _, minor := range minors {
		c.add(fmt.Sprintf("/dev/accel%d", minor), minor)
	}
}
