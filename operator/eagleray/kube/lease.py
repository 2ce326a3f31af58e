"""Leader election on a Lease, with client-go's rules (k8s.io/client-go/tools/leaderelection)."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from eagleray.kube.client import KubeClient
from eagleray.kube.errors import AlreadyExistsError, ConflictError, KubeError, NotFoundError
from eagleray.kube.kinds import LEASE, Manifest, Ref

log = structlog.get_logger(__name__)

_JITTER = 1.2


class LeaseLostError(Exception):
    """The Lease could not be renewed in time, or another process holds it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, with client-go's names and its defaults for core components.

    Attributes:
        lease_duration: others may take a Lease that was not renewed for this long.
        renew_deadline: the holder gives up after this long without success; less than lease_duration.
        retry_period: between two attempts.
    """

    lease_duration: float = 15
    renew_deadline: float = 10
    retry_period: float = 2


class Lease:
    """One process' hold on a Lease. Time runs on the event loop's clock.

    Whether another holder is alive is judged by when its record was last *seen to change* here, never by
    comparing the clocks of two machines.

    Args:
        client: the API server.
        ref: the Lease.
        identity: this process, unlike any other's.
        timing: how long.
        now: wall clock, for the record's timestamps that people read.
    """

    def __init__(
        self,
        client: KubeClient,
        ref: Ref,
        identity: str,
        *,
        timing: Timing | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._ref = ref
        self._identity = identity
        self._timing = timing or Timing()
        self._now = now
        self._observed: Manifest | None = None
        self._observed_at = 0.0

    @property
    def holder(self) -> str:
        """Identity of the last holder that was seen, "" for none."""
        return _holder(self._observed)

    async def acquire(self) -> None:
        """Wait until the Lease is held."""
        while not await self._attempt():
            spread = random.uniform(1, _JITTER)  # noqa: S311 - spreads load, hides nothing
            await asyncio.sleep(self._timing.retry_period * spread)

    async def hold(self) -> None:
        """Keep renewing the Lease that `acquire` took.

        Raises:
            LeaseLostError: the only way out.
        """
        while True:
            try:
                async with asyncio.timeout(self._timing.renew_deadline):
                    while not await self._attempt():
                        if self.holder not in {"", self._identity}:
                            raise LeaseLostError(f"{self._ref} is now held by {self.holder}")
                        await asyncio.sleep(self._timing.retry_period)
            except TimeoutError as e:
                raise LeaseLostError(f"{self._ref} was not renewed in {self._timing.renew_deadline:g} s") from e
            await asyncio.sleep(self._timing.retry_period)

    async def release(self) -> None:
        """Give the Lease up, so that a successor need not wait; does nothing where another holds it."""
        if self._observed is None or self.holder != self._identity:
            return
        record = self._record(self._observed, duration=1, holder="")
        try:
            async with asyncio.timeout(self._timing.retry_period):
                self._see(await self._client.replace(record))
        except (KubeError, TimeoutError) as e:
            log.warning("Lease not released; a successor waits for its end", lease=str(self._ref), error=str(e))

    async def _attempt(self) -> bool:
        """Take or renew the Lease once; False where another holds it or the API server failed."""
        try:
            lease = await self._client.get(self._ref)
        except NotFoundError:
            lease = None
        except KubeError as e:
            log.warning("Lease not read", lease=str(self._ref), error=str(e))
            return False
        if lease is not None:
            self._see(lease)
            if self._held_by_another():
                return False
        return await self._write(lease)

    async def _write(self, lease: Manifest | None) -> bool:
        record = self._record(lease, duration=self._timing.lease_duration, holder=self._identity)
        try:
            written = await (self._client.create(record) if lease is None else self._client.replace(record))
        except (ConflictError, AlreadyExistsError):
            return False
        except KubeError as e:
            log.warning("Lease not written", lease=str(self._ref), error=str(e))
            return False
        self._see(written)
        return True

    def _see(self, lease: Manifest) -> None:
        if self._observed is None or self._observed.get("spec") != lease.get("spec"):
            self._observed_at = asyncio.get_running_loop().time()
        self._observed = lease

    def _held_by_another(self) -> bool:
        if self.holder in {"", self._identity}:
            return False
        age = asyncio.get_running_loop().time() - self._observed_at
        return age < self._timing.lease_duration

    def _record(self, lease: Manifest | None, *, duration: float, holder: str) -> Manifest:
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = (lease or {}).get("spec", {})
        same = _holder(lease) == self._identity
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": (lease or {}).get("metadata", {"name": self._ref.name, "namespace": self._ref.namespace}),
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": int(duration),
                "acquireTime": old.get("acquireTime", now) if same else now,
                "renewTime": now,
                "leaseTransitions": old.get("leaseTransitions", 0) + (0 if same or lease is None else 1),
            },
        }


def _holder(lease: Manifest | None) -> str:
    return ((lease or {}).get("spec", {}).get("holderIdentity")) or ""
