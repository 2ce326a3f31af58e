import base64

import pytest

from eagleray.kube.errors import InvalidError, NotFoundError
from eagleray.kube.kinds import SECRET, Manifest, Ref
from eagleray.kube.token_key import SECRET_NAME, ensure_token_key
from fakes.kube import FakeKube

REF = Ref(SECRET, "system", SECRET_NAME)


def secret(key: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET_NAME, "namespace": "system"},
        "data": {"key": key},
    }


async def test_the_first_start_makes_a_key_and_the_next_one_keeps_it() -> None:
    kube = FakeKube()
    first = await ensure_token_key(kube, "system")
    assert len(first) == 32
    assert await ensure_token_key(kube, "system") == first
    assert [verb for verb, _ in kube.writes] == ["create"]


async def test_the_loser_of_a_race_takes_the_winners_key() -> None:
    key = b"k" * 32
    kube = FakeKube(secret(base64.b64encode(key).decode()))
    kube.fail["get"] = [NotFoundError("not yet")]
    assert await ensure_token_key(kube, "system") == key


@pytest.mark.parametrize("key", ["", "not base64!", base64.b64encode(b"short").decode()])
async def test_a_secret_without_a_usable_key_is_said(key: str) -> None:
    with pytest.raises(InvalidError, match=r"data\.key must be at least 32 bytes"):
        await ensure_token_key(FakeKube(secret(key)), "system")
