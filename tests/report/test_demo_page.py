"""The page on which people try networks: one file that loads nothing, and answers as ONNX Runtime does."""

import gzip
import json
import os
import re
import shutil
from base64 import b64decode
from pathlib import Path

import pytest

from blackthorn.errors import StoreError
from blackthorn.report.demo import Tried, check_runtime, demo

FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Files of the runtime's names."""
    for name in FILES:
        (tmp_path / name).write_bytes(f"this is {name}".encode())
    return tmp_path


TRIED = Tried(
    networks={"dense": b"one", "<b>small</b>": b"two"},
    shape=(1, 2, 3),
    classes=("a", "</script>"),
    images=[(bytes(range(6)), 1)],
    eps=8 / 255,
)


def test_networks_images_and_runtime_stand_in_the_page(runtime: Path) -> None:
    page = demo(TRIED, runtime)
    told = json.loads(re.search(r'id="told">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    assert [(one["name"], gzip.decompress(b64decode(one["model"]))) for one in told["networks"]] == [
        ("dense", b"one"),
        ("<b>small</b>", b"two"),
    ]
    assert told["classes"] == ["a", "</script>"] and told["shape"] == [1, 2, 3]
    assert b64decode(told["images"][0]["pixels"]) == bytes(range(6)) and told["images"][0]["label"] == 1
    script = re.search(r'id="runtime">(.*?)</script>', page, re.S)[1]  # type: ignore[index]
    wasm = re.search(r'id="wasm">(.*?)</script>', page, re.S)[1]  # type: ignore[index]
    assert b64decode(script) == b"this is " + FILES[0].encode()
    assert gzip.decompress(b64decode(wasm)) == b"this is " + FILES[1].encode()


def test_names_are_text_and_nothing_may_be_fetched(runtime: Path) -> None:
    page = demo(TRIED, runtime)
    assert "<b>small" not in page and "&lt;b&gt;small" in page
    assert "default-src 'none'; connect-src 'none'" in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_the_same_networks_give_the_same_page(runtime: Path) -> None:
    assert demo(TRIED, runtime) == demo(TRIED, runtime)


def test_a_folder_without_the_runtime_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"holds no ort.wasm.bundle.min.mjs; npm install onnxruntime-web, and give"):
        check_runtime(tmp_path)


REAL = Path(os.environ.get("ONNXRUNTIME_WEB", "node_modules/onnxruntime-web/dist"))
BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on the path")
@pytest.mark.skipif(not (REAL / FILES[0]).is_file(), reason="no ONNX Runtime Web: npm install onnxruntime-web")
@pytest.mark.timeout(400)
def test_in_a_browser_it_answers_as_the_network_does_and_an_attack_stays_in_its_ball(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    import torch
    from playwright.sync_api import sync_playwright

    from blackthorn import data, models
    from blackthorn.deploy import export

    torch.manual_seed(0)
    model = models.mlp(10, hidden=(16,), image_size=28).eval()
    image = torch.randint(0, 256, (1, 1, 28, 28), dtype=torch.uint8)
    content = export(model, tmp_path, ["onnx"], images=image)["onnx"].path.read_bytes()
    shares = model(data.pixels(image)).softmax(1).detach()
    label = int(shares.argmax())
    digits = tuple("0123456789")
    shown = Tried(networks={"net": content}, shape=(1, 28, 28), classes=digits, images=[(image.numpy().tobytes(), 3)])
    (tmp_path / "demo.html").write_text(demo(shown, REAL))
    assert (tmp_path / "demo.html").stat().st_size < 12e6
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: asked.append(f"http error {error}"))
        page.goto((tmp_path / "demo.html").as_uri())
        page.wait_for_selector("body[data-ready=yes]", timeout=150_000)
        page.wait_for_function("document.querySelector('.answer').textContent !== ''")
        said = page.inner_text(".answer")
        page.click("#attack")
        page.wait_for_selector("#attack:not([disabled])", timeout=150_000)
        verdict = page.inner_text(".attacked p")
        read = "(at) => [...document.querySelector(at).getContext('2d').getImageData(0, 0, 28, 28).data]"
        before, after = (torch.tensor(page.evaluate(read, at)) for at in ("#draw", ".attacked canvas"))
        browser.close()
    share = 100 * float(shares.max())
    assert said == f"Says {label} ({share:.0f} %)."
    assert re.fullmatch(r"(Fooled|Stands) after \d+ questions", verdict)
    assert 0 < int((before - after).abs().max()) <= 0.1 * 255 + 1
    assert not [url for url in asked if url.startswith("http")]
