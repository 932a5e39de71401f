// Command runc-wrapper stands between containerd and runc. While a fault of the container runtime is on, it edits the container's
// configuration the way a broken or careless runtime would have written it; then runc goes on with it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

const runc = "/usr/sbin/runc"

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

func main() {
	if bundle := bundleOf(os.Args[1:]); bundle != "" {
		if err := tamper(filepath.Join(bundle, "config.json")); err != nil {
			fmt.Fprintln(os.Stderr, "runc-wrapper:", err)
			os.Exit(1)
		}
	}
	err := syscall.Exec(runc, append([]string{runc}, os.Args[1:]...), os.Environ())
	fmt.Fprintln(os.Stderr, "runc-wrapper: cannot run", runc, err)
	os.Exit(1)
}
