"""Training: `fit` minimises an objective on images, subject to constraints."""

from .constraint import Constraint as Constraint
from .denormals import flushed as flushed
from .early_stopping import EarlyStopping as EarlyStopping
from .optimizers import SGD as SGD, Adam as Adam, AnyOptimizer as AnyOptimizer, RMSprop as RMSprop
from .schedules import (
    AnySchedule as AnySchedule,
    Constant as Constant,
    Cosine as Cosine,
    Piecewise as Piecewise,
)
from .trainer import Epoch as Epoch, fit as fit

__all__ = [
    "SGD",
    "Adam",
    "AnyOptimizer",
    "AnySchedule",
    "Constant",
    "Constraint",
    "Cosine",
    "EarlyStopping",
    "Epoch",
    "Piecewise",
    "RMSprop",
    "fit",
    "flushed",
]
