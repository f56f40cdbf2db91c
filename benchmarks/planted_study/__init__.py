"""Whether zeta is true: it is measured where the truth is planted.

    python -m benchmarks.planted_study --seeds 5 --out FILE.csv
    python -m benchmarks.planted_study --summary FILE.csv

See docs/complementarity.md for the question, the set-up and what came out.
"""
