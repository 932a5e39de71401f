"""One container's folder: its root, its devices, its shim, its command and environment."""

import json
import re
import sys
from pathlib import Path

from conformance.simulator.devices import CLOSED, DeviceNode, Injection
from conformance.simulator.objects import Obj, dig, name_of
from conformance.simulator.runtime import volumes
from conformance.simulator.runtime.process import Launch

NOBODY = 65534
"""The one user besides root that images know; its group has the same number."""
_KERNEL = Path(__file__).with_name("kernel") / "sitecustomize.py"
_ROOTS = ("dev", "tmp", "opt", "run", "var", "home", "mnt", "root", "srv", "etc")
_SYSTEM = ("usr", "bin", "sbin", "lib", "lib64", "proc", "sys")
_HARMLESS = ("null", "zero", "full", "random", "urandom", "tty")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PYTHON = re.compile(r"(?:.*/)?python(3(\.\d+)?)?")


class ConfigError(Exception):
    """The container cannot be made from what its pod says (CreateContainerConfigError)."""


class Container:
    """Everything of a container that is on disk."""

    def __init__(
        self,
        pod: Obj,
        container: Obj,
        folder: Path,
        injection: Injection,
        devices: tuple[DeviceNode, ...],
        files: dict[str, str],
        address: str = "",
    ) -> None:
        self._pod, self._container, self._injection = pod, container, injection
        self._devices, self._files, self._address = devices, files, address
        self._folder = folder / container["name"]
        self._root = self._folder / "root"
        self._volumes = folder / "volumes"

    @property
    def identity(self) -> tuple[int, int, list[int]]:
        """User, group and supplemental groups of the container."""
        of_pod = self._pod["spec"].get("securityContext") or {}
        own = {**of_pod, **(self._container.get("securityContext") or {})}
        user = own.get("runAsUser", 0)
        group = own.get("runAsGroup", NOBODY if user == NOBODY else 0)
        extra = [*(of_pod.get("supplementalGroups") or ())]
        extra += [of_pod["fsGroup"]] if "fsGroup" in of_pod else []
        return user, group, sorted({group, *extra})

    def prepare(self) -> None:
        """Make the folders, the device nodes and the shim's table."""
        for name in _ROOTS:
            (self._root / name).mkdir(parents=True, exist_ok=True)
        for name in _SYSTEM:
            self._link(self._root / name, Path("/") / name)
        for name in _HARMLESS:
            self._link(self._root / "dev" / name, Path("/dev") / name)
        for mount in self._container.get("volumeMounts") or ():
            source = self._volumes / mount["name"]
            self._link(self._local(mount["mountPath"]), source / mount["subPath"] if mount.get("subPath") else source)
        for path, device in self._injection.nodes:
            local = self._local(path)
            local.parent.mkdir(parents=True, exist_ok=True)
            local.write_text(device.content)
        kernel = self._folder / "kernel"
        kernel.mkdir(exist_ok=True)
        for n, text in enumerate(self._files.values()):
            (kernel / f"file-{n}").write_text(text)
        (kernel / "kernel.json").write_text(json.dumps(self._table()))
        self._link(kernel / "sitecustomize.py", _KERNEL)

    def _local(self, path: str) -> Path:
        return Path(self._root, path.strip("/"))

    def _link(self, place: Path, target: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink() and not place.exists():
            place.symlink_to(target)

    def _table(self) -> Obj:
        user, group, groups = self.identity
        capabilities = dig(self._container, "securityContext", "capabilities", default={})
        dropped = {str(name).upper() for name in capabilities.get("drop") or ()}
        added = {str(name).upper() for name in capabilities.get("add") or ()}
        mknod = "MKNOD" in added or "ALL" in added or not dropped & {"ALL", "MKNOD"}
        mounts = {
            mount["mountPath"].strip("/").partition("/")[0] for mount in self._container.get("volumeMounts") or ()
        }
        return {
            "root": str(self._root),
            "base": str(self._folder.parent),
            "prefixes": sorted({*_ROOTS, *mounts} - set(_SYSTEM)),
            "files": {path: str(self._folder / "kernel" / f"file-{n}") for n, path in enumerate(self._files)},
            "nodes": {path: device.number for path, device in self._injection.nodes},
            "allowed": [device.number for device in self._injection.allowed],
            "closed": CLOSED,
            "allow_all": self._injection.allow_all or bool(dig(self._container, "securityContext", "privileged")),
            "contents": {f"{one.major}:{one.minor}": one.content for one in self._devices},
            "opens": self._injection.opens,
            "read_only": self._injection.read_only,
            "identity": {"user": user, "group": group, "groups": groups},
            "mknod": user == 0 and mknod,
        }

    def launch(self, find: volumes.Find, image_command: tuple[str, ...]) -> Launch:
        """The command and environment; ``ConfigError`` where the environment cannot be made."""
        spec = self._container
        return self._program([*(spec.get("command") or image_command), *(spec.get("args") or ())], find)

    def beside(self, find: volumes.Find, command: list[str]) -> Launch:
        """Another command in the same container, such as a probe's."""
        return self._program(command, find)

    def _program(self, command: list[str], find: volumes.Find) -> Launch:
        spec, environment = self._container, self._environment(find)
        if not command:
            raise ConfigError("no command specified")
        words = [self._expand(word, environment) for word in command]
        if _PYTHON.fullmatch(words[0]):
            words[0] = str(Path(sys.executable).resolve())
        workdir = self._local(spec["workingDir"]) if spec.get("workingDir") else self._root
        workdir.mkdir(parents=True, exist_ok=True)
        return Launch(tuple(words), {**environment, "PYTHONPATH": str(self._folder / "kernel")}, workdir)

    def _expand(self, word: str, environment: dict[str, str]) -> str:
        """A word of the command with ``$(NAME)`` filled in and mounted paths as they are here."""
        word = re.sub(r"\$\((\w+)\)", lambda found: environment.get(found[1], found[0]), word)
        for mount in self._container.get("volumeMounts") or ():
            path = mount["mountPath"].rstrip("/")
            local = str(self._local(path)).replace("\\", r"\\")
            word = re.sub(rf"(?<![\w./-]){re.escape(path)}(?=/|$|[\s\"';|&)])", local, word)
        return word

    def _environment(self, find: volumes.Find) -> dict[str, str]:
        values = {"PATH": _PATH, "HOSTNAME": name_of(self._pod), "HOME": "/root" if self.identity[0] == 0 else "/"}
        for source in self._container.get("envFrom") or ():
            for kind, resource in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
                if kind in source:
                    data = self._data(find, resource, source[kind])
                    values.update({source.get("prefix", "") + key: value for key, value in data.items()})
        for env in self._container.get("env") or ():
            origin = env.get("valueFrom")
            value = self._value(find, origin) if origin else env.get("value", "")
            if value is not None:
                values[env["name"]] = re.sub(r"\$\((\w+)\)", lambda found: values.get(found[1], found[0]), value)
        return {**values, **dict(self._injection.environment)}

    def _data(self, find: volumes.Find, resource: str, reference: Obj) -> dict[str, str]:
        found = find(resource, self._pod["metadata"]["namespace"], reference.get("name", ""))
        if found is None and not reference.get("optional"):
            raise ConfigError(f'{resource.removesuffix("s")} "{reference.get("name")}" not found')
        return dict((found or {}).get("data") or {})

    def _value(self, find: volumes.Find, origin: Obj) -> str | None:
        if "fieldRef" in origin:
            return volumes.field(self._pod, origin["fieldRef"]["fieldPath"], host="127.0.0.1", address=self._address)
        if "resourceFieldRef" in origin:
            side, _, name = origin["resourceFieldRef"]["resource"].partition(".")
            return str(dig(self._container, "resources", side, name, default="0"))
        for kind, resource in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
            if kind in origin:
                data = self._data(find, resource, origin[kind])
                if origin[kind]["key"] not in data and not origin[kind].get("optional"):
                    words = f"couldn't find key {origin[kind]['key']} in {resource} {origin[kind].get('name')}"
                    raise ConfigError(words)
                return data.get(origin[kind]["key"])
        return ""
