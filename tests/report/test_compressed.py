"""What a person reads of a compression, word for word."""

from blackthorn.claims.wishes import Candidate, Granted, Wishes
from blackthorn.report.compressed import left_out, told

WISHES = Wishes({"smaller": 4.0}, {"natural, to choose by": 1.0, "pgd 8/255, to choose by": 2.0})
SIZES = {"net": 181_000, "filters 82%": 34_600}


def one(row: str, smaller: float, natural: float, robust: float) -> Candidate:
    losses = {"natural, to choose by": natural, "pgd 8/255, to choose by": robust}
    return Candidate(row, {"smaller": smaller}, losses)


def test_a_wish_that_is_granted() -> None:
    assert told(Granted(one("filters 82%", 5.236, 0.04, -1.3)), WISHES, "net", SIZES) == (
        "filters 82% is 5.24x smaller (wished: 4x smaller): 181 kB became 34.6 kB. On the images by which it was "
        "chosen it keeps natural accuracy and gains 1.3 points of accuracy under pgd 8/255."
    )


def test_a_wish_that_costs_too_much() -> None:
    nearest, closest = one("filters 75%", 4.3, 0.5, 6.0), one("weights 65%", 2.6, 0.4, 1.5)
    name = "pgd 8/255, to choose by"
    assert told(Granted(None, (name,), nearest, closest), WISHES, "net", {}) == (
        "No network that was tried is 4x smaller and keeps natural accuracy within 1 point and accuracy under pgd "
        "8/255 within 2 points of net. What it costs is accuracy under pgd 8/255: filters 75% is 4.3x smaller, but "
        "loses 0.5 points of natural accuracy and loses 6.0 points of accuracy under pgd 8/255. Closest comes "
        "weights 65%, 2.6x smaller, which loses 0.4 points of natural accuracy and loses 1.5 points of accuracy "
        "under pgd 8/255."
    )


def test_a_wish_that_nothing_reaches() -> None:
    wishes = Wishes({"faster": 3.0}, {"natural, to choose by": 1.0})
    assert told(Granted(None, ("faster",), None, None), wishes, "net", {}) == (
        "No network that was tried is 3x faster and keeps natural accuracy within 1 point of net. The expensive wish "
        "is 3x faster: none goes so far, whatever it loses. All lose more than that: fine-tune longer (--epochs), or "
        "allow more to be lost."
    )


def test_zeros_are_told_in_percent() -> None:
    wishes = Wishes({"sparsity": 0.9}, {"natural, to choose by": 1.0})
    found = Candidate("weights 91%", {"sparsity": 0.9099}, {"natural, to choose by": 0.0})
    said = told(Granted(found), wishes, "net", {"net": 2000, "weights 91%": 1000})
    assert said.startswith("weights 91% is 90.99 % zeros (wished: 90 % zeros): 2.00 kB became 1.00 kB.")


def test_networks_that_failed_alike_share_a_line() -> None:
    guessing = "train 1 epoch: accuracy is {}, no better than guessing (10.2%): train longer"
    reasons = {
        "weights 91%": f"seed 0 · weights 91% · {guessing.format('10.1%')}",
        "filters 97%": f"seed 0 · filters 97% · {guessing.format('9%')}",
        "each layer 8.5%": "seed 0 · filters 97% · prune 0.97: removes nothing",
    }
    assert left_out(reasons) == [
        f"weights 91% and filters 97% could not be had; weights 91%, for one: {guessing.format('10.1%')}",
        "each layer 8.5% could not be had: filters 97% · prune 0.97: removes nothing",
    ]
    assert left_out({}) == []
