"""One row for everything that is exported: at least one example of every value class, with and without its options.

A contract test fails when a value class is exported and has no example here.
"""

from typing import Any

from blackthorn import attacks, claims, data, gates, measuring, objectives, pruning, stages, training
from blackthorn.attacks import APGD, FAB, FGSM, PGD, AutoAttack, Evading, ScaledGradient, Square, UniversalNoise
from blackthorn.claims import (
    Above,
    Ahead,
    AtLeast,
    AtMost,
    Cheaper,
    Detects,
    DetectsBetter,
    Further,
    HighCompression,
    Higher,
    HighRobustness,
    Keeps,
    Lower,
    MoreVulnerable,
    NoLoss,
    NotBelow,
    Proportional,
    Proved,
    Reaches,
    Rises,
    Selection,
    Sooner,
    Stays,
)
from blackthorn.gates import BetaBernoulli
from blackthorn.measuring import (
    Accuracy,
    Certified,
    Cost,
    Counted,
    Detection,
    Fragility,
    LossSurface,
    PruningCurve,
    SourceNetwork,
    Unpruned,
    Vulnerability,
    VulnerabilityMap,
)
from blackthorn.objectives import (
    Adversarial,
    AdversarialPruning,
    BayesianPruning,
    CrossEntropy,
    IntervalBound,
    LinearQuadratic,
    Trades,
    Variational,
)
from blackthorn.pruning import ADMM, FPGM, RFP, ActivatedValue, FilterNorm, Magnitude, Pruning, RandomFilters
from blackthorn.stages import (
    AdversarialImages,
    Decouple,
    Export,
    FoldGates,
    InsertGates,
    Prune,
    RobustImages,
    Shrink,
    Train,
)
from blackthorn.training import (
    SGD,
    Adam,
    Constant,
    Cosine,
    EarlyStopping,
    Inversion,
    Periodic,
    Piecewise,
    RMSprop,
    Substitute,
)

PACKAGES = (attacks, claims, data, gates, measuring, objectives, pruning, stages, training)
"""The packages that export values."""

ATTACKS = [
    FGSM(eps=0.1),
    FGSM(eps=0.1, loss="margin"),
    PGD(eps=0.1, steps=5),
    PGD(norm="l2", eps=0.5, steps=5, restarts=2),
    PGD(eps=0.1, steps=6, loss="margin", random_start=False),
    PGD(eps=0.1, steps=5, loss="quadratic", step_size=0.05),
    ScaledGradient(eps=0.1, steps=10),
    Evading(eps=0.1, steps=6, restarts=2),
    Evading(norm="l2", eps=0.5, steps=6, outputs="softmax"),
    APGD(eps=0.1, steps=6),
    APGD(norm="l2", eps=0.5, steps=6, loss="dlr", toward="likely", restarts=2),
    APGD(eps=0.1, steps=6, loss="margin", toward="nearest", restarts=3),
    FAB(eps=0.1, steps=6, restarts=2),
    FAB(norm="l2", eps=0.5, steps=6),
    Square(eps=0.1, queries=20),
    Square(norm="l2", eps=0.5, queries=20, restarts=2),
    AutoAttack(eps=0.1, tier="screen"),
]
NOISES = [
    UniversalNoise(target=3, limit=0.25),
    UniversalNoise(target=0, limit=0.1, preset="hvass", steps=20, loss="quadratic", clip_eval=False),
]
CRITERIA = [
    Magnitude(),
    Magnitude(include_output=False),
    FilterNorm(),
    FilterNorm(norm="l2", include_linear=True),
    ActivatedValue(),
    ActivatedValue(images=10, source="test", include_output=False),
    FPGM(),
    FPGM(norm="l1", variant="rfp_text", include_linear=True),
    RandomFilters(),
    RandomFilters(seed=3, include_linear=True),
    RFP(),
    RFP(norm="l1", gradient="each_image", attack=FGSM(eps=0.1), include_linear=True),
    RFP(gradient="output", attack=PGD(norm="l2", eps=0.3, steps=2), per_class=2),
]
OBJECTIVES = [
    IntervalBound(eps=0.05),
    IntervalBound(eps=0.05, kappa=0.3, on=Adversarial(attack=PGD(eps=0.1, steps=2))),
    CrossEntropy(),
    LinearQuadratic(),
    LinearQuadratic(output_activation="softmax"),
    Adversarial(attack=FGSM(eps=0.1), eps_sampling="truncated_gaussian", label="predicted"),
    Adversarial(attack=PGD(eps=0.1, steps=2), clean_weight=0, adv_weight=1, on=LinearQuadratic()),
    Adversarial(attack=FGSM(eps=0.1), clean_weight=1 / 3, adv_weight=2 / 3, vulnerability=1e-3),
    BayesianPruning(),
    BayesianPruning(on=Adversarial(attack=FGSM(eps=0.1)), kl_weight=4),
    AdversarialPruning(weights=Adversarial(attack=FGSM(eps=0.1))),
    AdversarialPruning(
        weights=Adversarial(attack=PGD(eps=0.1, steps=2), vulnerability=0.1), kl_weight=4, same_draws=False
    ),
    Trades(eps=0.1, steps=2),
    Trades(eps=0.1, steps=2, step_size=0.1, beta=1),
    Variational(on=Adversarial(attack=FGSM(eps=0.1)), kl_weight=0.01),
]
GATES = [BetaBernoulli(), BetaBernoulli(lr=0.03, a=2, prior=1e-3, temperature=0.5, threshold=0.01)]
OPTIMIZERS = [
    SGD(lr=0.05),
    SGD(lr=0.05, nesterov=True, weight_decay=1e-3),
    Adam(lr=0.01),
    RMSprop(lr=0.01, alpha=0.9, weight_decay=1e-4),
    Adam(lr=0.01, weight_decay=1e-4, decay="weights"),
]
SCHEDULES = [Constant(), Piecewise(at=(0.5, 0.75)), Periodic(times=3), Cosine(), Cosine(warmup=0.1, final=0.01)]
SOURCES = [
    Substitute(),
    Substitute(of="dense", holdout=8, rounds=2, hidden=(4,)),
    SourceNetwork(name="dense"),
    Unpruned(),
]
MEASURES = [
    Accuracy(),
    Accuracy(attack=PGD(eps=0.1, steps=3), n_max=10),
    Accuracy(attack=FGSM(eps=0.1), source=Substitute(holdout=8, rounds=2, epochs=1)),
    Certified(eps=0.01),
    Certified(eps=0.2, norm="l2", method="interval", n_max=10),
    Cost(batches=(1,), repeats=3),
    Cost(batches=(1,), repeats=3, also=("sparse", "onnx", "int8")),
    Counted(what="memory"),
    Counted(what="xflops", counting="official"),
    Counted(what="units"),
    Counted(what="weights"),
    PruningCurve(criterion=Magnitude(), last=0.9, step=0.3),
    PruningCurve(criterion=ActivatedValue(images=4), also=Magnitude(), each_layer=True, last=0.5, step=0.5),
    Detection(attack=PGD(eps=0.1, steps=3)),
    Detection(attack=Evading(eps=0.1, steps=3, restarts=1), outputs="softmax", n_max=20),
    Detection(noises=(UniversalNoise(target=0, limit=0.3, steps=2),)),
    Fragility(eps=0.2),
    Fragility(eps=1.0, norm="l2", rungs=3, steps=3, n_max=10),
    Vulnerability(attack=PGD(eps=0.1, steps=3)),
    Vulnerability(attack=FGSM(eps=0.1), n_max=10, batch_size=7, precision="float32"),
    VulnerabilityMap(attack=PGD(eps=0.1, steps=3)),
    VulnerabilityMap(attack=FGSM(eps=0.1), mode="input_gradient", images=20),
    LossSurface(eps=0.1, points=3),
    LossSurface(eps=0.1, points=5, loss="margin", n_max=None),
]
AUGMENTATIONS = [data.Crop(), data.Crop(pad=1), data.Flip()]
PRUNINGS = [
    Pruning(criterion=Magnitude(), sparsity=0.9),
    Pruning(criterion=FilterNorm(), sparsity=0.5, budget="params", floor=2, coupled=True, layers=("conv*",)),
    Pruning(criterion=FPGM(), sparsity=0.5, scope="per_layer", largest=True),
]
IMAGES = [
    AdversarialImages(of="dense", attack=FGSM(eps=0.1)),
    AdversarialImages(of="dense", attack=FGSM(eps=0.1), with_clean=True),
    RobustImages(of="dense"),
    RobustImages(of="dense", standard="other", steps=20, step_size=0.5, final_step_size=0.05, start="noise"),
]
STEPS = [
    Train(epochs=2),
    Train(epochs=2, constraint=ADMM(sparsity=0.8, period=1)),
    Train(epochs=1, objective=LinearQuadratic(), augment=(data.Crop(), data.Flip()), early_stopping=EarlyStopping()),
    Prune(criterion=Magnitude(), sparsity=0.9),
    Prune(criterion=Magnitude(), sparsity=0.9, also=(Pruning(criterion=FilterNorm(), sparsity=0.5),)),
    Shrink(),
    Decouple(),
    Decouple(layers=("conv*",)),
    InsertGates(),
    InsertGates(gate=BetaBernoulli(lr=0.03), convolutions=BetaBernoulli(a=2), linear="input"),
    FoldGates(),
    FoldGates(exact=False),
    Export(),
    Export(format="int8", calibrate=64),
]
AGAINST: Any = {"text": "It is so.", "rows": ("pruned",), "than": "dense", "metrics": ("natural",)}
ABOUT: Any = {"text": "It is so.", "rows": ("dense", "pruned"), "metrics": ("natural", "pgd")}
STATEMENTS = [
    Keeps(**AGAINST, points=1),
    Lower(**AGAINST),
    Higher(**AGAINST, points=2, fewest=1),
    NotBelow(text="It is so.", rows=("dense",), metric="substitute", than_metric="pgd"),
    Above(**ABOUT, than_metrics=("pgd", "fgsm"), points=1),
    AtMost(**ABOUT, percent=10),
    Proved(**ABOUT, percent=10),
    AtLeast(**ABOUT, percent=90),
    Sooner(text="It is so.", rows="weight *", than="dense", metrics=("pgd",), than_metric="natural", points=1),
    Further(text="It is so.", rows="weight *", against="filter *", than="dense", metrics=("pgd",), points=1),
    Ahead(text="It is so.", rows="weight *", against=("filter *",), metrics=("pgd",), fewest=1),
    Stays(**ABOUT, upto=0.3, points=1, layers=("fc1",)),
    Rises(**ABOUT, points=2, by=1, fewest=2),
    Cheaper(text="It is so.", rows=("pruned",), of="latency", batch=128, times=3),
    Cheaper(text="It is so.", rows=("pruned",), of="bytes", times=5),
    Proportional(text="It is so.", rows=("dense", "half", "pruned"), batch=128),
    Detects(**ABOUT, at_least=0.9),
    Detects(**ABOUT, number="undetected", at_most=0.1, fewest=1),
    DetectsBetter(**AGAINST),
    MoreVulnerable(**AGAINST),
    Reaches(**ABOUT, number=75),
]
RULES = [NoLoss(), HighCompression(nat_tol=0.5), HighRobustness(adv_tol=5)]
SELECTIONS = [
    Selection(rule=NoLoss(), rows="weight *", than="dense"),
    Selection(rule=HighRobustness(), rows="weight *", than="dense", adversarial="pgd", published=0.96),
]
OTHERS = [
    Inversion(),
    Inversion(steps=200, fake_relu=False),
    ADMM(sparsity=0.8),
    ADMM(sparsity=0.5, unit="filters", period=2),
    *PRUNINGS,
    EarlyStopping(),
    EarlyStopping(attack=FGSM(eps=0.1), patience=2, images=32),
]
VALUES = [
    *ATTACKS,
    *NOISES,
    *CRITERIA,
    *OBJECTIVES,
    *GATES,
    *OPTIMIZERS,
    *SCHEDULES,
    *MEASURES,
    *SOURCES,
    *AUGMENTATIONS,
    *STEPS,
    *IMAGES,
    *STATEMENTS,
    *RULES,
    *SELECTIONS,
    *OTHERS,
]

MODELS = {
    "gaussian": (1, 28),
    "lenet5_caffe": (1, 28),
    "mlp": (1, 28),
    "parana_cnn": (1, 28),
    "resnet18": (3, 32),
    "vgg16": (3, 32),
    "vgg16_anp": (3, 32),
    "wang_cnn": (1, 28),
    "wide_resnet": (3, 32),
    "wrn28_4": (3, 32),
}
"""Channels and side of the images each built-in network is made for."""
