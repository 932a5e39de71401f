package main

import (
	"context"
	"encoding/json"
	"log"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	hpaController = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
	poolLabel     = "testbed.dev/pool"
	karpenter     = "system:serviceaccount:kube-system:karpenter"
)

// object is a JSON object of which only a part is known.
type object = map[string]any

// patch is one operation of a JSON patch.
type patch struct {
	Operation string `json:"op"`
	Path      string `json:"path"`
	Value     any    `json:"value"`
}

// webhook changes what is written to the API while a fault is on, as a careless mutating webhook would.
type webhook struct {
	switches switches
	lock     sync.Mutex
	seen     map[types.UID]bool // ReplicaSets whose first pod has been let through
}

func runWebhook(ctx context.Context, s settings) error {
	server := &http.Server{
		Addr: s.address, Handler: &webhook{switches: s.switches, seen: map[types.UID]bool{}}, ReadHeaderTimeout: 10 * time.Second,
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServeTLS(s.certFile, s.keyFile); ctx.Err() == nil {
		return err
	}
	return nil
}

func (w *webhook) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(in.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(out, "want an AdmissionReview", http.StatusBadRequest)
		return
	}
	response := &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	patches, err := w.patches(review.Request)
	if err != nil {
		log.Printf("%s %s/%s: %v", review.Request.Resource.Resource, review.Request.Namespace, review.Request.Name, err)
	} else if len(patches) > 0 {
		kind := admissionv1.PatchTypeJSONPatch
		response.PatchType = &kind
		response.Patch, _ = json.Marshal(patches)
	}
	review.Request, review.Response = nil, response
	out.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(out).Encode(review)
}

func (w *webhook) patches(request *admissionv1.AdmissionRequest) ([]patch, error) {
	switch request.Resource.Resource {
	case "horizontalpodautoscalers":
		return w.autoscaler(request)
	case "deployments":
		return w.scale(request)
	case "nodes":
		return w.node(request)
	case "namespaces":
		return w.namespace(request)
	case "resourceclaims", "resourceclaimtemplates":
		return w.claim(request)
	case "pods":
		return w.pod(request)
	case "scaledobjects":
		return w.scaledObject(request)
	}
	return nil, nil
}

// scale turns back what the HPA controller wants.
func (w *webhook) scale(request *admissionv1.AdmissionRequest) ([]patch, error) {
	if request.UserInfo.Username != hpaController {
		return nil, nil
	}
	var old, wanted autoscalingv1.Scale
	if err := json.Unmarshal(request.OldObject.Raw, &old); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(request.Object.Raw, &wanted); err != nil {
		return nil, err
	}
	up := wanted.Spec.Replicas > old.Spec.Replicas && w.switches.on("hpa_never_scales_up")
	down := wanted.Spec.Replicas < old.Spec.Replicas && w.switches.on("hpa_never_scales_down")
	if up || down {
		return []patch{{"replace", "/spec/replicas", old.Spec.Replicas}}, nil
	}
	return nil, nil
}

// autoscaler makes the HPA controller say that it could read what it could not.
func (w *webhook) autoscaler(request *admissionv1.AdmissionRequest) ([]patch, error) {
	if !w.switches.on("unreadable_metric_looks_fine") {
		return nil, nil
	}
	var autoscaler autoscalingv2.HorizontalPodAutoscaler
	if err := json.Unmarshal(request.Object.Raw, &autoscaler); err != nil {
		return nil, err
	}
	conditions := autoscaler.Status.Conditions
	for n, condition := range conditions {
		if condition.Type == autoscalingv2.ScalingActive && condition.Status == corev1.ConditionFalse {
			conditions[n].Status, conditions[n].Reason = corev1.ConditionTrue, "ValidMetricFound"
			conditions[n].Message = "the HPA was able to successfully calculate a replica count"
			return []patch{{"replace", "/status/conditions", conditions}}, nil
		}
	}
	return nil, nil
}

func extended(name corev1.ResourceName) bool { return strings.Contains(string(name), "/") }

func without(list corev1.ResourceList) corev1.ResourceList {
	kept := corev1.ResourceList{}
	for name, quantity := range list {
		if !extended(name) {
			kept[name] = quantity
		}
	}
	return kept
}

// node takes the accelerators from a new node of the autoscaler, or the label of its pool, and the label again when it is put back.
func (w *webhook) node(request *admissionv1.AdmissionRequest) ([]patch, error) {
	if request.SubResource == "status" {
		return w.nodeStatus(request)
	}
	if request.UserInfo.Username != karpenter {
		return nil, nil
	}
	var old, node corev1.Node
	if err := json.Unmarshal(request.Object.Raw, &node); err != nil {
		return nil, err
	}
	if len(request.OldObject.Raw) > 0 {
		if err := json.Unmarshal(request.OldObject.Raw, &old); err != nil {
			return nil, err
		}
	}
	var patches []patch
	if _, labelled := old.Labels[poolLabel]; !labelled && w.switches.on("autoscaler_adds_other_label") {
		delete(node.Labels, poolLabel)
		patches = append(patches, patch{"replace", "/metadata/labels", node.Labels})
	}
	if old.Name == "" && w.switches.on("autoscaler_adds_wrong_node") {
		node.Status.Capacity, node.Status.Allocatable = without(node.Status.Capacity), without(node.Status.Allocatable)
		patches = append(patches, patch{"replace", "/status", node.Status})
	}
	return patches, nil
}

// nodeStatus keeps the number of shares that a node tells, whatever its kubelet counts.
func (w *webhook) nodeStatus(request *admissionv1.AdmissionRequest) ([]patch, error) {
	if !w.switches.on("share_beyond_the_limit") {
		return nil, nil
	}
	var old, node corev1.Node
	if err := json.Unmarshal(request.Object.Raw, &node); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(request.OldObject.Raw, &old); err != nil {
		return nil, err
	}
	if _, has := old.Status.Allocatable[sharedResource]; !has {
		return nil, nil
	}
	node.Status.Capacity[sharedResource] = old.Status.Capacity[sharedResource]
	node.Status.Allocatable[sharedResource] = old.Status.Allocatable[sharedResource]
	return []patch{{"replace", "/status/capacity", node.Status.Capacity}, {"replace", "/status/allocatable", node.Status.Allocatable}}, nil
}

// pod marks the pods of a gang for the container runtime. It lets a ReplicaSet's first pod through, and takes from the later ones all that
// leads to an accelerator.
func (w *webhook) pod(request *admissionv1.AdmissionRequest) ([]patch, error) {
	kept, off := w.switches.on("deleted_gang_keeps_its_devices"), w.switches.on("replicas_land_off_accelerators")
	lost := w.switches.on("extended_resource_not_served")
	if !kept && !off && !lost {
		return nil, nil
	}
	var pod corev1.Pod
	if err := json.Unmarshal(request.Object.Raw, &pod); err != nil {
		return nil, err
	}
	if lost && misspelt(pod) {
		return []patch{{"replace", "/spec", pod.Spec}}, nil
	}
	if kept && pod.Spec.SchedulingGroup != nil {
		annotations := map[string]string{"testbed.dev/gang": "true"}
		maps.Copy(annotations, pod.Annotations)
		return []patch{{"add", "/metadata/annotations", annotations}}, nil
	}
	if !off || len(pod.OwnerReferences) == 0 || pod.OwnerReferences[0].Kind != "ReplicaSet" || w.first(request, pod.OwnerReferences[0].UID) {
		return nil, nil
	}
	pod.Spec.NodeSelector, pod.Spec.Affinity, pod.Spec.ResourceClaims = nil, nil, nil
	for n := range pod.Spec.Containers {
		resources := &pod.Spec.Containers[n].Resources
		resources.Claims = nil
		resources.Limits, resources.Requests = without(resources.Limits), without(resources.Requests)
	}
	return []patch{{"replace", "/spec", pod.Spec}}, nil
}

// misspelt gives the extended resources that nobody but a DeviceClass knows another name, which none knows.
func misspelt(pod corev1.Pod) bool {
	changed := false
	for n := range pod.Spec.Containers {
		resources := &pod.Spec.Containers[n].Resources
		for _, list := range []corev1.ResourceList{resources.Limits, resources.Requests} {
			for name, amount := range list {
				if extended(name) && !strings.HasPrefix(string(name), "testbed.dev/") {
					delete(list, name)
					list["testbed.dev/unknown-to-all"] = amount
					changed = true
				}
			}
		}
	}
	return changed
}

func (w *webhook) first(request *admissionv1.AdmissionRequest, owner types.UID) bool {
	w.lock.Lock()
	defer w.lock.Unlock()
	known := w.seen[owner]
	if request.DryRun == nil || !*request.DryRun {
		w.seen[owner] = true
	}
	return !known
}

// scaledObject makes KEDA keep the first value of its metrics, or ask for one that never changes.
func (w *webhook) scaledObject(request *admissionv1.AdmissionRequest) ([]patch, error) {
	stale, constant := w.switches.on("adapter_serves_stale_values"), w.switches.on("hpa_scales_on_a_constant")
	if !stale && !constant {
		return nil, nil
	}
	var scaled struct {
		Spec object `json:"spec"`
	}
	if err := json.Unmarshal(request.Object.Raw, &scaled); err != nil {
		return nil, err
	}
	triggers, _ := scaled.Spec["triggers"].([]any)
	for _, item := range triggers {
		trigger, _ := item.(object)
		metadata, _ := trigger["metadata"].(object)
		if metadata == nil {
			continue
		}
		if stale {
			// Prometheus may not know the pods yet; no answer has to be a value that can be kept.
			metadata["ignoreNullValues"] = "true"
			trigger["useCachedMetrics"], scaled.Spec["pollingInterval"] = true, 86400
		}
		if constant {
			metadata["query"] = "vector(1000000)"
		}
	}
	return []patch{{"replace", "/spec", scaled.Spec}}, nil
}
