package main

import (
	"encoding/json"
	"hash/crc32"
	"maps"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
)

// claim takes from a claim, or from a template of claims, what the scheduler should heed, so that the cluster allocates as if it did not.
// What is only tried is left alone: the API server serves these fields.
func (w *webhook) claim(request *admissionv1.AdmissionRequest) ([]patch, error) {
	if request.DryRun != nil && *request.DryRun {
		return nil, nil
	}
	var written struct {
		Spec object `json:"spec"`
	}
	if err := json.Unmarshal(request.Object.Raw, &written); err != nil {
		return nil, err
	}
	spec := written.Spec
	if request.Resource.Resource == "resourceclaimtemplates" {
		spec, _ = spec["spec"].(object)
	}
	devices, _ := spec["devices"].(object)
	if devices == nil || !w.careless(devices, request.Name) {
		return nil, nil
	}
	return []patch{{"replace", "/spec", written.Spec}}, nil
}

// careless changes the wishes of the claim of this name while a fault is on, and says whether it did.
func (w *webhook) careless(devices object, name string) bool {
	changed := false
	if w.switches.on("constraint_ignored") {
		delete(devices, "constraints")
		changed = true
	}
	requests, _ := devices["requests"].([]any)
	for _, item := range requests {
		request, _ := item.(object)
		alternatives, _ := request["firstAvailable"].([]any)
		if len(alternatives) > 1 && w.switches.on("list_never_falls_back") {
			request["firstAvailable"] = alternatives[:1]
			changed = true
		}
		if crc32.ChecksumIEEE([]byte(name))>>3&1 == 1 && w.switches.on("alternatives_in_any_order") {
			slices.Reverse(alternatives)
			changed = true
		}
		for _, asked := range append(alternatives, request["exactly"]) {
			one, _ := asked.(object)
			if one == nil {
				continue
			}
			if w.switches.on("selector_ignored") {
				delete(one, "selectors")
				changed = true
			}
			if w.switches.on("taint_ignored") {
				one["tolerations"] = []any{object{"operator": "Exists"}}
				changed = true
			}
		}
	}
	return changed
}

// namespace labels every new namespace as one where claims may have admin access.
func (w *webhook) namespace(request *admissionv1.AdmissionRequest) ([]patch, error) {
	if !w.switches.on("admin_access_granted") {
		return nil, nil
	}
	var made corev1.Namespace
	if err := json.Unmarshal(request.Object.Raw, &made); err != nil {
		return nil, err
	}
	labels := map[string]string{resourceapi.DRAAdminNamespaceLabelKey: "true"}
	maps.Copy(labels, made.Labels)
	return []patch{{"add", "/metadata/labels", labels}}, nil
}
