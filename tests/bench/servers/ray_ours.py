"""Our model server under Ray Serve. python ray_ours.py FRAMEWORK FOLDER PORT: until it is ended.

The port is that of Serve's proxy. The replica listens itself, where the environment tells it.
"""

import sys
import threading

import ray
from ray import serve

from eagleray_serving.app import build

BATCHING = {"maxSize": 1024, "maxWaitSeconds": 0.01}

if __name__ == "__main__":
    framework, folder, port = sys.argv[1:]
    ray.init(include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
    serve.run(build({"framework": framework, "name": "m", "path": folder, "batching": BATCHING}), route_prefix="/")
    threading.Event().wait()
