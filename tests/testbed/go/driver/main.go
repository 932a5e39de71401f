// Command driver is everything of the testbed's accelerators that speaks to Kubernetes: the DRA driver, the device plugin, and the rogue
// allocator and the webhook that break the rules on purpose. The first argument names the part.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
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
	shared     []accelerator // devices of which the device plugin hands out replicas
	parts      []accelerator // partitions that the device plugin hands out
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
		device, err := parseDevice(word)
		if err != nil {
			return nil, fmt.Errorf("device list %q: want words such as 4, 9/8 and 11* with commas between them: %w", list, err)
		}
		found = append(found, device)
	}
	return found, nil
}

func parseSettings(arguments []string) (settings, error) {
	var s settings
	var devices, shared, parts, all string
	flags := flag.NewFlagSet("driver", flag.ExitOnError)
	flags.StringVar(&s.node, "node", "", "name of the node this part serves")
	flags.StringVar(&s.kubeconfig, "kubeconfig", "", "how to reach the API server")
	flags.StringVar(&devices, "devices", "", "devices handed out, with commas: 4, partition 9/8, 11* for several requests")
	flags.StringVar(&shared, "shared", "", "devices of which the device plugin hands out replicas")
	flags.StringVar(&parts, "parts", "", "partitions that the device plugin hands out")
	flags.StringVar(&all, "all-devices", "", "numbers of all devices of the node, with commas")
	flags.StringVar((*string)(&s.switches), "switches", "/run/testbed/switches", "folder of the fault switches")
	flags.StringVar(&s.address, "address", "", "HOST:PORT where the webhook listens")
	flags.StringVar(&s.certFile, "certificate", "", "file of the webhook's certificate")
	flags.StringVar(&s.keyFile, "key", "", "file of the webhook's key")
	if err := flags.Parse(arguments); err != nil {
		return s, err
	}
	var err error
	for _, list := range []struct {
		words string
		into  *[]accelerator
	}{{devices, &s.devices}, {shared, &s.shared}, {parts, &s.parts}, {all, &s.all}} {
		if *list.into, err = parseDevices(list.words); err != nil {
			return s, err
		}
	}
	return s, nil
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
