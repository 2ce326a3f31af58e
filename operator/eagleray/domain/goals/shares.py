"""Whole numbers in proportion: replicas and percentages shared out by weight."""

from collections.abc import Mapping


def apportion(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Share out `total` in proportion to `weights`, by largest remainders; ties go to those named first.

    Args:
        total: what is shared out.
        weights: by name, not negative and not all 0.

    Returns:
        Whole numbers that sum up to `total`; a weight of 0 gets 0.
    """
    whole = sum(weights.values())
    shares = {name: total * weight // whole for name, weight in weights.items()}
    remainders = sorted(weights, key=lambda name: total * weights[name] % whole, reverse=True)
    for name in remainders[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def replicas_by_weight(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Share out replicas: in proportion, but at least one each, unless there are to be none at all.

    Args:
        total: `spec.replicas`; where it is smaller than the number of versions each has one all the same.
        weights: by version, in percent.
    """
    if total == 0 or not weights:
        return dict.fromkeys(weights, 0)
    shares = apportion(total, weights if any(weights.values()) else dict.fromkeys(weights, 1))
    for name in [name for name, share in shares.items() if share == 0]:
        shares[name] = 1
        largest = max(shares, key=lambda n: shares[n])
        if sum(shares.values()) > total and shares[largest] > 1:
            shares[largest] -= 1
    return shares
