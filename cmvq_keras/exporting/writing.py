"""An exported model as a file, and what the file gives."""

import errno
import json
import warnings

import keras
import numpy as np

from cmvq_keras.exporting.cutting import LOGITS


def write(model, format, path, facts):
    """Writes an exported model.

    Args:
        model: what `cmvq_keras.exporting.cutting.cut` gives.
        format: "keras", "onnx" or "saved-model".
        path: the file or folder.
        facts: what ONNX keeps in its metadata, a dictionary for JSON.
    """
    # Keras exports no model that never was called.
    model(
        {each.name: np.zeros((1, *each.shape[1:]), "float32") for each in model.inputs}
    )
    if format == "keras":
        model.save(path)
    elif format == "saved-model":
        _export_saved_model(model, path)
    else:
        with warnings.catch_warnings():
            # Of PyTorch's tracing: shapes but the batch's are meant to be constants.
            warnings.simplefilter("ignore")
            model.export(path, format="onnx", verbose=False)
        _finish_onnx(path, facts)


def _export_saved_model(model, path):
    """Writes the folder; an `OSError`, as elsewhere, where TensorFlow could not."""
    try:
        model.export(path, format="tf_saved_model", verbose=False)
    except Exception as error:
        if not type(error).__module__.startswith("tensorflow.python.framework.errors"):
            raise
        # "...; File too large [Op:SaveV2]"
        reason = str(error).rpartition("; ")[2].partition(" [Op")[0]
        raise OSError(errno.EIO, reason, str(path)) from error


def _finish_onnx(path, facts):
    """Names the output and the batch, and adds the metadata."""
    import onnx

    content = onnx.load(path)
    (output,) = content.graph.output
    for node in content.graph.node:
        node.output[:] = [LOGITS if n == output.name else n for n in node.output]
    output.name = LOGITS
    output.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.helper.set_model_props(
        content, {name: json.dumps(value) for name, value in facts.items()}
    )
    onnx.checker.check_model(content)
    onnx.save(content, path)


def logits_of(format, path, x):
    """The logits that an exported file gives.

    Args:
        format, path: as in `write`.
        x: by modality raw values `(n, ...)` float32.

    Returns:
        `(n, ..., classes)` float32.
    """
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return session.run([LOGITS], x)[0]
    if format == "keras":
        model = keras.saving.load_model(path)
    else:
        model = keras.layers.TFSMLayer(str(path), call_endpoint="serve")
    return np.asarray(keras.ops.convert_to_numpy(model(x)[LOGITS]))
