// Command driver is everything of the testbed's accelerators that speaks to Kubernetes: the DRA driver, the device plugin, and the rogue
// allocator and the webhook that break the rules on purpose. The first argument names the part.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// settings is what every part is told on its command line.
type settings struct {
	node       string
	kubeconfig string
	devices    []accelerator // the devices this part hands out
	all        []accelerator // all devices of the node: what a fault may give away
	switches   switches
	address    string // where the webhook listens, and the files of its certificate
	certFile   string
	keyFile    string
}

var parts = map[string]func(context.Context, settings) error{
	"dra":           runDRA,
	"device-plugin": runDevicePlugin,
	"rogue":         runRogue,
	"webhook":       runWebhook,
}

func parseDevices(list string) ([]accelerator, error) {
	var found []accelerator
	for _, word := range strings.Split(list, ",") {
		if word == "" {
			continue
		}
		index, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("device list %q: want numbers with commas between them: %w", list, err)
		}
		found = append(found, accelerator{index: index})
	}
	return found, nil
}

func parseSettings(arguments []string) (settings, error) {
	var s settings
	var devices, all string
	flags := flag.NewFlagSet("driver", flag.ExitOnError)
	flags.StringVar(&s.node, "node", "", "name of the node this part serves")
	flags.StringVar(&s.kubeconfig, "kubeconfig", "", "how to reach the API server")
	flags.StringVar(&devices, "devices", "", "numbers of the devices handed out, with commas")
	flags.StringVar(&all, "all-devices", "", "numbers of all devices of the node, with commas")
	flags.StringVar((*string)(&s.switches), "switches", "/run/testbed/switches", "folder of the fault switches")
	flags.StringVar(&s.address, "address", "", "HOST:PORT where the webhook listens")
	flags.StringVar(&s.certFile, "certificate", "", "file of the webhook's certificate")
	flags.StringVar(&s.keyFile, "key", "", "file of the webhook's key")
	if err := flags.Parse(arguments); err != nil {
		return s, err
	}
	var err error
	if s.devices, err = parseDevices(devices); err != nil {
		return s, err
	}
	s.all, err = parseDevices(all)
	return s, err
}

func (s settings) client() (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

func run(arguments []string) error {
	if len(arguments) < 2 || parts[arguments[1]] == nil {
		return fmt.Errorf("arguments %q: want dra, device-plugin, rogue or webhook first", arguments[1:])
	}
	s, err := parseSettings(arguments[2:])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return parts[arguments[1]](ctx, s)
}

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
