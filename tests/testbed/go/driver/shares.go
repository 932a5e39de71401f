package main

import (
	"errors"
	"os"
	"regexp"
)

var toldMemory = regexp.MustCompile(`memory=\S+`)

// describe writes onto a device how much memory it has, as a driver that divides a device sets up the parts; a fault makes it the whole one's.
func (s settings) describe(device accelerator) error {
	told := device.memory()
	if !device.whole() && s.switches.on("partition_sees_whole_memory") {
		told = wholeMemory
	}
	file, err := os.OpenFile(device.hostPath(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	first := make([]byte, 512)
	_, err = file.ReadAt(first, 0)
	if err == nil {
		_, err = file.WriteAt(toldMemory.ReplaceAllLiteral(first, []byte("memory="+told)), 0)
	}
	return errors.Join(err, file.Close())
}

// partOf is what a container gets for a partition among these devices: itself, or the first one of the same device.
func (s settings) partOf(device accelerator, devices []accelerator) accelerator {
	if device.whole() || !s.switches.on("partitions_are_one_device") {
		return device
	}
	for _, other := range devices {
		if other.parent == device.parent {
			return other
		}
	}
	return device
}

// told is the version of the driver that is published.
func (s settings) told() string {
	if s.switches.on("advertised_version_differs") {
		return "2.0.0"
	}
	return version
}
