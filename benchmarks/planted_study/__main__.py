"""The command line of the planted study."""

import argparse
import os
import pathlib

from benchmarks.planted_study import records

CELLS = ("3-0", "2-1", "1-1", "1-2", "0-3", "2-2", "3-1")


def main():
    """Trains what is missing in a file, or summarizes files."""
    options = _options()
    if options.summary:
        from benchmarks.planted_study import summary

        print(summary.table([row for path in options.summary for row in _read(path)]))
    else:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        _train(options)


def _options():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.planted_study", description=__doc__
    )
    parser.add_argument("--summary", nargs="+", type=pathlib.Path, metavar="FILE.csv")
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE.csv")
    parser.add_argument("--cells", default=",".join(CELLS), help="with commas between")
    parser.add_argument("--seeds", type=int, default=5, help="how many of each cell")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    if not (options.summary or options.out):
        parser.error("give --out to train or --summary to read")
    if wrong := [each for each in options.set if "=" not in each]:
        parser.error(f"--set takes NAME=VALUE. Received: {wrong[0]}")
    return options


def _read(path):
    if not path.exists():
        raise SystemExit(f"{path} is not there.")
    return records.read(path)


def _train(options):
    settings = dict(sorted(each.split("=", 1) for each in options.set))
    text = " ".join(f"{name}={value}" for name, value in settings.items())
    done = {records.key(row) for row in records.read(options.out)}
    # Every cell gets its first seed before any gets its second.
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for cell in options.cells.split(","):
            if (cell, seed, text) not in done:
                _train_one(cell, seed, settings, text, options.out)


def _train_one(cell, seed, settings, on_progress, path):
    import keras

    from benchmarks.planted_study import trial

    row = trial.run(cell, seed, settings)
    backend = keras.config.backend()
    records.append(path, {**row, "settings": on_progress, "backend": backend})
    keras.backend.clear_session()
    print(
        f"{cell} seed {seed} {on_progress}: accuracy {row['accuracy']:.3f}, "
        f"zeta {row['zeta']:.2f} for {row['planted_zeta']}, {row['seconds']:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
