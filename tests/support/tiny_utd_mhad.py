"""A tiny UTD-MHAD in the official format: three actions of all subjects."""

import numpy as np
import scipy.io


def write_utd_mhad(root, actions=(1, 2, 27), trials=(1,)):
    """Writes `root/utd_mhad`; returns that folder."""
    folder = root / "utd_mhad"
    for part in ("Skeleton", "Inertial"):
        (folder / part).mkdir(parents=True)
    generator = np.random.default_rng(0)
    for action in actions:
        for subject in range(1, 9):
            for trial in trials:
                stem = f"a{action}_s{subject}_t{trial}"
                steps = int(generator.integers(41, 60))
                skeleton = generator.normal(action, 0.1, (20, 3, steps))
                scipy.io.savemat(
                    folder / "Skeleton" / f"{stem}_skeleton.mat", {"d_skel": skeleton}
                )
                inertial = generator.normal(0, [1, 1, 1, 90, 90, 90], (2 * steps, 6))
                scipy.io.savemat(
                    folder / "Inertial" / f"{stem}_inertial.mat", {"d_iner": inertial}
                )
    return folder
