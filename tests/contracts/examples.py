"""One row for everything that is exported: at least one example of every value class, with and without its options.

A contract test fails when a value class is exported and has no example here.
"""

from blackthorn import attacks, channels, data, measuring, models, objectives, pruning, training
from blackthorn.attacks import FGSM, PGD, Evading, ScaledGradient, UniversalNoise
from blackthorn.measuring import Accuracy, Certified, Cost, Detection, PruningCurve, SourceNetwork
from blackthorn.objectives import Adversarial, CrossEntropy, IntervalBound, LinearQuadratic
from blackthorn.pruning import ActivatedValue, FilterNorm, Magnitude, Pruning
from blackthorn.training import SGD, Adam, Constant, Cosine, EarlyStopping, Piecewise, RMSprop, Substitute

PACKAGES = (attacks, channels, data, measuring, models, objectives, pruning, training)

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
]
OPTIMIZERS = [
    SGD(lr=0.05),
    SGD(lr=0.05, nesterov=True, weight_decay=1e-3),
    Adam(lr=0.01),
    RMSprop(lr=0.01, alpha=0.9, weight_decay=1e-4),
    Adam(lr=0.01, weight_decay=1e-4, decay="weights"),
]
SCHEDULES = [Constant(), Piecewise(at=(0.5, 0.75)), Cosine(), Cosine(warmup=0.1, final=0.01)]
SOURCES = [Substitute(), Substitute(of="dense", holdout=8, rounds=2, hidden=(4,)), SourceNetwork(name="dense")]
MEASURES = [
    Accuracy(),
    Accuracy(attack=PGD(eps=0.1, steps=3), n_max=10),
    Accuracy(attack=FGSM(eps=0.1), source=Substitute(holdout=8, rounds=2, epochs=1)),
    Certified(eps=0.01),
    Certified(eps=0.2, norm="l2", method="interval", n_max=10),
    Cost(batches=(1,), repeats=3),
    PruningCurve(criterion=Magnitude(), last=0.9, step=0.3),
    PruningCurve(criterion=ActivatedValue(images=4), also=Magnitude(), each_layer=True, last=0.5, step=0.5),
    Detection(attack=PGD(eps=0.1, steps=3)),
    Detection(attack=Evading(eps=0.1, steps=3, restarts=1), outputs="softmax", n_max=20),
    Detection(noises=(UniversalNoise(target=0, limit=0.3, steps=2),)),
]
AUGMENTATIONS = [data.Crop(), data.Crop(pad=1), data.Flip()]
PRUNINGS = [
    Pruning(criterion=Magnitude(), sparsity=0.9),
    Pruning(criterion=FilterNorm(), sparsity=0.5, budget="params", floor=2, coupled=True, layers=("conv*",)),
]
OTHERS = [*PRUNINGS, EarlyStopping(), EarlyStopping(attack=FGSM(eps=0.1), patience=2, images=32)]
VALUES = [
    *ATTACKS,
    *NOISES,
    *CRITERIA,
    *OBJECTIVES,
    *OPTIMIZERS,
    *SCHEDULES,
    *MEASURES,
    *SOURCES,
    *AUGMENTATIONS,
    *OTHERS,
]

MODELS = {
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
