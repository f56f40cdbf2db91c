"""A user's script, for type checkers; it is not run."""

import typing

import cmvq_keras as cmvq

model = cmvq.build_model("av-digits")
model.compile(optimizer="adam")
recipe = cmvq.recipes.get("av-digits")
store = cmvq.data.Store.create("stores", recipe, {"train": []}, force=True)
typing.assert_type(store, cmvq.data.Store)
layer: cmvq.VectorQuantizer = cmvq.layers.VectorQuantizer(num_embeddings=8)
network: cmvq.ResidualEncoder = cmvq.networks.ResidualEncoder()
modality = cmvq.Modality(shape=(28, 28, 1))
try:
    run = cmvq.train("av-digits", out="run")
    cmvq.evaluate(run, split="test")
except (cmvq.DivergedError, cmvq.errors.TrainingInterruptedError):
    cmvq.resume("run")
cmvq.convert.read_reference_file("weights.pt")
print(cmvq.nothing)  # the one line that a type checker has to refuse
