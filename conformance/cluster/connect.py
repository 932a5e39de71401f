"""From a kubeconfig, or from inside a pod, to an API server that knows us; every way to fail is one line with its cure."""

import os
from pathlib import Path

import urllib3
import yaml
from kubernetes import config
from kubernetes.client import ApiClient, Configuration

from conformance.cluster import errors
from conformance.cluster.api import Api
from conformance.cluster.transport import Transport
from conformance.errors import ClusterError, ConfigurationError

IN_CLUSTER = "in-cluster"


def connect(kubeconfig: str | None = None, context: str | None = None, *, agent: str = "kube-ai-conformance") -> Api:
    """Connect by ``kubeconfig``, else $KUBECONFIG, else ~/.kube/config, else the service account of the pod.

    Raises ``ConfigurationError`` (exit 2) for a file that cannot be used and ``ClusterError`` (exit 3) for a server that
    cannot be reached or does not know us.
    """
    configuration, name = _configuration(kubeconfig, context)
    client = ApiClient(configuration)
    api = Api(Transport(client, agent), name)
    try:
        _first_words(api)
    except ClusterError:
        client.rest_client.pool_manager.clear()
        raise
    return api


def _configuration(kubeconfig: str | None, context: str | None) -> tuple[Configuration, str]:
    configuration = Configuration()
    file = kubeconfig or os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    given = bool(kubeconfig or os.environ.get("KUBECONFIG") or context)
    if not given and not Path(file).is_file() and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return _in_cluster(configuration), IN_CLUSTER
    _readable(file)
    try:
        contexts, current = config.list_kube_config_contexts(config_file=file)
        names = [str(entry["name"]) for entry in contexts]
        if context and context not in names:
            raise ConfigurationError(f"{file}: no context {context!r}; it has {', '.join(names) or 'none'}")
        config.load_kube_config(file, context=context, client_configuration=configuration, persist_config=False)
    except (config.ConfigException, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise ConfigurationError(f"{file}: not a usable kubeconfig: {_line(error)}") from error
    return configuration, context or str((current or {}).get("name", ""))


def _in_cluster(configuration: Configuration) -> Configuration:
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException as error:
        raise ConfigurationError(f"the pod's service account cannot be used: {_line(error)}") from error
    return configuration


def _readable(file: str) -> None:
    for part in file.split(os.pathsep):
        if not part:
            continue
        try:
            with Path(part).open("rb") as stream:
                stream.read(1)
        except OSError as error:
            cure = "name one with --kubeconfig, or try `ai-conformance demo` without a cluster"
            raise ConfigurationError(f"kubeconfig {part} cannot be read ({error.strerror}); {cure}") from error


def _first_words(api: Api) -> None:
    """Ask who we are, before anything is created; a 403 is an answer of a server that knows us."""
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    review |= {"spec": {"resourceAttributes": {"verb": "get", "resource": "namespaces"}}}  # type: ignore[dict-item]
    try:
        api.version()
        api.ask("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    except errors.Unauthorized as error:
        raise ClusterError(
            f"{api.server} does not accept our credentials (401); renew the token or log in again"
        ) from error
    except errors.Forbidden:
        return
    except (errors.ApiError, urllib3.exceptions.LocationValueError) as error:
        raise ClusterError(f"{api.server} is not reachable as a Kubernetes API server: {_line(error)}") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
