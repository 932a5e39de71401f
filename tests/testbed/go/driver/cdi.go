package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	cdiFolder = "/run/cdi"
	cdiKind   = driverName + "/claim"
)

// The CDI specification as far as the testbed needs it.
type cdiSpec struct {
	Version string      `json:"cdiVersion"`
	Kind    string      `json:"kind"`
	Devices []cdiDevice `json:"devices"`
}

type cdiDevice struct {
	Name  string   `json:"name"`
	Edits cdiEdits `json:"containerEdits"`
}

type cdiEdits struct {
	Environment []string  `json:"env,omitempty"`
	Nodes       []cdiNode `json:"deviceNodes,omitempty"`
}

type cdiNode struct {
	Path        string `json:"path"`
	HostPath    string `json:"hostPath"`
	Type        string `json:"type"`
	Major       int    `json:"major"`
	Minor       int    `json:"minor"`
	FileMode    int    `json:"fileMode"`
	Permissions string `json:"permissions"`
}

// cdiName makes one name for a device of a request of a claim; claims are told apart by UID, so no name is ever used twice.
func cdiName(claimUID, request string, device accelerator) string {
	return claimUID + "-" + strings.ReplaceAll(request, "/", "-") + "-" + device.name()
}

// editsFor says what a container gets for one device: the environment names what was allocated (all of the request, and the one), the nodes
// are what is really put in. Only faults make the two differ.
func editsFor(device accelerator, allocated, injected []accelerator, permissions string) cdiEdits {
	all := environmentName + "=" + uuids(allocated)
	one := fmt.Sprintf("%s_%d=%s", environmentName, device.index, device.uuid())
	edits := cdiEdits{Environment: []string{all, one}}
	for _, node := range injected {
		edits.Nodes = append(edits.Nodes, cdiNode{
			Path: node.containerPath(), HostPath: node.hostPath(), Type: "b",
			Major: loopMajor, Minor: node.index, FileMode: 0o666, Permissions: permissions,
		})
	}
	return edits
}

func cdiFile(claimUID string) string {
	return filepath.Join(cdiFolder, driverName+"-"+claimUID+".json")
}

func writeCDI(claimUID string, devices []cdiDevice) error {
	text, err := json.Marshal(cdiSpec{Version: "0.6.0", Kind: cdiKind, Devices: devices})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cdiFolder, 0o755); err != nil {
		return err
	}
	unfinished := cdiFile(claimUID) + ".unfinished"
	if err := os.WriteFile(unfinished, text, 0o644); err != nil {
		return err
	}
	return os.Rename(unfinished, cdiFile(claimUID))
}

func removeCDI(claimUID string) error {
	if err := os.Remove(cdiFile(claimUID)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
