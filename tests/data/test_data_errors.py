"""Every refusal is one line that says where, what was read, and what to write."""

import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blackthorn.data import load_data
from blackthorn.data.hub import reachable
from blackthorn.errors import DataError

from .conftest import pixels, png, write_parquet


def refusal(source: str | Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        load_data(source, **options)  # type: ignore[arg-type]  # wrong on purpose
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


@pytest.fixture
def spoil(tmp_path: Path) -> Callable[..., Path]:
    """A folder `spoilt` of ten training images, in which `images` or `labels` replace the good ones."""

    def make(*, images: dict[int, object] | None = None, labels: dict[int, object] | None = None) -> Path:
        good = {**dict(enumerate(pixels(10, 8, 8))), **(images or {})}
        names = {**dict(enumerate([0, 1] * 5)), **(labels or {})}
        write_parquet(tmp_path / "spoilt/train-0.parquet", list(good.values()), list(names.values()))  # type: ignore[arg-type]
        return tmp_path / "spoilt"

    return make


def test_no_such_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere").startswith(f"{tmp_path}/nowhere: no such folder")


def test_an_empty_name_is_not_the_working_directory() -> None:
    assert "empty text" in refusal("")


def test_a_file_is_not_a_folder(bees: Path) -> None:
    assert "is a file; give the folder" in refusal(next(bees.glob("test*")))


def test_a_folder_without_data(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    assert refusal(tmp_path / "bare") == f"{tmp_path}/bare: no parquet or image files in this folder"


def test_a_data_root_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "data_root: there is no folder" in refusal("mnist", data_root=tmp_path / "no")
    monkeypatch.setenv("BLACKTHORN_DATA", str(tmp_path / "no"))
    assert "BLACKTHORN_DATA: there is no folder" in refusal("mnist")


def test_a_hub_id_while_offline_fails_at_once_and_says_where_to_put_a_folder(tmp_path: Path) -> None:
    start = time.perf_counter()
    message = refusal("ylecun/mnist", data_root=tmp_path)
    assert time.perf_counter() - start < 2
    assert "HF_HUB_OFFLINE is set" in message
    assert f"put its files in {tmp_path}/ylecun/mnist" in message


def test_a_misspelt_name_is_answered_with_the_nearest_one(tmp_path: Path, bees: Path) -> None:
    assert "did you mean 'bees'?" in refusal("bee", data_root=tmp_path)
    assert "did you mean 'digits'?" in refusal("digit", data_root=tmp_path)


def test_a_hub_that_never_answers_is_given_up_on() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        start = time.perf_counter()
        assert not reachable(f"http://127.0.0.1:{silent.getsockname()[1]}", patience=0.2)
        assert time.perf_counter() - start < 1


def test_a_hub_that_refuses_the_question_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refuses(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(405)

        def log_message(self, *_: object) -> None: ...

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert reachable(f"http://127.0.0.1:{server.server_port}")


def test_no_image_column_lists_the_columns_read(tmp_path: Path) -> None:
    import datasets

    folder = tmp_path / "words"
    folder.mkdir()
    datasets.Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]}).to_parquet(folder / "train-0.parquet")
    assert refusal(folder) == "words: no image column; columns read: text (string), label (int64)"


def test_no_label_column_lists_the_columns_read(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    for row, image in enumerate(pixels(3, 4, 4)):
        Image.fromarray(image).save(tmp_path / f"plain/{row}.png")
    assert refusal(tmp_path / "plain") == "plain: no label column; columns read: image (Image)"


def test_images_of_several_sizes_name_two_rows_and_resize(spoil: Callable[..., Path]) -> None:
    folder = spoil(images={4: pixels(1, 9, 7)[0]})
    message = refusal(folder)
    assert "train row 0 (0.png) is 8x8" in message
    assert "train row 4 (4.png) is 9x7; write resize: 8" in message
    assert load_data(folder, resize=8).shape == (1, 8, 8)


def test_train_and_test_of_several_sizes_are_refused_too(bees: Path) -> None:
    write_parquet(bees / "test-00000-of-00001.parquet", list(pixels(4, 7, 5)), [0, 1] * 2)
    assert "test row 0 (0.png) is 7x5; write resize: [6, 5]" in refusal(bees)


def test_images_of_several_modes_name_two_rows_and_mode(spoil: Callable[..., Path]) -> None:
    folder = spoil(images={3: pixels(1, 8, 8, 3)[0]})
    message = refusal(folder)
    assert "train row 0 (0.png) is L" in message
    assert "train row 3 (3.png) is RGB; write mode: RGB or mode: L" in message
    assert load_data(folder, mode="RGB").shape == (3, 8, 8)


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "CMYK"])
def test_palettes_and_alpha_are_read_only_with_a_mode(tmp_path: Path, mode: str) -> None:
    images = [Image.fromarray(image).convert(mode) for image in pixels(10, 8, 8, 3)]
    for row, image in enumerate(images):
        file = tmp_path / "f" / "ab"[row % 2] / f"{row}.{'tiff' if mode == 'CMYK' else 'png'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file)
    assert f"of mode {mode} are not taken as they are; write mode: RGB" in refusal(tmp_path / "f")
    splits = load_data(tmp_path / "f", mode="RGB", valid=0)
    assert np.array_equal(splits.train.x[0].permute(1, 2, 0).numpy(), np.asarray(images[0].convert("RGB")))


def test_a_palette_with_transparency_is_read_without_a_warning(spoil: Callable[..., Path]) -> None:
    clear = Image.fromarray(pixels(1, 8, 8, 3)[0]).convert("P")
    clear.info["transparency"] = bytes([0, 128, 255])
    assert load_data(spoil(images={2: clear}), mode="RGB").shape == (3, 8, 8)


def test_black_and_white_images_are_grey_ones(spoil: Callable[..., Path]) -> None:
    images = {row: Image.fromarray(image > 127) for row, image in enumerate(pixels(10, 8, 8))}
    assert set(load_data(spoil(images=images)).train.x.unique().tolist()) == {0, 255}


@pytest.mark.parametrize("mode", [None, "L"])
def test_images_of_16_bits_are_refused_rather_than_clipped(spoil: Callable[..., Path], mode: str | None) -> None:
    deep = Image.fromarray(np.full((8, 8), 40_000, dtype=np.uint16))
    message = refusal(spoil(images={7: deep}), mode=mode)
    assert message.startswith("spoilt: train row 7 (7.png): mode I;16 has more than 8 bits a pixel")


@pytest.mark.parametrize("damage", [lambda b: b[:40], lambda b: b"", lambda b: b"not an image", lambda b: b[:-40]])
def test_a_corrupt_image_is_named_by_row_and_file(spoil: Callable[..., Path], damage: Callable[[bytes], bytes]) -> None:
    message = refusal(spoil(images={6: damage(png(pixels(1, 8, 8)[0]))}))
    assert message.startswith("spoilt: train row 6 (6.png): not a readable image (")


def test_a_corrupt_file_of_an_image_folder_is_named(tmp_path: Path, write_images: Callable[[Path, int], None]) -> None:
    write_images(tmp_path / "f", 3)
    (tmp_path / "f/bee/01.png").write_bytes(b"\x89PNG nonsense")
    assert f"row 4 ({tmp_path}/f/bee/01.png): not a readable image" in refusal(tmp_path / "f")


def test_a_row_without_an_image_is_named(spoil: Callable[..., Path]) -> None:
    assert refusal(spoil(images={5: None})) == "spoilt: train row 5: column 'image' holds no image"


def test_a_corrupt_parquet_file_is_named(bees: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = bees / "test-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes()[:200])
    assert refusal(bees).startswith(f"{file}: not readable as parquet (")
    assert capfd.readouterr().err == ""


def test_an_empty_split_is_named(bees: Path) -> None:
    file = write_parquet(bees / "test-00000-of-00001.parquet", [], [])
    assert refusal(bees) == f"{file}: an empty split, this file has no rows; give it images or remove it"


def test_one_class_only_is_named(spoil: Callable[..., Path]) -> None:
    assert "column 'label' has one class only ('bee') in train" in refusal(spoil(labels=dict.fromkeys(range(10), 1)))


@pytest.mark.parametrize(("label", "word"), [(-1, "-1, which stands for no label"), (None, "missing")])
def test_a_missing_label_is_named(spoil: Callable[..., Path], label: int | None, word: str) -> None:
    message = refusal(spoil(labels={7: label}))
    assert message == f"spoilt: train row 7: column 'label' is {word}; leave such rows out"


def test_a_folder_without_a_training_split_lists_its_splits(tmp_path: Path) -> None:
    for split in ("test", "validation"):
        write_parquet(tmp_path / f"t/{split}-0.parquet", list(pixels(4, 4, 4)), [0, 1] * 2)
    assert refusal(tmp_path / "t").startswith("t: no split named train; splits read: ")


@pytest.mark.parametrize("resize", [0, -3, 2.5, "32", (3,), (3, 0), True, (1, 2, 3)])
def test_a_wrong_resize_is_shown_with_a_right_one(resize: object) -> None:
    message = refusal("digits", resize=resize)
    assert message == f"resize: read {resize!r}; write a number of pixels such as 32, or [height, width]"


def test_a_wrong_mode_is_shown_with_the_right_ones() -> None:
    assert refusal("digits", mode="rgb") == "mode: read 'rgb'; write RGB (three channels) or L (one)"
