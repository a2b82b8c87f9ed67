"""The files of ``deploy``: read by the programs that they are for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from routing_engine.server.settings import Settings

DEPLOY = Path(__file__).parents[1] / "deploy"
METRICS_PORT = Settings.model_fields["metrics_port"].default
PORT = Settings.model_fields["port"].default


def manifests():
    text = (DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def test_every_manifest_is_of_its_schema():
    kubernetes_validate = pytest.importorskip(
        "kubernetes_validate", reason="has the schemas of Kubernetes"
    )
    found = manifests()
    assert set(found) == {"Deployment", "Service", "PodDisruptionBudget", "Ingress"}
    for manifest in found.values():
        kubernetes_validate.validate(manifest, "1.31", strict=True)
    broken = found["Deployment"]
    broken["spec"]["template"]["spec"]["containers"][0]["readinessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.31", strict=True)


def test_the_manifests_name_ports_labels_and_settings_that_there_are():
    found = manifests()
    pod = found["Deployment"]["spec"]["template"]
    (server,) = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in server["ports"]}
    assert ports == {"http": PORT, "metrics": METRICS_PORT}
    names = {one["name"].removeprefix("ROUTING_ENGINE_").lower() for one in server["env"]}
    assert names <= set(Settings.model_fields)
    probes = {server[name]["httpGet"]["port"] for name in server if name.endswith("Probe")}
    assert probes == {"metrics"}
    assert pod["metadata"]["labels"] == found["Service"]["spec"]["selector"]
    shutdown_s = Settings.model_fields["shutdown_s"].default
    assert pod["spec"]["terminationGracePeriodSeconds"] > shutdown_s + 5


def test_haproxy_takes_its_configuration(tmp_path):
    if shutil.which("haproxy") is None:
        pytest.skip("no haproxy")
    text = (DEPLOY / "haproxy.cfg").read_text(encoding="utf-8")
    assert set(re.findall(r"server node\d node\d:(\d+)", text)) == {str(PORT)}
    assert set(re.findall(r" port (\d+)", text)) == {str(METRICS_PORT)}
    # No name has to resolve for the syntax.
    config = tmp_path / "haproxy.cfg"
    config.write_text(re.sub(r" node\d:", " 127.0.0.1:", text), encoding="utf-8")
    done = subprocess.run(
        ["haproxy", "-c", "-f", config], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
