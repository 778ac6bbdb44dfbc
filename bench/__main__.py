"""`make bench NAMES="a b" SIZE=S|M|L JSON=file`: what the portal takes beside what the database alone would take.

Each benchmark is run five times, alternately with its limit; the medians are compared. One JSON object a line.
"""

import argparse
import json
import sys
from pathlib import Path

from bench import data
from bench.sizes import SIZES

NAMES = ("expiry-sweep", "pages", "policy-decision", "policy-replay", "request-flow")


def main() -> None:
    """Run the benchmarks named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--size", choices=sorted(SIZES), default="S")
    parser.add_argument("--json", type=Path, help="where the results go as well, a line each")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(NAMES)):
        parser.error(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}.")
    with data.server() as server:
        for name in options.names or NAMES:
            result = json.dumps(data.measured(server, name, options.size))
            sys.stdout.write(f"{result}\n")
            if options.json:
                with options.json.open("a", encoding="utf-8") as file:
                    file.write(f"{result}\n")


if __name__ == "__main__":
    main()
