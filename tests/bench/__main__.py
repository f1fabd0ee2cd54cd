"""`make bench`: every measurement, one table after the other; `--quick` takes small scans, names choose parts."""

import sys
from collections.abc import Callable

from tests.bench import batches
from tests.bench.generation import bench_generation
from tests.bench.hosts import bench_hosts
from tests.bench.scans import QUICK_SIZES, SIZES, bench_scans
from tests.bench.soak import bench_soak


def main(arguments: list[str]) -> None:
    """Run the named parts, or all of them."""
    is_quick = "--quick" in arguments
    parts: dict[str, Callable[[], None]] = {
        "generation": bench_generation,
        "hosts": bench_hosts,
        "scans": lambda: bench_scans(QUICK_SIZES if is_quick else SIZES),
        "batches": lambda: batches.bench_batches(batches.QUICK_SIZES if is_quick else batches.SIZES),
        "soak": bench_soak,
    }
    names = [argument for argument in arguments if argument != "--quick"]
    unknown = [name for name in names if name not in parts]
    if unknown:
        sys.exit(f"there is no part {', '.join(unknown)}; there are: {', '.join(parts)}")
    for name in names or parts:
        parts[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
