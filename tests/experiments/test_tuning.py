"""Each method chooses its one number by validation, on seeds of its own."""

import json

import fake_study
import pytest
from command_line import error_of, invoke

from cmvq_keras import methods, recipes
from cmvq_keras.experiments import plan, runner, study, tables, trial, tuning

pytestmark = pytest.mark.once

PLANTED = recipes.resolve("planted")
VARIANTS, _ = plan.of_methods(PLANTED, ["all-features", "ours"])


@pytest.mark.parametrize("name", methods.names())
def test_every_method_has_one_number_and_four_values(name):
    setting, values = methods.get(name).tuned
    assert len(set(values)) == 4
    variants, _ = plan.of_methods(PLANTED, [name])
    for variant in variants:
        found = tuning.candidates(variant)
        assert list(found) == list(values)
        for value, each in found.items():
            assert each.recipe.settings()[setting] == value
            methods.get(name).values(each.recipe)


def _trained(monkeypatch, validation, test=0.5, failed=()):
    """Trainings that come to what a function of recipe and seed says."""
    done = []

    def train(inner, variants, seeds, source, reporter, jobs, cluster):
        results = []
        for each in plan.order(variants, seeds):
            done.append((each.variant.label, each.seed))
            score = validation(each.recipe, each.seed)
            failure = "diverged" if each.variant.label in failed else None
            measured = {} if failure else {"validation": score, "score": test - score}
            folder = each.folder(inner.out)
            results.append(
                trial.Result(each.variant.label, each.seed, folder, measured, failure)
            )
        inner.write()
        return results

    monkeypatch.setattr(runner, "train", train)
    return done


def _choose(out, count=2):
    found = study.begin(out, study.COMPARE, PLANTED, "torch", VARIANTS, tune=count)
    seeds = tuning.seeds_of(count, range(3))
    return found, tuning.choose(VARIANTS, seeds, found, None)


def test_the_value_with_the_best_validation_is_kept(tmp_path, monkeypatch):
    def validation(recipe, seed):
        best = recipe.model.penalty_weight == 3e-3 or recipe.model.dropout == 0.3
        return 0.9 + 0.001 * (seed - 100) if best else 0.95 - 0.1 * (seed - 100)

    done = _trained(monkeypatch, validation)
    found, (fusion, ours) = _choose(tmp_path / "out")
    assert fusion.chosen == {"model.dropout": 0.3}
    assert ours.chosen == {"model.penalty_weight": 3e-3}
    assert ours.recipe.model.penalty_weight == 3e-3
    assert ours.full is PLANTED
    assert len(done) == 2 * 4 * 2
    assert {seed for _, seed in done} == {100, 101}
    noted = json.loads(found.path.read_text())
    assert noted["tune"] == 2
    assert [row["chosen"] for row in noted["rows"]] == [fusion.chosen, ours.chosen]
    assert study.read(found.out).rows == found.rows


def test_of_equal_values_the_first_wins_and_failed_ones_do_not(tmp_path, monkeypatch):
    _trained(monkeypatch, lambda *_: 0.5, failed=["ours,model.penalty_weight=0.0001"])
    _, (fusion, ours) = _choose(tmp_path / "out")
    assert fusion.chosen == {"model.dropout": 0.0}
    assert ours.chosen == {"model.penalty_weight": 1e-3}


def test_a_method_whose_trainings_all_fail_is_an_error(tmp_path, monkeypatch):
    labels = [each.label for each in tuning.candidates(VARIANTS[0]).values()]
    _trained(monkeypatch, lambda *_: 0.5, failed=labels)
    with pytest.raises(ValueError, match="all features: all trainings of its tuning"):
        _choose(tmp_path / "out")


def test_seeds_of_the_tuning_are_no_seeds_of_the_comparison(tmp_path):
    told = error_of(
        *("compare", "--recipe", "planted", "--out", tmp_path, "--tune", 3),
        *("--first-seed", 101, "--seeds", 1),
        code=1,
    )
    assert "100 to 102. Received: 101" in told


def test_another_tuning_is_refused(tmp_path):
    found = study.begin(tmp_path / "s", study.COMPARE, PLANTED, "torch", VARIANTS)
    found.write()
    with pytest.raises(ValueError, match="0 seeds are for tuning"):
        study.begin(found.out, study.COMPARE, PLANTED, "torch", VARIANTS, tune=2)


def test_the_table_says_what_was_chosen(tmp_path):
    found = study.begin(
        tmp_path / "s", study.COMPARE, PLANTED, "torch", VARIANTS, tune=3
    )
    found.note_chosen({"ours": {"model.penalty_weight": 0.003}})
    for label in ("all-features", "ours"):
        fake_study.finish(found, label, 0, fake_study.answers(0.5, 50, 1))
    table = tables.of_study(found)
    assert dict(table.learnt)["chosen"] == ["-", "model.penalty_weight=0.003"]
    assert "seeds 100 to 102" in dict(table.foot)["Tuning"]


TINY = (
    *("--recipe", "planted", "--limit", 16, "--epochs", 1, "--batch-size", 16),
    *("--set", "model.hidden_channels=8", "--set", "model.residual_channels=4"),
    *("--set", "model.residual_layers=0", "--set", "model.num_embeddings=16"),
)


@pytest.mark.slow(reason="a tuned comparison's trainings")
def test_a_tuned_comparison_goes_on_where_it_was_stopped(tmp_path):
    out = tmp_path / "out"
    command = ("compare", *TINY, "--methods", "all-features", "--seeds", 1)
    command = (*command, "--tune", 1, "--out", out)
    result = invoke(*command)
    assert result.exit_code == 0, result.output
    (chosen,) = study.read(out).rows[0]["chosen"].items()
    value = plan.shown(chosen[1])
    assert f"{chosen[0]}={value}" in result.stdout
    kept = out / "tuning" / f"all-features,model.dropout={value}" / "seed-100"
    lost = out / "tuning" / "all-features,model.dropout=0.5" / "seed-100"
    before = (kept / "trial.json").stat().st_mtime_ns
    (lost / "trial.json").unlink()
    again = invoke(*command)
    assert again.exit_code == 0, again.output
    told = [line for line in again.stdout.splitlines() if line.startswith("[")]
    assert [line.partition(",")[0] for line in told] == ["[4/4] all features"]
    if value != "0.5":
        assert (kept / "trial.json").stat().st_mtime_ns == before
    assert study.read(out).rows[0]["chosen"] == dict([chosen])


def test_segmentation_whose_head_has_no_dropout_chooses_its_decay():
    recipe = recipes.resolve("nyuv2")
    (variant, *_), _ = plan.of_methods(recipe, ["all-features"])
    assert tuning.tuned(variant)[0] == "training.weight_decay"
    values = [
        each.recipe.training.weight_decay
        for each in tuning.candidates(variant).values()
    ]
    assert len(set(values)) == 4
