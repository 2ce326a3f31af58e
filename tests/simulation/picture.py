"""The picture: for each pattern what was needed, and what each autoscaler had, as a small SVG."""

from collections.abc import Mapping, Sequence

from simulation.model import Outcome

WIDTH, HEIGHT, LEFT, GAP = 860, 120, 90, 26
POINTS = 240
COLOURS = ("#0b7285", "#66d9e8", "#e8590c", "#862e9c", "#2b8a3e")


def draw(needed: Mapping[str, Sequence[float]], outcomes: Mapping[str, Mapping[str, Outcome]]) -> str:
    """Draw one row for each pattern.

    Args:
        needed: by pattern, replicas that the requests of each second are meant for.
        outcomes: by pattern and autoscaler, what came of it.
    """
    names = list(next(iter(outcomes.values())))
    rows = [_legend(names)]
    for row, (pattern, found) in enumerate(outcomes.items()):
        top = GAP * 2 + row * (HEIGHT + GAP)
        most = max(*needed[pattern], *(max(o.wanted) for o in found.values()))
        rows.append(f'<text x="4" y="{top + HEIGHT / 2:.0f}" font-size="13">{pattern}</text>')
        rows.append(f'<text x="{LEFT - 6}" y="{top + 10}" font-size="10" text-anchor="end">{most:.0f}</text>')
        rows.append(f'<path d="{_line(needed[pattern], most, top)} V{top + HEIGHT} H{LEFT} Z" fill="#dee2e6"/>')
        for colour, outcome in zip(COLOURS, found.values(), strict=True):
            rows.append(
                f'<path d="{_line(outcome.wanted, most, top)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
            )
    height = GAP * 2 + len(outcomes) * (HEIGHT + GAP)
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    style = 'font-family="sans-serif" style="background:#fff"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n' + "\n".join(rows) + "\n</svg>\n"


def _legend(names: Sequence[str]) -> str:
    parts = [f'<text x="{LEFT}" y="18" font-size="12" fill="#868e96">grey: needed</text>']
    for place, (name, colour) in enumerate(zip(names, COLOURS, strict=True)):
        parts.append(f'<text x="{LEFT + 100 + 140 * place}" y="18" font-size="12" fill="{colour}">{name}</text>')
    return "".join(parts)


def _line(values: Sequence[float], most: float, top: int) -> str:
    """A line of `POINTS`, each the mean of what lies between it and the next."""
    step = max(1, len(values) // POINTS)
    means = [sum(part) / len(part) for i in range(0, len(values), step) if (part := values[i : i + step])]
    across = (WIDTH - LEFT - 6) / max(1, len(means) - 1)
    points = [f"{LEFT + i * across:.1f},{top + HEIGHT * (1 - mean / most):.1f}" for i, mean in enumerate(means)]
    return "M" + " L".join(points)
