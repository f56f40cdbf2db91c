"""Import paths of version 0.1.0: they work for one more version, with a warning.

`MODULES` says where a module went, `NAMES` where a definition went that left its module
or has another name now. Both are relative to `cmvq_keras`.
"""

# pyright: reportArgumentType=false

import functools
import importlib
import importlib.machinery
import importlib.util
import sys
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable)
Class = TypeVar("Class", bound=type)
GONE_IN = "0.3"
MODULES = {
    "backend": "backend.selection",
    "backup": "training.checkpointing",
    "building": "models.build",
    "caching": "cache_dir",
    "callbacks": "training.callbacks",
    "checkpoint": "runs.checkpoint",
    "cli.label_maps": "cli.predict",
    "cli.launching": "distribution.launch",
    "cli.tables": "cli.text_tables",
    "cli.trial_options": "cli.study_options",
    "cli.trial_progress": "cli.progress",
    "comparing": "experiments",
    "comparing.figure": "experiments.plot",
    "comparing.foot": "experiments.table_content",
    "comparing.harness": "experiments.api",
    "comparing.outcomes": "experiments.outcomes",
    "comparing.plan": "experiments.plan",
    "comparing.rows": "experiments.table_content",
    "comparing.samples": "experiments.sample_check",
    "comparing.statistics": "experiments.statistics",
    "comparing.studies": "experiments.study",
    "comparing.tables": "experiments.tables",
    "comparing.told": "experiments.progress",
    "comparing.trial": "experiments.trial",
    "comparing.trials": "experiments.runner",
    "comparing.workers": "experiments.workers",
    "convert": "interop.convert",
    "data.archives": "data.formats.archives",
    "data.arrays": "data.formats.npz",
    "data.audio": "data.formats.audio",
    "data.augment": "batches",
    "data.checks": "validation",
    "data.clip_files": "data.formats.containers",
    "data.clip_times": "data.formats.video",
    "data.clips": "data.transforms.clips",
    "data.crema_d": "data.datasets.crema_d.reader",
    "data.crema_d_actors": "data.datasets.crema_d.actors",
    "data.crema_d_clips": "data.datasets.crema_d.clips",
    "data.crema_d_names": "data.datasets.crema_d.names",
    "data.crema_d_splits": "data.datasets.crema_d.splits",
    "data.download": "data.datasets.download",
    "data.drawing": "data.render",
    "data.files": "fileio",
    "data.fingerprint": "data.store.fingerprint",
    "data.fsdd": "data.datasets.fsdd",
    "data.hdf5": "data.formats.hdf5",
    "data.images": "data.formats.images",
    "data.listing_writer": "data.store.listing_writer",
    "data.manifest": "data.store.manifest",
    "data.mat5": "data.formats.mat5",
    "data.mel": "data.transforms.mel",
    "data.mnist": "data.datasets.mnist",
    "data.npy": "data.formats.npy",
    "data.nyuv2": "data.datasets.nyuv2.reader",
    "data.nyuv2_file": "data.datasets.nyuv2.mat_file",
    "data.nyuv2_lists": "data.datasets.nyuv2.lists",
    "data.nyuv2_samples": "data.datasets.nyuv2.folder",
    "data.pairing": "data.datasets.pairing",
    "data.partial": "data.store.builder",
    "data.penn_action": "data.datasets.penn_action.reader",
    "data.penn_action_labels": "data.datasets.penn_action.labels",
    "data.pipeline": "batches",
    "data.planted": "data.datasets.planted",
    "data.poses": "data.transforms.poses",
    "data.rml": "data.datasets.rml.reader",
    "data.rml_files": "data.datasets.rml.files",
    "data.rows": "data.store.rows",
    "data.samples": "data.single_file",
    "data.scenes": "data.transforms.depth",
    "data.sound": "data.transforms.griffin_lim",
    "data.sources": "data.datasets.sources",
    "data.split_writer": "data.store.split_writer",
    "data.store": "data.store.store",
    "data.store_check": "data.store.check",
    "data.store_sheet": "data.store.contact_sheet",
    "data.stored": "data.store.reader",
    "data.svhn": "data.datasets.svhn",
    "data.video": "data.formats.video",
    "distribution.kernels": "backend.kernels",
    "distribution.kernels_on_jax": "backend.kernels.jax",
    "distribution.kernels_on_tensorflow": "backend.kernels.tensorflow",
    "distribution.kernels_on_torch": "backend.kernels.torch",
    "distribution.on_jax": "distribution.jax",
    "distribution.on_tensorflow": "distribution.tensorflow",
    "distribution.on_torch": "distribution.torch",
    "distribution.replicas": "distribution.base",
    "environment": "runs.environment",
    "features": "models.features",
    "fitting": "training.loop",
    "information": "evaluation.conditional_information",
    "insight": "reporting",
    "insight.curves": "reporting.figures",
    "insight.features": "reporting.pooled_features",
    "insight.figures": "reporting.figures",
    "insight.findings": "reporting.analysis",
    "insight.opening": "reporting.open",
    "insight.pictures": "reporting.images",
    "insight.probes": "reporting.probes",
    "insight.projection": "reporting.probes",
    "insight.report": "reporting.report",
    "insight.single": "reporting.single_sample",
    "insight.words": "reporting.summary",
    "interrupting": "training.signals",
    "labels": "models.labels",
    "locking": "runs.locking",
    "measuring": "evaluation.scores",
    "missing": "evaluation.missing_modality",
    "model": "models.cmvqvae",
    "networks.residual_stack": "networks.residual",
    "optimizing": "models.optimizers",
    "origin": "runs.warm_start",
    "predicting": "runs.predict",
    "preparing": "runs.stores",
    "reference_layout": "interop.author_layout",
    "reproducing": "training.reproduce",
    "rivals": "methods",
    "rivals.blending": "methods.gradient_blending",
    "rivals.late_fusion": "methods.late_fusion",
    "rivals.modulation": "methods.ogm",
    "rivals.prototypes": "methods.pmr",
    "run": "runs.run",
    "shared_classes": "evaluation.shared_classes",
    "sparing": "backend.xla_flags",
    "training": "training.api",
    "transfer": "models.weight_transfer",
    "weights": "runs.weights",
}
NAMES = {
    "building": {"effective": "recipes.resolve"},
    "caching": {"keep_compiled": "backend.xla_flags.enable_compilation_cache"},
    "callbacks": {
        "BriefProgress": "evaluation.progress.BriefProgress",
        "StepProgress": "evaluation.progress.StepProgress",
    },
    "checkpoint": {"Diverged": "errors.DivergedError"},
    "comparing.samples": {"WrongSamples": "errors.WrongSamplesError"},
    "comparing.told": {
        "Told": "experiments.progress.ProgressReporter",
        "EpochTold": "experiments.trial.EpochReporter",
    },
    "data": {"LeftOut": "data.listing.SkippedSample"},
    "data.decoding": {
        "Casualties": "data.decoding.DamagedSamples",
        "told": "data.decoding.reason_of",
    },
    "data.download": {"DownloadError": "errors.DownloadError"},
    "data.listing": {"LeftOut": "data.listing.SkippedSample"},
    "data.npy": {"naming": "fileio.naming"},
    "distribution": {
        "split_matmul": "backend.numerics.split_matmul",
        "full_precision_matmul": "backend.numerics.full_precision_matmul",
        "keep_weights": "backend.runtime.keep_weights",
        "deterministic": "backend.runtime.deterministic",
        "generators": "backend.runtime.generators",
        "set_generators": "backend.runtime.set_generators",
        "check_precision": "backend.runtime.check_precision",
    },
    "distribution.kernels": {
        "lay_out": "backend.kernels.to_channels_last",
        "lay_out_optimizer": "backend.kernels.prepare_optimizer",
    },
    "distribution.replicas": {
        "Lost": "errors.PeerLostError",
        "Refused": "errors.LeaderRefusedError",
    },
    "insight.curves": {"series": "reporting.figures.epochs.series"},
    "insight.figures": {
        "canvas": "reporting.canvas.axes_grid",
        "png": "reporting.canvas.png",
        "plain": "reporting.canvas.plain",
        "curves": "reporting.figures.epochs.curves",
        "mask": "reporting.figures.mask.histogram",
        "confusion": "reporting.figures.confusion.table",
        "projections": "reporting.figures.projection.scatter",
        "probes": "reporting.figures.probes.bars",
        "information": "reporting.figures.information.bars",
        "pairwise": "reporting.figures.pairwise_zeta.heatmap",
    },
    "insight.findings": {
        "Findings": "reporting.analysis.Analysis",
        "pairwise_matrix": "reporting.figures.pairwise_zeta.pairwise_matrix",
    },
    "insight.opening": {"need": "reporting.packages.need"},
    "insight.report": {
        "Figure": "reporting.figures.figure.Picture",
        "data_uri": "reporting.figures.figure.data_uri",
    },
    "insight.words": {
        "cautions": "reporting.cautions.cautions",
        "accuracy_interval": "evaluation.intervals.accuracy_interval",
    },
    "interrupting": {
        "NAMES": "errors.SIGNALS",
        "Interrupted": "errors.TrainingInterruptedError",
    },
    "labels": {"fitted": "models.labels.align_labels"},
    "measuring": {"batches": "batches.evaluation_batches"},
    "metrics": {"spread": "metrics.broadcast_weights"},
    "optimizing": {"early_stopping": "training.callbacks.early_stopping"},
    "origin": {"Origin": "runs.warm_start.WarmStart"},
    "rivals.blending": {"prepare": "methods.gradient_blending.measure_blend"},
    "rivals.late_fusion": {"build": "methods.late_fusion.late_fusion"},
    "run": {
        "write_atomically": "fileio.write_atomically",
        "to_json": "fileio.to_json",
    },
    "sparing": {"order_for_memory": "backend.xla_flags.set_xla_memory_scheduler"},
    "training": {
        "train": "training.api.train",
        "resume": "training.api.resume",
        "check_backend": "training.api.check_backend",
        "evaluate": "runs.evaluate.evaluate",
        "load_model": "runs.load.load_model",
    },
}


class OldNamesFinder:
    """A meta-path finder and loader of `MODULES`; each stands for its new place."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        """The spec of a module that has moved, or None."""
        package, _, old = name.partition(".")
        if package != "cmvq_keras" or old not in MODULES:
            return None
        is_package = any(each.startswith(f"{old}.") for each in MODULES)
        return importlib.machinery.ModuleSpec(name, cls, is_package=is_package)

    @staticmethod
    def create_module(spec):
        """None: an ordinary module."""

    @staticmethod
    def exec_module(module):
        """Warns, and lets the module read its names from the new place."""
        old = module.__name__.partition(".")[2]
        _warn(old, MODULES[old], stacklevel=3)
        package, _, name = module.__name__.rpartition(".")
        # Python now sets the package's attribute of that name: what it was before, such
        # as the instance `distribution.replicas`, is still reached through the module.
        before = vars(sys.modules[package]).get(name)
        module.__getattr__ = functools.partial(_get_or, old, before)


def install():
    """Lets Python find the old modules."""
    if OldNamesFinder not in sys.meta_path:
        sys.meta_path.append(OldNamesFinder)


def getter(module):
    """The `__getattr__` of a module that is still there, for the names that left it."""
    old = module.partition(".")[2]

    def get(name):
        # Python asks for names of its own, such as __path__, and for modules that are
        # not imported yet.
        if not name.startswith("__") and not _is_module(f"{module}.{name}"):
            found = _get(old, name)
            _warn(f"{old}.{name}", _place(old, name), stacklevel=3)
            return found
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return get


def _is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def keyword_only(function: Function) -> Function:
    """Decorator: a call may still give by position what stands after `*`, and warns."""
    code = function.__code__
    first = code.co_argcount
    names = code.co_varnames[first : first + code.co_kwonlyargcount]

    @functools.wraps(function)
    def call(*arguments, **options):
        more = dict(zip(names, arguments[first:], strict=False))
        if not more or more.keys() & options or len(arguments) > first + len(names):
            return function(*arguments, **options)
        warnings.warn(
            f"{function.__name__} takes {', '.join(more)} by name alone from version "
            f"{GONE_IN} on, as in {next(iter(more))}=...",
            DeprecationWarning,
            stacklevel=2,
        )
        return function(*arguments[:first], **more, **options)

    return call  # type: ignore[return-value]


def renamed_argument(old: str, new: str) -> Callable[[Function], Function]:
    """Decorator: a function takes an argument by its old name too, with a warning.

    Args:
        old, new: names of a keyword argument.
    """

    def decorate(function: Function) -> Function:
        # That of a class, for its __init__.
        name = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

        @functools.wraps(function)
        def call(*arguments, **options):
            if old in options:
                if new in options:
                    raise TypeError(f"Give only one of `{new}` and `{old}`.")
                _warn_renamed(old, name, new, stacklevel=2)
                options[new] = options.pop(old)
            return function(*arguments, **options)

        return call  # type: ignore[return-value]

    return decorate


def renamed_attribute(old: str, new: str) -> Callable[[Class], Class]:
    """Decorator: a class has an attribute, or a method, by its old name too, with a
    warning. A dataclass also takes it as an argument.

    Args:
        old, new: names of the attribute.
    """

    def decorate(cls: Class) -> Class:
        def read(self) -> Any:
            _warn_renamed(old, cls.__name__, new, stacklevel=3)
            return getattr(self, new)

        setattr(cls, old, property(read))
        if hasattr(cls, "__dataclass_fields__"):
            cls.__init__ = renamed_argument(old, new)(cls.__init__)
        return cls

    return decorate


def _warn_renamed(old, owner, new, stacklevel):
    warnings.warn(
        f"`{old}` of {owner} is now `{new}`. The old name goes in version {GONE_IN}.",
        DeprecationWarning,
        stacklevel=stacklevel + 1,
    )


def _place(old, name):
    return NAMES.get(old, {}).get(name) or f"{MODULES.get(old, old)}.{name}"


def _get(old, name):
    module, _, new_name = _place(old, name).rpartition(".")
    if name.startswith("__") or (module, new_name) == (old, name):
        raise AttributeError(f"module 'cmvq_keras.{old}' has no attribute {name!r}")
    return getattr(importlib.import_module(f"cmvq_keras.{module}"), new_name)


def _get_or(old, before, name):
    try:
        return _get(old, name)
    except AttributeError:
        if before is None or name.startswith("__"):
            raise
        return getattr(before, name)


def _warn(old, new, stacklevel):
    warnings.warn(
        f"cmvq_keras.{old} is now cmvq_keras.{new}. The old name goes in version "
        f"{GONE_IN}.",
        DeprecationWarning,
        stacklevel=stacklevel,
    )
