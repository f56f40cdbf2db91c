"""Whether several seeds are trained sooner at once than one after another.

    OMP_NUM_THREADS=1 python -m benchmarks.together jax
    OMP_NUM_THREADS=1 python -m benchmarks.together torch

On JAX it is this package's training step of `planted`, mapped over the states of
`--seeds` models with `jax.vmap`; on PyTorch gradients of the published formulation's
loss, mapped with `torch.func.vmap`. Prints processor milliseconds of a batch of each
seed, the least of `--rounds`: one by one and together.
"""

import argparse
import os

from benchmarks.growth import least
from benchmarks.speed import network


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("backend", choices=("jax", "torch"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    made = {"jax": _jax, "torch": _torch}[options.backend]
    alone, together = made(options.seeds, options.batch)
    one, all_at_once = (least(work, options.rounds) for work in (alone, together))
    print(
        f"{options.backend}, {options.seeds} seeds, batches of {options.batch}: one by "
        f"one {1000 * one:.0f} ms, together {1000 * all_at_once:.0f} ms, "
        f"{one / all_at_once:.2f} times as fast"
    )


def _jax(seeds, batch):
    import jax
    import keras

    from cmvq_keras.models import optimizers
    from cmvq_keras.models.build import build_model

    recipe = network.recipe_of("planted")
    x, y = network.data(recipe, batch, 1)
    states = []
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        model = build_model(recipe)
        model.compile(optimizers.optimizer(recipe.training, 1))
        # Metrics have their variables from the first batch on.
        model.train_on_batch(x, y)
        state = model._get_jax_state(
            trainable_variables=True,
            non_trainable_variables=True,
            optimizer_variables=True,
            metrics_variables=True,
        )
        states.append(jax.tree.map(jax.numpy.array, state))
    one = jax.jit(lambda state: model.train_step(state, (x, y))[1])
    all_of_them = jax.jit(jax.vmap(lambda state: model.train_step(state, (x, y))[1]))
    stacked = jax.tree.map(lambda *each: jax.numpy.stack(each), *states)

    def alone():
        for state in states:
            jax.block_until_ready(one(state))

    return alone, lambda: jax.block_until_ready(all_of_them(stacked))


def _torch(seeds, batch):
    import torch

    from benchmarks.speed.published import Published

    recipe = network.recipe_of("planted")
    x, y = network.data(recipe, batch, 1)
    x = {
        name: torch.from_numpy(values.transpose(0, 3, 1, 2).copy())
        for name, values in x.items()
    }
    y = torch.from_numpy(y).long()
    models = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        models.append(Published(recipe).eval())
        for each in models[-1].modules():
            if isinstance(each, torch.nn.BatchNorm2d):
                # Of the batch: no statistics are written in place, which a map cannot.
                each.running_mean = each.running_var = each.num_batches_tracked = None
                each.track_running_stats = False

    class Loss(torch.nn.Module):
        """Of one model, so that all its weights are mapped."""

        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self):
            return self.model.loss(x, y, self.model(x))

    models = [Loss(each) for each in models]

    def loss(weights, buffers):
        return torch.func.functional_call(models[0], (weights, buffers), ())

    gradients = torch.func.vmap(torch.func.grad(loss), randomness="different")
    stacked = torch.func.stack_module_state(models)

    def alone():
        found = []
        for each in models:
            each.zero_grad()
            each().backward()
            found.append({name: p.grad for name, p in each.named_parameters()})
        return found

    return alone, lambda: gradients(*stacked)


if __name__ == "__main__":
    main()
