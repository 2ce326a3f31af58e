"""Reads of what tests look at while they wait, over a connection that stays open.

kubectl starts anew for each look, which takes a tenth of a second of a processor; who waits looks twice a second.
"""

import atexit
import base64
import ssl
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml

PATHS = {
    "modeldeployment": "/apis/eagleray.dev/v1alpha1/namespaces/{namespace}/modeldeployments",
    "modeldeployments": "/apis/eagleray.dev/v1alpha1/namespaces/{namespace}/modeldeployments",
    "pod": "/api/v1/namespaces/{namespace}/pods",
    "pods": "/api/v1/namespaces/{namespace}/pods",
}
TIMEOUT_SECONDS = 30.0


@cache
def connection(kubeconfig: Path) -> httpx.Client:
    """The connection to the API server that a kubeconfig with certificates names."""
    config = yaml.safe_load(kubeconfig.read_text())
    server, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    trusted = base64.b64decode(server["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=trusted)
    with tempfile.NamedTemporaryFile() as file:
        for key in ("client-certificate-data", "client-key-data"):
            file.write(base64.b64decode(user[key]) + b"\n")
        file.flush()
        context.load_cert_chain(file.name)
    transport = httpx.HTTPTransport(verify=context, retries=2)
    client = httpx.Client(base_url=server["server"], transport=transport, timeout=TIMEOUT_SECONDS, trust_env=False)
    atexit.register(client.close)
    return client


def read(client: httpx.Client, kind: str, namespace: str, name: str = "", selector: str = "") -> Any:
    """An object, or a list where none is named; None where there is no such object.

    Raises:
        httpx.HTTPError: the API server does not answer, or refuses.
    """
    path = "/".join(filter(None, (PATHS[kind].format(namespace=namespace), name)))
    answer = client.get(path, params={"labelSelector": selector} if selector else {})
    if name and answer.status_code == 404 and '"NotFound"' in answer.text:
        return None
    return answer.raise_for_status().json()
