// Command runc-wrapper stands between containerd and runc. While a fault of the container runtime is on, it edits the container's
// configuration the way a broken or careless runtime would have written it; then runc goes on with it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	runc = "/usr/sbin/runc"
	// One empty file for each container of a gang, named by its id.
	gangFolder = "/run/testbed/gangs"
)

// bundleOf finds the folder of the container in the arguments of `runc … create --bundle FOLDER … ID`; empty for other commands.
func bundleOf(arguments []string) string {
	if !slices.Contains(arguments, "create") {
		return ""
	}
	at := slices.Index(arguments, "--bundle")
	if at < 0 || at+1 >= len(arguments) {
		return ""
	}
	return arguments[at+1]
}

// holdBack lets a signal to a container of a gang wait for as long as the fault is on: the container lives and keeps its devices.
func holdBack(arguments []string) {
	inGang := slices.ContainsFunc(arguments, func(argument string) bool {
		_, err := os.Stat(filepath.Join(gangFolder, filepath.Base(argument)))
		return err == nil && filepath.Base(argument) != "."
	})
	for inGang && isOn("deleted_gang_keeps_its_devices") {
		time.Sleep(100 * time.Millisecond)
	}
}

func main() {
	if bundle := bundleOf(os.Args[1:]); bundle != "" {
		if err := tamper(filepath.Join(bundle, "config.json"), os.Args[len(os.Args)-1]); err != nil {
			fmt.Fprintln(os.Stderr, "runc-wrapper:", err)
			os.Exit(1)
		}
	}
	if slices.Contains(os.Args[1:], "kill") {
		holdBack(os.Args[1:])
	}
	err := syscall.Exec(runc, append([]string{runc}, os.Args[1:]...), os.Environ())
	fmt.Fprintln(os.Stderr, "runc-wrapper: cannot run", runc, err)
	os.Exit(1)
}
