package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	driverName   = "accel.testbed.dev"
	resourceName = "testbed.dev/accel"
	partResource = "testbed.dev/part-1g"

	sharedResource = resourceName + ".shared"
	model          = "T1000"
	version        = "1.0.0"
	wholeMemory    = "2Mi"
	partMemory     = "1Mi"
	loopMajor      = 7
	// environmentName is the variable that tells a container which accelerators it was given.
	environmentName = "TESTBED_ACCELERATOR"
)

// accelerator is one loop device in the role of an accelerator; its number is the minor number of the device.
type accelerator struct {
	index    int
	parent   int  // number of the device of which it is a partition; of a whole one -1
	multiple bool // may be allocated to several requests at once, each of which consumes a part of its memory
}

func (a accelerator) name() string          { return fmt.Sprintf("accel-%d", a.index) }
func (a accelerator) uuid() string          { return identity(a.index) }
func (a accelerator) whole() bool           { return a.parent < 0 }
func (a accelerator) containerPath() string { return fmt.Sprintf("/dev/accel%d", a.index) }

// hostPath is a device node that the testbed made with mode 0666, so that the device cgroup alone decides who may open it.
func (a accelerator) hostPath() string { return fmt.Sprintf("/run/testbed/dev/accel%d", a.index) }

// memory is what the device says of itself; the file behind it is as large.
func (a accelerator) memory() string {
	if a.whole() {
		return wholeMemory
	}
	return partMemory
}

func identity(index int) string { return fmt.Sprintf("TB-%04d", index) }

// parseDevice reads one word of the command line: 4 is a whole device, 9/8 the partition 9 of device 8, 11* may be allocated several times.
func parseDevice(word string) (accelerator, error) {
	number, multiple := strings.CutSuffix(word, "*")
	number, whole, part := strings.Cut(number, "/")
	index, err := strconv.Atoi(number)
	parent := -1
	if err == nil && part {
		parent, err = strconv.Atoi(whole)
	}
	return accelerator{index: index, parent: parent, multiple: multiple}, err
}

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
