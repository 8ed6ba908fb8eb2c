"""A careless person's command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..recipes.tiny import tiny, write
from .conftest import Cli, refusal

WRONG: list[tuple[list[str], list[str]]] = [
    (["rnu", "r.yaml"], ['"rnu"', 'Did you mean "run"']),
    (["run"], ["RECIPE is missing", "--help"]),
    (["run", "r.yaml", "extra"], ["'extra' is one word too many"]),
    (["run", "r.yaml", "--job", "2"], ["--job", "Did you mean --jobs"]),
    (["run", "r.yaml", "--preset"], ["--preset needs a value"]),
    (["run", "nosuch.yaml"], ["nosuch.yaml", "no such file", "quickstart"]),
    (["run", "quickstrat"], ["'quickstrat'", "did you mean 'quickstart'", "NAME.yaml"]),
    (["run", ""], ["there is no recipe ''"]),
    (["run", "."], ["there is no recipe '.'"]),
    (["run", "folder.yaml"], ["folder.yaml", "no such file"]),
    (["run", "x" * 5000 + ".yaml"], ["no such file"]),
    (["run", "r.yaml", "--preset", "smok"], ["'smok'", "did you mean 'smoke'", "full"]),
    (["run", "r.yaml", "--jobs", "0"], ["--jobs 0", "at least 1"]),
    (["run", "r.yaml", "--jobs", "two"], ["--jobs two", "at least 1"]),
    (["run", "r.yaml", "--jobs", "1.5"], ["--jobs 1.5"]),
    (["run", "r.yaml", "--jobs", "5000"], ["--jobs 5000", "at most 256"]),
    (["run", "r.yaml", "--jobs", "9" * 9000], ["at most 256"]),
    (["run", "r.yaml", "--jobs=-1"], ["--jobs -1"]),
    (["run", "r.yaml", "--seeds", "0,0"], ["--seeds 0,0", "different", "0,1,2"]),
    (["run", "r.yaml", "--seeds=-1"], ["--seeds -1", "from 0"]),
    (["run", "r.yaml", "--seeds", "zero"], ["--seeds zero", "0,1,2"]),
    (["run", "r.yaml", "--seeds", "0-2"], ["--seeds 0-2", "0,1,2"]),
    (["run", "r.yaml", "--seeds", "9" * 30], ["--seeds", "4294967295"]),
    (["run", "r.yaml", "--set", "epochs"], ["--set epochs", "path=value"]),
    (["run", "r.yaml", "--set", "=3"], ["--set =3", "path=value"]),
    (["run", "r.yaml", "--set", "data.trian=3"], ["data.trian", "did you mean 'train'"]),
    (["run", "r.yaml", "--set", "data.train.x=3"], ["--set data.train.x=3", "'data.train' has no parts"]),
    (["run", "r.yaml", "--set", "networks.dens.steps.0.epochs=1"], ["'dens'", "did you mean 'dense'"]),
    (["run", "r.yaml", "--set", "networks.dense.steps.7.epochs=1"], ["there is no '7' in 'networks.dense.steps'"]),
    (["run", "r.yaml", "--set", "networks.*.steps.tain.epochs=1"], ["did you mean 'train'", "prune, train"]),
    (["run", "r.yaml", "--set", "networks.*.steps.*.epoch=1"], ["did you mean 'epochs'"]),
    (["run", "r.yaml", "--set", "networks.*=3"], ["networks.dense", "mapping"]),
    (["run", "r.yaml", "--set", "data.train=x"], ["data.train", "'x'"]),
    (["run", "r.yaml", "--set", "data.train=[1"], ["--set data.train=[1", "not valid YAML"]),
    (["run", "r.yaml", "--set", "title=2020-99-99"], ["--set title=2020-99-99", "quotes"]),
    (["run", "r.yaml", "--set", "networks=" + "[" * 3000], ["nested too deeply"]),
    (["run", "r.yaml", "--set", "measures.pgd.attack.eps=8"], ["measures.pgd.attack", "8/255"]),
    (["run", "r.yaml", "--set", "networks.*.steps.prune.sparsity=98"], ["98% or 0.98"]),
    (["run", "r.yaml", "--device", "foo"], ["--device foo", "write cpu"]),
    (["run", "r.yaml", "--device", "meta"], ["--device meta", "write cpu"]),
    (["run", "r.yaml", "--device", ""], ["--device", "write cpu"]),
    (["run", "r.yaml", "--data-root", "nowhere"], ["--data-root nowhere", "no such folder"]),
    (["run", "r.yaml", "--store", "file"], ["file: cannot be written", "--store"]),
    (["run", "r.yaml", "--store", "file/below"], ["cannot be written", "--store"]),
    (["run", "r.yaml", "--store", "/proc/nothing"], ["cannot be written", "--store"]),
    (["run", "r.yaml", "--store", "a" * 300], ["cannot be written", "too long"]),
    (["run", "r.yaml", "--model", "mpl"], ["model", "did you mean 'mlp'", "package.module:factory"]),
    (["run", "r.yaml", "--model", ""], ["there is no model ''"]),
    (["run", "r.yaml", "--model", ":"], ["package.module:factory"]),
    (["run", "r.yaml", "--model", "../x:f"], ["package.module:factory"]),
    (["run", "r.yaml", "--model", "no_module:f"], ["there is no module 'no_module'"]),
    (["run", "r.yaml", "--model", "my_nets:f"], ["'my_nets' has no 'f'", "boom"]),
    (["run", "r.yaml", "--model", "my_nets:number"], ["not callable"]),
    (["run", "r.yaml", "--model", "my_nets:other"], ["returned int", "torch.nn.Module"]),
    (["run", "r.yaml", "--model", "my_nets:boom"], ["raised RuntimeError: boom second line"]),
    (["run", "r.yaml", "--model", "my_nets:leaves"], ["raised SystemExit"]),
    (["run", "r.yaml", "--model", "my_nets:narrow"], ["(2, 3)", "(2, 10)"]),
    (["run", "r.yaml", "--model", "my_nets:pair"], ["gives a tuple"]),
    (["run", "r.yaml", "--model", "my_nets:untrainable"], ["no weights to train"]),
    (["run", "r.yaml", "--model", "my_broken:f"], ["SyntaxError"]),
    (["report", "r.yaml", "--store", "nowhere"], ["--store nowhere", "no such folder"]),
    (["report", "r.yaml", "--store", "file"], ["--store file", "no such folder"]),
    (["show"], ["RECIPE is missing"]),
    (["show", "r.yaml", "--jobs", "2"], ["--jobs"]),
    (["list", "all"], ["'all' is one word too many"]),
    (["schema", "--pretty"], ["--pretty"]),
    (["--bogus"], ["--bogus"]),
]

NETS = """
import sys
from torch import nn

number = 3

def other(num_classes): return 3
def boom(num_classes): raise RuntimeError("boom\\nsecond line")
def leaves(num_classes): sys.exit(5)
def narrow(num_classes): return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
def untrainable(num_classes): return nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(10))

class Pair(nn.Module):
    def forward(self, x):
        return x, x

def pair(): return Pair()
"""


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[" ".join(words)[:60] for words, _ in WRONG])
def test_a_wrong_command_is_refused_in_one_line_before_anything_runs(
    cli: Cli, tmp_path: Path, words: list[str], said: list[str]
) -> None:
    write(tmp_path, tiny())
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "my_nets.py").write_text(NETS)
    (tmp_path / "my_broken.py").write_text("def f(:\n")
    sys.modules.pop("my_nets", None)

    line = refusal(cli(*words))

    assert [word for word in said if word not in line] == [], line
    assert not list(tmp_path.glob("*/stages/*"))


@pytest.mark.slow
@pytest.mark.parametrize("words", [["run", "r.yaml", "--jobs", "0"], ["run", "r.yaml", "--set", "data.train=x"]])
def test_a_refusal_in_a_process_of_its_own_is_one_line_and_exit_code_2(tmp_path: Path, words: list[str]) -> None:
    write(tmp_path, tiny())
    program = "import sys; from blackthorn.__main__ import main; sys.argv[0] = 'blackthorn'; main()"
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", program, *words],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert done.stderr.startswith("blackthorn: ")


def test_no_command_at_all_shows_the_help(cli: Cli) -> None:
    said = cli()
    assert said.code == 0
    assert "run quickstart" in said.out
