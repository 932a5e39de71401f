package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	driverName   = "accel.testbed.dev"
	resourceName = "testbed.dev/accel"
	model        = "T1000"
	loopMajor    = 7
	// environmentName is the variable that tells a container which accelerators it was given.
	environmentName = "TESTBED_ACCELERATOR"
)

// accelerator is one loop device in the role of an accelerator; its number is the minor number of the device.
type accelerator struct{ index int }

func (a accelerator) name() string          { return fmt.Sprintf("accel-%d", a.index) }
func (a accelerator) uuid() string          { return fmt.Sprintf("TB-%04d", a.index) }
func (a accelerator) containerPath() string { return fmt.Sprintf("/dev/accel%d", a.index) }

// hostPath is a device node that the testbed made with mode 0666, so that the device cgroup alone decides who may open it.
func (a accelerator) hostPath() string { return fmt.Sprintf("/run/testbed/dev/accel%d", a.index) }

func uuids(devices []accelerator) string {
	var words []string
	for _, device := range devices {
		words = append(words, device.uuid())
	}
	return strings.Join(words, ",")
}

func named(devices []accelerator, name string) (accelerator, bool) {
	for _, device := range devices {
		if device.name() == name || device.uuid() == name {
			return device, true
		}
	}
	return accelerator{}, false
}

// switches is a folder: the file on/NAME exists while the fault NAME is on; applied/NAME.WHO is made by a part that needs time to obey.
type switches string

func (s switches) on(fault string) bool {
	_, err := os.Stat(filepath.Join(string(s), "on", fault))
	return err == nil
}

func (s switches) acknowledge(fault, who string, applied bool) error {
	path := filepath.Join(string(s), "applied", fault+"."+who)
	if applied {
		return os.WriteFile(path, nil, 0o644)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
