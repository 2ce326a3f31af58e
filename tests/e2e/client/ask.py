"""Sends one request from inside the cluster: python ask.py METHOD URL [BODY]. Prints {"status", "headers", "body"}."""

import json
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 20


def main() -> None:
    """Run the command."""
    method, url, *body = sys.argv[1:]
    data = body[0].encode() if body else None
    headers = {"content-type": "application/json"} if body else {}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - the test's own URL
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        response = error
    with response:
        answer = {
            "status": response.status,
            "headers": {name.lower(): value for name, value in response.headers.items()},
            "body": response.read().decode(errors="replace"),
        }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
