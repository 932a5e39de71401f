package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	switchFolder = "/run/testbed/switches/on"
	deviceFolder = "/run/testbed/dev"
	loopMajor    = 7
)

// record is a JSON object of which only a part is known; the rest must survive unchanged.
type record = map[string]any

// faults of the container runtime; a fault not named here is none of the wrapper's business.
var faults = []struct {
	name string
	hits func(container) bool
	do   func(container, []int)
}{
	{"every_device_in_every_container", container.always, container.addAll},
	{"unclaimed_pod_sees_devices", func(c container) bool { return !c.podHasDevice() }, container.addAll},
	{"sibling_sees_devices", func(c container) bool { return c.podHasDevice() && !c.hasDevice() }, container.addAll},
	{"environment_opens_all", container.asksForAll, container.addAll},
	{"cgroup_allows_all", container.always, func(c container, _ []int) { c.allow(nil) }},
	{"hidden_path", container.always, func(c container, minors []int) { c.add("/opt/hidden0", minors[0]) }},
}

func isOn(fault string) bool {
	_, err := os.Stat(filepath.Join(switchFolder, fault))
	return err == nil
}

// minors are the numbers of the node's accelerators, read from their device nodes' names.
func minors() ([]int, error) {
	entries, err := os.ReadDir(deviceFolder)
	if err != nil {
		return nil, err
	}
	var found []int
	for _, entry := range entries {
		number, err := strconv.Atoi(strings.TrimPrefix(entry.Name(), "accel"))
		if err != nil {
			return nil, err
		}
		found = append(found, number)
	}
	slices.Sort(found)
	return found, nil
}

func tamper(path, id string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // numbers of 64 bits must come out as they went in
	var configuration record
	if err := decoder.Decode(&configuration); err != nil {
		return err
	}
	one := container{configuration}
	if one.isSandbox() {
		return nil
	}
	if one.annotation("testbed.dev/gang") != "" {
		if err := os.MkdirAll(gangFolder, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(gangFolder, id), nil, 0o600); err != nil {
			return err
		}
	}
	devices, err := minors()
	if err != nil {
		return err
	}
	changed := false
	for _, fault := range faults {
		if isOn(fault.name) && fault.hits(one) {
			fault.do(one, devices)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	text, err = json.Marshal(configuration)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
