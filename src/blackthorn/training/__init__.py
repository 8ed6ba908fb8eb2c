"""Training: `fit` minimises an objective on images, subject to constraints."""

from ..speed.denormals import flushed as flushed
from ..speed.ranks import alone as alone
from ..speed.whole_batch import drawn as drawn
from .constraint import Constraint as Constraint
from .early_stopping import EarlyStopping as EarlyStopping
from .inversion import Inversion as Inversion
from .inversion import Inverted as Inverted
from .optimizers import SGD as SGD
from .optimizers import Adam as Adam
from .optimizers import AnyOptimizer as AnyOptimizer
from .optimizers import RMSprop as RMSprop
from .robust_dataset import RobustDataset as RobustDataset
from .robust_dataset import robust_dataset as robust_dataset
from .run import Epoch as Epoch
from .schedules import (
    AnySchedule as AnySchedule,
)
from .schedules import (
    Constant as Constant,
)
from .schedules import (
    Cosine as Cosine,
)
from .schedules import (
    Periodic as Periodic,
)
from .schedules import (
    Piecewise as Piecewise,
)
from .substitute import Substitute as Substitute
from .substitute import Substituted as Substituted
from .trainer import fit as fit

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
    "Inversion",
    "Inverted",
    "Periodic",
    "Piecewise",
    "RMSprop",
    "RobustDataset",
    "Substitute",
    "Substituted",
    "alone",
    "drawn",
    "fit",
    "flushed",
    "robust_dataset",
]
