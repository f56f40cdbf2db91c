"""CPU or GPU: what is set before a library loads, and what it then says of itself."""

import os


def choose(device):
    """Hides all GPUs from the libraries that load later, where a CPU is asked for.

    On a GPU nobody takes memory before it is needed: the contestants share it.

    Args:
        device: "cpu" or "gpu".
    """
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["JAX_PLATFORMS"] = "cpu"
    else:
        os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"


def check(library, device):
    """Raises ValueError where a GPU is asked for that the loaded library cannot see.

    Args:
        library: "torch", "jax" or "tensorflow".
        device: "cpu" or "gpu".
    """
    if device == "gpu" and not _SEES[library]():
        raise ValueError(f"no GPU that {library} can use")


def _torch_sees():
    import torch

    return torch.cuda.is_available()


def _jax_sees():
    import jax

    return jax.default_backend() == "gpu"


def _tensorflow_sees():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


_SEES = {"torch": _torch_sees, "jax": _jax_sees, "tensorflow": _tensorflow_sees}


def about(library, device):
    """What a table says beside the versions: the GPU, and where TF32 is in use.

    Args:
        library: "torch", "jax" or "tensorflow", loaded.
        device: "cpu" or "gpu"; of a CPU there is nothing to say.
    """
    return _ABOUT[library]() if device == "gpu" else {}


def _of_torch():
    import torch

    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    return {
        "gpu": torch.cuda.get_device_name(),
        "TF32 in torch": f"convolutions {convolutions.allow_tf32}, "
        f"products {products.allow_tf32}",
    }


def _of_jax():
    import jax

    chosen = jax.config.jax_default_matmul_precision or "XLA's own choice"
    return {"gpu": jax.local_devices()[0].device_kind, "TF32 in jax": chosen}


def _of_tensorflow():
    import tensorflow as tf

    on = tf.config.experimental.tensor_float_32_execution_enabled()
    return {"TF32 in tensorflow": str(on)}


_ABOUT = {"torch": _of_torch, "jax": _of_jax, "tensorflow": _of_tensorflow}
