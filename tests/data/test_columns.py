from pathlib import Path

import datasets
import pytest

from blackthorn.data import load_data
from blackthorn.data.columns import encode, label_column
from blackthorn.errors import DataError

from .conftest import pixels, write_parquet

CLASSES = datasets.ClassLabel(names=["a", "b"])
WHOLE = datasets.Value("int64")


def test_columns_are_found_by_type_whatever_their_names(tmp_path: Path) -> None:
    write_parquet(
        tmp_path / "odd/train-0.parquet",
        list(pixels(20, 4, 4)),
        [0, 1] * 10,
        image="scan",
        label="diagnosis",
        more={"age": (WHOLE, list(range(20)))},
    )
    assert load_data(tmp_path / "odd", valid=0).train.y.bincount().tolist() == [9, 9]


def test_the_fine_label_is_preferred_to_a_coarse_one(tmp_path: Path) -> None:
    coarse = {"coarse_label": (datasets.ClassLabel(names=["x", "y", "z"]), [2, 1] * 10)}
    write_parquet(
        tmp_path / "c/train-0.parquet",
        list(pixels(20, 4, 4)),
        [0, 1] * 10,
        image="img",
        label="fine_label",
        more=coarse,
    )
    assert load_data(tmp_path / "c").train.classes == ("ant", "bee")


def test_several_label_columns_without_a_known_name_are_refused() -> None:
    with pytest.raises(DataError, match=r"could be the label: genus, species; rename the one .* 'label'"):
        label_column({"genus": CLASSES, "species": CLASSES}, "plants")


def test_class_labels_are_preferred_to_whole_numbers() -> None:
    assert label_column({"label": WHOLE, "kind": CLASSES}, "x") == "kind"


def test_a_lone_column_of_strings_is_the_labels() -> None:
    assert label_column({"breed": datasets.Value("string"), "weight": datasets.Value("float32")}, "x") == "breed"


def test_strings_become_classes_in_alphabetical_order_over_all_splits() -> None:
    y, classes = encode({"train": ["cat", "ant", "cat"], "test": ["bee"]}, None, "label", "x")
    assert classes == ("ant", "bee", "cat")
    assert (y["train"].tolist(), y["test"].tolist()) == ([2, 0, 2], [1])


def test_whole_numbers_become_classes_in_numerical_order() -> None:
    y, classes = encode({"train": [10, 2, 10]}, None, "label", "x")
    assert (y["train"].tolist(), classes) == ([1, 0, 1], ("2", "10"))


def test_a_column_that_differs_in_every_row_holds_no_classes() -> None:
    with pytest.raises(DataError, match="column 'id' is different in every row"):
        encode({"train": list(range(12))}, None, "id", "x")


def test_a_label_beyond_its_names_is_refused() -> None:
    with pytest.raises(DataError, match="train row 1: column 'label' is 2 of 2 classes"):
        encode({"train": [0, 2]}, ["a", "b"], "label", "x")


def test_encoded_bytes_that_lost_their_type_are_still_images(tmp_path: Path) -> None:
    import pyarrow.parquet

    file = write_parquet(tmp_path / "bare/train-0.parquet", list(pixels(20, 4, 4)), [0, 1] * 10)
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(file).replace_schema_metadata(None), file)
    splits = load_data(tmp_path / "bare")
    assert (splits.shape, splits.train.classes) == ((1, 4, 4), ("0", "1"))
