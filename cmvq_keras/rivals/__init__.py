"""The methods that CM-VQVAE is compared with: models, optimizers, callbacks.

`cmvq_keras.methods` holds their names and hyperparameters, docs/methods.md their
equations and what differs from the papers.
"""
