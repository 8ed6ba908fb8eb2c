"""What a recipe or a paper claims, decided from what was measured. Nothing here loads torch.

Exporting a kind of statement here, and adding it to `AnyStatement`, lets recipes make it.
"""

from typing import Annotated

from pydantic import Field

from .accuracy import Above as Above
from .accuracy import AtLeast as AtLeast
from .accuracy import AtMost as AtMost
from .accuracy import Higher as Higher
from .accuracy import Keeps as Keeps
from .accuracy import Lower as Lower
from .accuracy import NotBelow as NotBelow
from .ahead import Ahead as Ahead
from .certified import Proved as Proved
from .cost import Cheaper as Cheaper
from .cost import Proportional as Proportional
from .curve import Rises as Rises
from .curve import Stays as Stays
from .detection import Detects as Detects
from .detection import DetectsBetter as DetectsBetter
from .evidence import Evidence as Evidence
from .finding import Percent as Percent
from .judge import Verdict as Verdict
from .judge import judge as judge
from .numbers import MoreVulnerable as MoreVulnerable
from .numbers import Reaches as Reaches
from .select import AnyRule as AnyRule
from .select import Choice as Choice
from .select import HighCompression as HighCompression
from .select import HighRobustness as HighRobustness
from .select import NoLoss as NoLoss
from .select import Selected as Selected
from .select import Selection as Selection
from .select import Tried as Tried
from .select import choose as choose
from .select import select as select
from .sweep import Further as Further
from .sweep import Sooner as Sooner

AnyStatement = Annotated[
    Keeps
    | Lower
    | Higher
    | NotBelow
    | Above
    | AtMost
    | AtLeast
    | Sooner
    | Further
    | Ahead
    | Stays
    | Rises
    | Cheaper
    | Proportional
    | Proved
    | Detects
    | DetectsBetter
    | MoreVulnerable
    | Reaches,
    Field(discriminator="kind"),
]
"""Every kind of statement that a recipe can make."""

__all__ = [
    "Above",
    "Ahead",
    "AnyRule",
    "AnyStatement",
    "AtLeast",
    "AtMost",
    "Cheaper",
    "Choice",
    "Detects",
    "DetectsBetter",
    "Evidence",
    "Further",
    "HighCompression",
    "HighRobustness",
    "Higher",
    "Keeps",
    "Lower",
    "MoreVulnerable",
    "NoLoss",
    "NotBelow",
    "Percent",
    "Proportional",
    "Proved",
    "Reaches",
    "Rises",
    "Selected",
    "Selection",
    "Sooner",
    "Stays",
    "Tried",
    "Verdict",
    "choose",
    "judge",
    "select",
]
