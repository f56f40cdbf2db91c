"""Where the raw data comes from: files, official addresses, checksums, licences.

A data root has one folder a source, e.g. `mnist/mnist.npz`. Nothing here is
shipped with the package; `cmvq_keras.data.datasets.download` fetches what can be
fetched by a program, the rest says how a person gets it.
"""

import dataclasses
import os
import pathlib

from cmvq_keras import fileio, validation


@dataclasses.dataclass(frozen=True)
class Download:
    """One official file.

    Args:
        url: an https address.
        target: path inside the source's folder, of the file or, for an archive, of
            the folder that it fills.
        max_bytes: more than this is refused while it arrives.
        sha256: of the official file; None where its publisher states none.
        members: for an archive, the pattern of the file names to unpack.
        count: for an archive, how many files have to be in it.
    """

    url: str
    target: str
    max_bytes: int
    sha256: str | None = None
    members: str | None = None
    count: int | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """One data set as its authors publish it.

    Args:
        title: what it is.
        homepage: the official address, for people.
        licence: in its authors' words, shortened.
        files: files or folders that its reader looks for in the source's folder.
        downloads: what `cmvq download` fetches; empty where a person has to.
        how: how to get it by hand.
        instead: files of which any one stands for all of `files`.
    """

    title: str
    homepage: str
    licence: str
    files: tuple[str, ...]
    downloads: tuple[Download, ...] = ()
    how: str = ""
    instead: tuple[str, ...] = ()


SOURCES = {
    "mnist": Source(
        title="MNIST handwritten digits",
        homepage="https://keras.io/api/datasets/mnist",
        licence="CC BY-SA 3.0",
        files=("mnist.npz",),
        downloads=(
            # The address and the checksum of keras.datasets.mnist.
            Download(
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
                "mnist.npz",
                20_000_000,
                "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
            ),
        ),
        instead=(
            *("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"),
            *("train-images.idx3-ubyte", "train-images.idx3-ubyte.gz"),
        ),
    ),
    "svhn": Source(
        title="SVHN, Street View House Numbers, cropped digits",
        homepage="http://ufldl.stanford.edu/housenumbers",
        licence="for non-commercial use only",
        files=("train_32x32.mat", "test_32x32.mat"),
        downloads=(
            # Checksums and sizes of TensorFlow Datasets' svhn_cropped.
            Download(
                "https://ufldl.stanford.edu/housenumbers/train_32x32.mat",
                "train_32x32.mat",
                182_040_794,
                "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
            ),
            Download(
                "https://ufldl.stanford.edu/housenumbers/test_32x32.mat",
                "test_32x32.mat",
                64_275_384,
                "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
            ),
        ),
    ),
    "fsdd": Source(
        title="FSDD, Free Spoken Digit Dataset",
        homepage="https://github.com/Jakobovski/free-spoken-digit-dataset",
        licence="CC BY-SA 4.0",
        files=("recordings",),
        downloads=(
            # GitHub makes this archive on request and nobody states a checksum of
            # version 1.0.10 (TensorFlow Datasets has one of 1.0.9, with 2,500
            # recordings): it is checked by its 3,000 file names instead.
            Download(
                "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.10.tar.gz",
                "recordings",
                60_000_000,
                members=r"[0-9]_[a-z]+_[0-9]{1,2}\.wav",
                count=3000,
            ),
        ),
    ),
    "crema_d": Source(
        title="CREMA-D, Crowd-sourced Emotional Multimodal Actors Dataset",
        homepage="https://github.com/CheyneyComputerScience/CREMA-D",
        licence="Open Database License 1.0",
        files=("VideoFlash", "AudioWAV", "VideoDemographics.csv"),
        how=(
            "clone the repository with git lfs and link VideoFlash, AudioWAV and "
            "VideoDemographics.csv into the folder crema_d"
        ),
    ),
    "penn_action": Source(
        title="Penn Action",
        homepage="https://dreamdragon.github.io/PennAction",
        licence="for research; see the README in its archive",
        files=("frames", "labels"),
        how=(
            "unpack https://www.cis.upenn.edu/~kostas/Penn_Action.tar.gz (about 3 GB) "
            "and put its frames and labels into the folder penn_action"
        ),
    ),
    "utd_mhad": Source(
        title="UTD-MHAD, multimodal human actions",
        homepage="https://personal.utdallas.edu/~kehtar/UTD-MHAD.html",
        licence="for research; no formal licence is stated",
        files=("Skeleton", "Inertial"),
        how=(
            "unpack Skeleton.zip and Inertial.zip from that page into the folder "
            "utd_mhad"
        ),
    ),
    "nyuv2": Source(
        title="NYU Depth Dataset V2, labelled part",
        homepage="https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html",
        licence="see its page",
        files=("nyu_depth_v2_labeled.mat", "splits.mat", "classMapping40.mat"),
        how=(
            "fetch nyu_depth_v2_labeled.mat (2.8 GB) from that page, splits.mat from "
            "http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/splits.mat and "
            "classMapping40.mat from https://github.com/ankurhanda/nyuv2-meta-data "
            "into the folder nyuv2"
        ),
    ),
    "rml": Source(
        title="RML emotion database",
        homepage="http://www.rml.ryerson.ca/rml-emotion-database.html",
        licence="for research, on request",
        files=(".",),
        how=(
            "ask the Ryerson Multimedia Research Laboratory for it and put it into the "
            "folder rml"
        ),
    ),
}


def data_root(data_dir=None):
    """The folder that holds one folder a source, as a Path; it need not exist.

    Args:
        data_dir: the folder itself. Without it CMVQ_DATA_DIR says it, and without
            that it is `cmvq` in the platform's folder for a user's data.
    """
    chosen = data_dir or os.environ.get("CMVQ_DATA_DIR")
    if not chosen:
        import platformdirs

        chosen = platformdirs.user_data_dir("cmvq", appauthor=False)
    return pathlib.Path(chosen).expanduser()


def get(name):
    """The `Source` of that name.

    Raises:
        ValueError: for an unknown name, with the nearest.
    """
    return SOURCES[validation.one_of(name, SOURCES, "source")]


def find(source, filename, data_dir=None):
    """The path of a source's file or folder.

    Args:
        source: the source's folder, a key of `SOURCES`.
        filename: path inside that folder.
        data_dir: the data root, see `data_root`.

    Raises:
        FileNotFoundError: one line: what was looked for, where, how to get it.
    """
    path = data_root(data_dir) / source / filename
    if path.exists():
        return path
    raise FileNotFoundError(
        f"{source}/{filename} is not in {data_root(data_dir)} (--data-dir or "
        f"CMVQ_DATA_DIR name another folder). {how_to_get(source)}"
    )


def missing(source, data_dir=None):
    """The files and folders of a source that are not in the data root, a tuple.

    What git-lfs has not fetched is missing, and a folder of nothing else.
    """
    folder, known = data_root(data_dir) / source, get(source)
    if any(_is_there(folder / name) for name in known.instead):
        return ()
    return tuple(name for name in known.files if not _is_there(folder / name))


def count_entries(path):
    """`(entries, pointers)` of a folder: what is in it, and how many of these are files
    that git-lfs has not fetched. Hidden ones are not counted."""
    entries = [each for each in path.iterdir() if not each.name.startswith(".")]
    return len(entries), sum(map(_is_pointer, entries))


def _is_there(path):
    if path.is_dir():
        entries, pointers = count_entries(path)
        return not entries or pointers < entries
    return path.exists() and not _is_pointer(path)


def _is_pointer(path):
    try:
        return path.is_file() and fileio.is_pointer(path)
    except OSError:
        return False


def how_to_get(source):
    """One sentence on how to get a source's files."""
    known = get(source)
    if known.downloads:
        return f"To get it: cmvq download {source}, or {known.homepage}"
    return f"To get it: {known.homepage}; {known.how}"
