"""A careless person's recipe: every mistake gets one line that says where, what was read and what to write, and exit
code 2, before anything is trained.
"""

import datetime
from pathlib import Path
from typing import Any

import pytest

from ..recipes.tiny import MISSING, PGD, PRUNE, TRAIN, tiny, write
from .conftest import Cli, refusal

DENSE, PRUNED = ("networks", "dense"), ("networks", "weight 50%")
NATURAL, STATEMENT = ("measures", "natural"), ("statements", 0)
FGSM = ("measures", "fgsm 0.1")
ADAM = (*TRAIN, "optimizer")
CURVE: tuple[Any, ...] = ("measures", "curve")
NOISE = {"kind": "universal_noise", "target": 3, "limit": 0.25}
CRAFTED: dict[str, Any] = {"kind": "adversarial", "of": "dense", "attack": {"kind": "fgsm", "eps": 0.1}}
A_CURVE = {"kind": "pruning_curve", "criterion": {"kind": "magnitude"}}
NAN, INF = float("nan"), float("inf")

# Where, what is written there, and words that the answer must hold.
WRONG: list[tuple[tuple[Any, ...], Any, list[str]]] = [
    # radii
    ((*PGD, "eps"), 8, ["measures.pgd.attack", "eps = 8", "8/255"]),
    ((*PGD, "eps"), "2/1", ["2/255"]),
    ((*PGD, "eps"), -0.1, ["measures.pgd.attack.eps", "negative", "-0.1"]),
    ((*PGD, "eps"), "big", ["measures.pgd.attack.eps", "8/255", "'big'"]),
    ((*PGD, "eps"), "8/", ["measures.pgd.attack.eps", "got '8/'"]),
    ((*PGD, "eps"), "1/0", ["number is wanted", "'1/0'"]),
    ((*PGD, "eps"), None, ["measures.pgd.attack.eps", "null"]),
    ((*PGD, "eps"), NAN, ["finite", "nan"]),
    ((*PGD, "eps"), INF, ["finite", "inf"]),
    ((*PGD, "eps"), "nan", ["number is wanted", "'nan'"]),
    ((*PGD, "eps"), True, ["number is wanted", "true"]),
    ((*PGD, "eps"), [0.1], ["number", "[0.1]"]),
    ((*PGD, "eps"), MISSING, ["measures.pgd.attack.eps: is missing", "pgd needs 'eps'"]),
    # attacks
    ((*PGD, "steps"), 0, ["measures.pgd.attack.steps", "at least 1", "got 0"]),
    ((*PGD, "steps"), 2.5, ["whole number", "2.5"]),
    ((*PGD, "step_siz"), 2, ["pgd has no option 'step_siz'", "did you mean 'step_size'"]),
    ((*PGD, "norm"), "l3", ["'linf' or 'l2'", "'l3'"]),
    ((*PGD, "loss"), "xent", ["'ce', 'margin' or 'quadratic'", "'xent'"]),
    ((*PGD, "step_size"), 0, ["more than 0"]),
    ((*PGD, "targeted"), True, ["measures.pgd", "remove targeted: true"]),
    ((*PGD, "random_start"), "maybe", ["true or false", "'maybe'"]),
    (PGD, "pgd", ["measures.pgd.attack", "{kind: pgd, ...}", "got 'pgd'"]),
    (PGD, ["pgd"], ["measures.pgd.attack", "{kind: pgd, ...}"]),
    (PGD, {"eps": 0.1}, ["'kind'", "{kind: fgsm, ...}"]),
    (PGD, {"kind": "pdg", "eps": 0.1}, ["there is no kind 'pdg'", "did you mean 'pgd'", "fgsm, pgd"]),
    (PGD, {"kind": 3}, ["there is no kind '3'"]),
    (PGD, {"kind": None}, ["there is no kind 'None'"]),
    # sources
    ((*FGSM, "source"), {"kind": "substitute", "of": "dance"}, ["measures.fgsm 0.1.source.of", "'dance'", "dense"]),
    ((*FGSM, "source"), {"kind": "network", "name": "x"}, ["measures.fgsm 0.1.source.name", "no network 'x'"]),
    ((*FGSM, "source"), {"kind": "network"}, ["measures.fgsm 0.1.source.name: is missing", "network needs 'name'"]),
    ((*FGSM, "source"), {"kind": "substitut"}, ["no kind 'substitut'", "did you mean 'substitute'"]),
    ((*FGSM, "source"), "substitute", ["measures.fgsm 0.1.source", "{kind: substitute, ...}"]),
    ((*FGSM, "source"), {"kind": "substitute", "round": 3}, ["substitute has no option 'round'", "'rounds'"]),
    ((*FGSM, "source"), {"kind": "substitute", "holdout": 0}, ["source.holdout", "at least 1", "got 0"]),
    ((*FGSM, "source"), {"kind": "substitute", "lam": 0}, ["measures.fgsm 0.1.source", "a step of 0"]),
    ((*FGSM, "attack", "targeted"), True, ["measures.fgsm 0.1", "remove targeted: true"]),
    ((*NATURAL, "source"), {"kind": "substitute"}, ["measures.natural", "natural accuracy crafts no images"]),
    # images that the recipe makes
    (
        ("images",),
        {"x": {**CRAFTED, "of": "dens"}},
        ["images.x: there is ", "no network 'dens'", "did you mean 'dense'"],
    ),
    (
        ("images",),
        {"x": {**CRAFTED, "kind": "dream"}},
        ["images.x: there is no kind 'dream'", "Known: adversarial, robust"],
    ),
    (("images",), {"x": {**CRAFTED, "clean": True}}, ["adversarial has no option 'clean'", "with_clean"]),
    (("images",), {"x": {"kind": "adversarial", "of": "dense"}}, ["images.x.attack: is missing"]),
    (("images",), {"x": {**CRAFTED, "attack": {"kind": "fgsm", "eps": 8}}}, ["images.x.attack", "8/255"]),
    (("images",), {"dense": CRAFTED}, ["images.dense: a network has this name too"]),
    (
        ("images",),
        {"x": {**CRAFTED, "attack": {"kind": "fgsm", "eps": 0.1, "targeted": True}}},
        ["images.x", "remove targeted: true"],
    ),
    ((*TRAIN, "images"), "x", ["networks.dense.steps.0.images", "there are no images 'x'", "describe them in images"]),
    # universal noises and pruning curves
    (PGD, {**NOISE, "limit": 64}, ["measures.pgd.attack", "64/255"]),
    (PGD, {**NOISE, "target": -1}, ["measures.pgd.attack.target", "at least 0", "-1"]),
    (PGD, {**NOISE, "preset": "hvas"}, ["'parana' or 'hvass'", "'hvas'"]),
    (PGD, {**NOISE, "eps": 0.1}, ["universal_noise has no option 'eps'", "limit"]),
    (PGD, {"kind": "universal_noise", "limit": 0.1}, ["attack.target: is missing", "universal_noise needs 'target'"]),
    (CURVE, {"kind": "pruning_curve"}, ["measures.curve.criterion: is missing", "pruning_curve needs 'criterion'"]),
    (CURVE, {**A_CURVE, "first": "90%", "last": "80%"}, ["measures.curve", "from first to last"]),
    (CURVE, {**A_CURVE, "step": 0}, ["measures.curve", "by a step above 0"]),
    (CURVE, {**A_CURVE, "steps": 5}, ["pruning_curve has no option 'steps'", "did you mean 'step'"]),
    (CURVE, {**A_CURVE, "noises": [{"kind": "fgsm", "eps": 0.1}]}, ["measures.curve.noises.0"]),
    (
        CURVE,
        {**A_CURVE, "source": {"kind": "network", "name": "dense"}},
        ["measures.curve", "there is no noise to make"],
    ),
    (
        STATEMENT,
        {"kind": "stays", "text": "t", "rows": ["dense"], "metrics": ["natural"], "upto": "90%", "points": 1},
        ["'t' names the pruning curve 'natural'"],
    ),
    (STATEMENT, {"kind": "rises", "text": "t", "rows": ["dense"], "metrics": ["curve"]}, ["rises needs 'points'"]),
    (("networks", "dense", "measures"), "natural", ["networks.dense.measures", "must be a list"]),
    (("networks", "dense", "measures"), ["naturall"], ["networks.dense.measures", "no measure fits 'naturall'"]),
    # pruning
    ((*PRUNE, "sparsity"), 98, ["networks.weight 50%.steps.0.sparsity", "98% or 0.98", "got 98"]),
    ((*PRUNE, "sparsity"), "98", ["98% or 0.98"]),
    ((*PRUNE, "sparsity"), 0, ["removes nothing", "got 0"]),
    ((*PRUNE, "sparsity"), "0%", ["removes nothing"]),
    ((*PRUNE, "sparsity"), 1, ["removes the whole network", "0.98", "got 1"]),
    ((*PRUNE, "sparsity"), "100%", ["removes the whole network", "100%"]),
    ((*PRUNE, "sparsity"), 1.5, ["[0, 1]", "got 1.5"]),
    ((*PRUNE, "sparsity"), "150%", ["[0, 1]", "got '150%'"]),
    ((*PRUNE, "sparsity"), -1, ["[0, 1]", "got -1"]),
    ((*PRUNE, "sparsity"), "most", ["98%", "'most'"]),
    ((*PRUNE, "sparsity"), MISSING, ["sparsity: is missing", "prune needs 'sparsity'"]),
    ((*PRUNE, "criterion"), "magnitude", ["{kind: magnitude, ...}"]),
    ((*PRUNE, "criterion"), {"kind": "magnitud"}, ["did you mean 'magnitude'"]),
    ((*PRUNE, "scope"), "globl", ["'global' or 'per_layer'", "'globl'"]),
    ((*PRUNE, "budget"), "weights", ["'filters' or 'params'"]),
    ((*PRUNE, "floor"), -1, ["floor", "at least 0", "-1"]),
    ((*PRUNE, "coupled"), "x", ["true or false"]),
    # training
    ((*TRAIN, "epochs"), 0, ["networks.dense.steps.0.epochs", "at least 1", "got 0"]),
    ((*TRAIN, "epochs"), "sixty", ["whole number", "'sixty'"]),
    ((*TRAIN, "epochs"), True, ["whole number", "true"]),
    ((*TRAIN, "epochs"), None, ["whole number", "null"]),
    ((*TRAIN, "epochs"), MISSING, ["epochs: is missing", "train needs 'epochs'"]),
    ((*TRAIN, "batch_size"), 1.5, ["batch_size", "whole number", "1.5"]),
    ((*TRAIN, "batchsize"), 32, ["train has no option 'batchsize'", "did you mean 'batch_size'"]),
    (ADAM, "adam", ["{kind: adam, ...}"]),
    (ADAM, {"kind": "adamw"}, ["did you mean 'adam'"]),
    (ADAM, {"kind": "adam", "lr": 0}, ["networks.dense.steps.0.optimizer.lr", "more than 0", "got 0"]),
    (ADAM, {"kind": "adam", "lr": "fast"}, ["'fast'"]),
    (ADAM, {"kind": "adam", "momentum": 0.9}, ["adam has no option 'momentum'", "weight_decay"]),
    (ADAM, {"kind": "sgd"}, ["sgd needs 'lr'"]),
    ((*TRAIN, "schedule"), {"kind": "cosin"}, ["did you mean 'cosine'"]),
    ((*TRAIN, "schedule"), {"kind": "piecewise", "at": [60]}, ["schedule.at.0", "60% or 0.6"]),
    ((*TRAIN, "schedule"), {"kind": "piecewise", "at": [0.7, 0.5]}, ["must grow"]),
    ((*TRAIN, "augment"), "flip", ["must be a list"]),
    ((*TRAIN, "augment"), ["flip"], ["{kind: flip, ...}"]),
    ((*TRAIN, "augment"), [{"kind": "rotate"}], ["Known: crop, flip"]),
    ((*TRAIN, "early_stopping"), True, ["mapping", "true"]),
    ((*TRAIN, "early_stopping"), {"paticence": 3}, ["did you mean 'patience'"]),
    ((*TRAIN, "early_stopping"), {}, ["networks.dense", "validation images", "data.valid=0.1"]),
    ((*TRAIN, "precision"), "fp16", ["'auto', 'float32' or 'bf16'"]),
    ((*TRAIN, "objective"), {"kind": "trade"}, ["did you mean 'trades'"]),
    ((*TRAIN, "objective"), {"kind": "adversarial"}, ["adversarial needs 'attack'"]),
    # steps and networks
    (TRAIN, {"kind": "tain", "epochs": 1}, ["did you mean 'train'", "prune, shrink, train"]),
    (TRAIN, "train", ["networks.dense.steps.0", "{kind: train, ...}"]),
    (TRAIN, None, ["networks.dense.steps.0", "null"]),
    (TRAIN, {"epochs": 1}, ["'kind'"]),
    (TRAIN, {"kind": "shrink"}, ["starts with a train step"]),
    ((*DENSE, "steps"), {"kind": "train", "epochs": 1}, ["must be a list"]),
    ((*DENSE, "steps"), [], ["networks.dense: ", "starts with a train step"]),
    ((*DENSE, "steps"), MISSING, ["networks.dense: ", "starts with a train step"]),
    ((*DENSE, "fo"), "x", ["there is no option 'fo'", "did you mean 'for'"]),
    (DENSE, "train", ["networks.dense", "mapping"]),
    (DENSE, None, ["networks.dense", "null"]),
    ((*PRUNED, "of"), "dens", ["networks.weight 50%.of", "did you mean 'dense'"]),
    ((*PRUNED, "of"), "weight 50%", ["there is no network 'weight 50%' before it"]),
    ((*DENSE, "of"), "weight 50%", ["it comes later", "move it up"]),
    ((*DENSE, "of"), "nothing", ["this is the first"]),
    ((*PRUNED, "of"), None, ["starts with a train step"]),
    ((*PRUNED, "of"), 3, ["must be text"]),
    ((*PRUNED, "model"), "mlp", ["write one of them"]),
    ((*PRUNED, "steps"), [{"kind": "shrink"}], ["networks.weight 50%.steps.0", "nothing is pruned before"]),
    ((*DENSE, "show"), False, ["the row 'dense'", "Known: weight 50%"]),
    (("networks",), [1], ["networks: must be a mapping"]),
    (("networks",), {}, ["networks: is empty"]),
    (("networks",), MISSING, ["networks: is missing"]),
    (("networks", 7), {"steps": []}, ["names are text", "got 7", "'7'"]),
    (("networks", True), {"steps": []}, ["names are text", "got true", "quotes"]),
    (("networks", None), {"steps": []}, ["names are text", "null"]),
    (("networks", ""), {"steps": [tiny()["networks"]["dense"]["steps"][0]]}, ["a line of text", "got ''"]),
    (("networks", "a\nb"), {"steps": [tiny()["networks"]["dense"]["steps"][0]]}, ["a line of text"]),
    (("networks", "w {r}"), {"for": {"r": 5}, "steps": []}, ["lists of values", "[80, 95]"]),
    (("networks", "w {r}"), {"for": {}, "steps": []}, ["lists of values"]),
    (("networks", "w"), {"for": {"r": [1, 2]}, "steps": []}, ["its name must hold {r}"]),
    # measures
    (("measures",), {}, ["measures: is empty"]),
    (("measures",), [{"kind": "accuracy"}], ["measures: must be a mapping"]),
    (("measures",), MISSING, ["measures: is missing"]),
    (("measures", 0.1), {"kind": "accuracy"}, ["measures: names are text", "'0.1'"]),
    (NATURAL, "accuracy", ["measures.natural", "{kind: accuracy, ...}"]),
    (NATURAL, None, ["measures.natural", "null"]),
    (NATURAL, {"kind": "acuracy"}, ["did you mean 'accuracy'", "cost"]),
    (NATURAL, {"kind": "accuracy", "batchsize": 3}, ["did you mean 'batch_size'"]),
    (NATURAL, {"kind": "accuracy", "n_max": 0}, ["n_max", "at least 1"]),
    (("measures", "cost"), {"kind": "cost", "batches": [0]}, ["measures.cost.batches.0", "at least 1"]),
    # data and model
    (("data",), MISSING, ["data: is missing"]),
    (("data",), None, ["data: must be a mapping"]),
    (("data",), {"train": 3}, ["data.source: is missing"]),
    (("data", "trian"), 3, ["did you mean 'train'"]),
    (("data", "train"), 0, ["data.train", "at least 1"]),
    (("data", "valid"), 2.5, ["2.5", "a fraction is below 1"]),
    (("data", "valid"), 5000, ["leaves nothing"]),
    (("data", "valid"), -1, ["valid", "-1"]),
    (("data", "valid"), NAN, ["data.valid", "finite"]),
    (("data", "valid"), "some", ["data.valid", "'some'"]),
    (("data", "resize"), 0, ["data.resize", "such as 28, or [height, width]", "got 0"]),
    (("data", "resize"), [28], ["data.resize", "[height, width]", "[28]"]),
    (("data", "mode"), "rgb", ["data.mode", "'L' or 'RGB'"]),
    (("data", "source"), "nosuchplace", ["nosuchplace: no such folder"]),
    (("data", "source"), "./nosuch", ["./nosuch: no such folder"]),
    (("data", "source"), None, ["data.source", "null"]),
    (("model",), "mpl", ["model", "did you mean 'mlp'"]),
    (("model",), 3, ["model: must be a mapping"]),
    (("model",), MISSING, ["model: is missing"]),
    (("model",), {"hidden": [3]}, ["'kind'"]),
    (("model",), {"kind": "mlp", "hiden": [3]}, ["mlp has no option 'hiden'", "did you mean 'hidden'"]),
    (("model",), {"kind": "mlp", "hidden": "many"}, ["hidden", "'many'"]),
    (("model",), {"kind": "mlp", "hidden": datetime.date(2020, 1, 1)}, ["hidden must be a list"]),
    (("model",), {"kind": "mlp", "hidden": [10**12]}, ["model", "not enough memory"]),
    (("model",), "vgg16", ["vgg16 needs images of at least 32x32", "resize: 32"]),
    ((*DENSE, "model"), "wongcnn", ["networks.dense.model", "did you mean 'wang_cnn'"]),
    # seeds, published numbers, statements, presets
    (("seeds",), [0, 0], ["seeds: different whole numbers"]),
    (("seeds",), [-1], ["seeds.0", "at least 0"]),
    (("seeds",), [10**30], ["seeds.0", "less than 4294967296"]),
    (("seeds",), ["a"], ["seeds.0", "'a'"]),
    (("seeds",), [1.5], ["seeds.0", "1.5"]),
    (("seeds",), 3, ["seeds: must be a list"]),
    (("seeds",), [], ["seeds"]),
    (("published", "values"), {"dens": {"natural": 3}}, ["published.values", "the row 'dens'", "did you mean 'dense'"]),
    (("published", "values"), {"dense": {"natral": 3}}, ["the measure 'natral'", "did you mean 'natural'"]),
    (("published", "values", "dense", "natural"), 990, ["published.values.dense.natural: 990 is no percentage"]),
    (("published", "values", "dense", "natural"), "good", ["published.values.dense.natural", "'good'"]),
    (("published", "values", "dense", "natural"), NAN, ["finite"]),
    (("published", "source"), MISSING, ["published.source: is missing"]),
    ((*STATEMENT, "rows"), ["weight 5%"], ["the row 'weight 5%'", "did you mean 'weight 50%'"]),
    ((*STATEMENT, "than"), "dens", ["the row 'dens'", "did you mean 'dense'"]),
    ((*STATEMENT, "than"), "weight 50%", ["compared with itself"]),
    ((*STATEMENT, "metrics"), ["natral"], ["did you mean 'natural'"]),
    ((*STATEMENT, "rows"), "dense", ["statements.0.rows", "must be a list"]),
    ((*STATEMENT, "rows"), [], ["statements.0.rows", "is empty"]),
    ((*STATEMENT, "points"), -1, ["at least 0"]),
    ((*STATEMENT, "kind"), "keps", ["did you mean 'keeps'", "at_least, at_most"]),
    ((*STATEMENT, "text"), MISSING, ["keeps needs 'text'"]),
    (("statements",), ["a sentence"], ["statements.0", "{kind: keeps, ...}"]),
    (("presets",), {"smoke": None}, ["presets.smoke", "null"]),
    (("presets",), {"full": {}}, ["presets", "got 'full'"]),
    (("presets",), {"../../x": {}}, ["presets", "got '../../x'"]),
    (("presets",), {"lite": {"data.tarin.x": 60}}, ["presets.lite", "did you mean 'train'"]),
    (("presets",), {"lite": {"data.train": "x"}}, ["presets.lite", "data.train", "whole number"]),
    (("presets",), {"lite": {"networks.weight {r}%.for.r": [1]}}, ["presets.lite", "'weight {r}%'", "weight 50%"]),
    # the whole
    (("title",), MISSING, ["title: is missing"]),
    (("title",), 3, ["title: must be text"]),
    (("network",), {}, ["there is no option 'network'", "did you mean 'networks'"]),
]


def _named(entry: tuple[tuple[Any, ...], Any, list[str]]) -> str:
    path, to, _ = entry
    return f"{'.'.join(map(str, path))}={'MISSING' if to is MISSING else to!r}"[:70]


@pytest.mark.parametrize(("path", "to", "words"), WRONG, ids=map(_named, WRONG))
def test_a_wrong_recipe_is_refused_in_one_line_before_anything_runs(
    cli: Cli, tmp_path: Path, path: tuple[Any, ...], to: Any, words: list[str]
) -> None:
    write(tmp_path, tiny(*path, to=to))

    line = refusal(cli("run", "r.yaml", "--store", "store"))

    assert line.startswith("r.yaml: ")
    assert [word for word in words if word not in line] == [], line
    assert not list(tmp_path.glob("store/stages/*"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["a recipe is a mapping", "NoneType"]),
        ("- a\n- b\n", ["a recipe is a mapping", "list"]),
        ("hello", ["a recipe is a mapping", "str"]),
        ("title: x\n\tdata: y\n", ["line 2", "'\\t'"]),
        ("title: [x\ndata: y\n", ["line 2", "not valid YAML"]),
        ("title: x\ntitle: y\n", ["line 2", "'title' is there twice"]),
        ("data: {train: 3, train: 4}\n", ["line 1", "'train' is there twice"]),
        ("networks: &a\n  b: *a\n", ["line 1", "recursive"]),
        ("seeds: &a [*a]\n", ["recursive"]),
        ("title: *x\n", ["line 1", "alias 'x'"]),
        ("title: !!python/object/apply:os.system ['echo hi']\n", ["line 1", "constructor"]),
        ("title: !!timestamp never\n", ["not valid YAML"]),
        ("title: 2020-99-99\n", ["not valid YAML", "month must be in 1..12"]),
        ("title: a\x00b", ["not valid YAML"]),
        ("title: a\n---\ntitle: b\n", ["line 2", "another document"]),
        ("? [a, b]\n: c\n", ["line 1"]),
        ("a: " + "[" * 3000 + "]" * 3000, ["nested too deeply"]),
        (b"\x00\x01\xff\xfe", ["not text in UTF-8"]),
        ("title: x".encode("utf-16"), ["not text in UTF-8"]),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_in_one_line(
    cli: Cli, tmp_path: Path, text: str | bytes, words: list[str]
) -> None:
    write(tmp_path, text)

    line = refusal(cli("show", "r.yaml"))

    assert line.startswith("r.yaml: ")
    assert [word for word in words if word not in line] == [], line


def test_a_statement_cannot_be_about_a_cost(cli: Cli, tmp_path: Path) -> None:
    recipe = tiny("statements", 0, "metrics", to=["cost"])
    recipe["measures"]["cost"] = {"kind": "cost"}
    write(tmp_path, recipe)
    assert "the accuracy 'cost'; Known: fgsm 0.1, natural, pgd" in refusal(cli("show", "r.yaml"))


def test_a_recipe_that_shows_no_network_is_refused(cli: Cli, tmp_path: Path) -> None:
    recipe = tiny("statements", to=[])
    del recipe["published"]
    for network in recipe["networks"].values():
        network["show"] = False
    write(tmp_path, recipe)
    assert "nothing would be measured" in refusal(cli("show", "r.yaml"))


def test_a_substitute_that_leaves_no_image_to_measure_is_refused_before_anything_is_trained(
    cli: Cli, tmp_path: Path
) -> None:
    write(tmp_path, tiny(*FGSM, "source", to={"kind": "substitute"}))
    line = refusal(cli("run", "r.yaml"))
    assert "measures.fgsm 0.1: source: a substitute is trained on the first 150 of 40 test images" in line
    assert not (tmp_path / "runs" / "stages").exists()


def test_a_noise_that_aims_at_no_class_is_refused_before_anything_is_trained(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny(*PGD, to={**NOISE, "target": 30}))
    line = refusal(cli("run", "r.yaml"))
    assert "measures.pgd: universal_noise aims at class 30, but digits has 10 classes, numbered from 0" in line
    assert not (tmp_path / "runs" / "stages").exists()


def test_a_misspelt_key_is_named_instead_of_the_one_that_it_makes_missing(cli: Cli, tmp_path: Path) -> None:
    recipe = tiny(*TRAIN, "epochs", to=MISSING)
    recipe["networks"]["dense"]["steps"][0]["epocs"] = 2
    write(tmp_path, recipe)
    said = refusal(cli("run", "r.yaml"))
    assert said.startswith("r.yaml: networks.dense.steps.0.epocs: train has no option 'epocs'; did you mean 'epochs'?")
    assert "more)" not in said  # what is missing is what was misspelt


def test_what_is_written_wrongly_comes_before_what_is_missing(cli: Cli, tmp_path: Path) -> None:
    recipe = tiny(*TRAIN, "epochs", to=MISSING)
    recipe["measures"]["natural"]["quickly"] = True
    write(tmp_path, recipe)
    said = refusal(cli("run", "r.yaml"))
    assert "measures.natural.quickly" in said and said.endswith("(and 1 more)")


ADMM = {"kind": "admm", "sparsity": "50%", "layers": ["nosuch"]}


@pytest.mark.parametrize(
    ("path", "said", "words"),
    [
        ((*PRUNE, "layers"), ["nosuch"], ["networks.weight 50%.steps.0", "'nosuch'", "fc1"]),
        (
            (*PRUNE, "also"),
            [{"criterion": {"kind": "magnitude"}, "sparsity": "10%", "layers": ["no*"]}],
            ["weight 50%.steps.0", "'no*'"],
        ),
        ((*TRAIN, "constraint"), ADMM, ["networks.dense.steps.0", "'nosuch'"]),
        (CURVE, {**A_CURVE, "layers": ["nosuch"]}, ["measures.curve", "'nosuch'"]),
        (
            CURVE,
            {"kind": "vulnerability_map", "attack": {"kind": "fgsm", "eps": 0.1}, "tap": "fc"},
            ["measures.curve", "'fc'", "did you mean 'fc1'"],
        ),
    ],
)
def test_a_layer_that_is_not_there_is_refused_before_anything_is_trained(
    cli: Cli, tmp_path: Path, path: tuple[Any, ...], said: Any, words: list[str]
) -> None:
    write(tmp_path, tiny(*path, to=said))
    told = refusal(cli("run", "r.yaml", "--store", "store"))
    assert all(word in told for word in words), told
    assert not list((tmp_path / "store").glob("stages/*"))
