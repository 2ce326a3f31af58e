"""Waits for the first right answer of a model that is just starting, and prints when what happened.

python first_answer.py URL BODY EXPECTED [REST APPLICATIONS]

With REST, the address of a Ray head's dashboard, APPLICATIONS is PUT there as soon as it answers. Prints a JSON object:
for each step the time at which it was over, in seconds since the epoch.
"""

import json
import sys
import time
import urllib.error
import urllib.request

POLL_SECONDS = 0.05
LIMIT_SECONDS = 180.0
# The PUT returns when Serve's controller and its proxy run.
PUT_SECONDS = 90.0


def send(method: str, url: str, body: str | None, timeout: float) -> str | None:
    """The body of a 200, or None."""
    data = body.encode() if body is not None else None
    headers = {"content-type": "application/json", "user-agent": "eagleray-bench"}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - http, ours
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310
            text: str = response.read().decode()
            return text if response.status == 200 else None
    except OSError:
        # Refused, unknown host, 404, 503, too slow: it is still starting.
        return None


def until(method: str, url: str, body: str | None, expected: object = None, timeout: float = 2.0) -> float:
    """Ask until the answer is right; the time at which it was."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        text = send(method, url, body, timeout)
        if text is not None and (expected is None or json.loads(text) == expected):
            return time.time()
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"{url} gave no right answer within {LIMIT_SECONDS:.0f} s")


def main() -> None:
    """Run the command."""
    url, body, expected, *rest = sys.argv[1:]
    steps: dict[str, float] = {}
    if rest:
        applications = f"{rest[0]}/api/serve/applications/"
        steps["dashboard answers"] = until("GET", applications, None)
        steps["application is accepted"] = until("PUT", applications, rest[1], timeout=PUT_SECONDS)
    steps["first right answer"] = until("POST", url, body, json.loads(expected))
    sys.stdout.write(json.dumps(steps) + "\n")


if __name__ == "__main__":
    main()
