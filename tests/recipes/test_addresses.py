"""Addresses of stored work: pinned, so that nobody's finished networks are lost, or taken for others, by accident.

When a pinned test fails, ask what changed.

- A published recipe was changed on purpose: copy the new table that the failure prints.
- A default was changed: that is a breaking change; write the old value into the recipes, or raise the `revision` of
  the task or the measure, so that old results are not taken for new ones.
- An option was added: give it the default under which nothing changes; then no address does.
"""

import dataclasses
import pprint
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import yaml

from blackthorn.data import ImageSet, Splits
from blackthorn.experiment import Request
from blackthorn.measuring import Accuracy
from blackthorn.recipes import Plan, Recipe, plan, read_recipe
from blackthorn.recipes.reading import published, written_out
from blackthorn.values import address, spell, value

from .tiny import PGD, PRUNE, TRAIN, read, tiny, write

# Row -> the addresses of its steps, for the first seed, on images that stand for the recipe's.
PINNED: dict[str, dict[str, list[str]]] = {
    "anpvs-budget": {
        "standard": ["train-0961a90157f8"],
        "at 3 epochs": ["train-d26ef7e31108"],
        "at 6 epochs": ["train-2911a4b39857"],
        "at 12 epochs": ["train-b2b17441d300"],
        "at 24 epochs": ["train-708aced47be4"],
        "anp-vs 3 epochs": ["train-0961a90157f8", "gate-8ebdc09acd88", "train-369f63af43cc", "fold-bb9c2184aae5"],
        "anp-vs 6 epochs": ["train-0961a90157f8", "gate-8ebdc09acd88", "train-158e41063b39", "fold-30025f84f49b"],
        "anp-vs 12 epochs": ["train-0961a90157f8", "gate-8ebdc09acd88", "train-faff11ebe9e1", "fold-8de6ebe86163"],
        "anp-vs 24 epochs": ["train-0961a90157f8", "gate-8ebdc09acd88", "train-0ff54788a375", "fold-52d101c14e9c"],
        "at-vs 1e-3": ["train-d2ba29ec410d"],
        "at-vs 0.1": ["train-17253fb04c2b"],
        "at-vs 1": ["train-18ac3a60b136"],
        "at-vs 1, 12 epochs": ["train-65194484214d"],
        "anp-vs 1, 6 epochs": ["train-0961a90157f8", "gate-8ebdc09acd88", "train-ea8686ad9b2d", "fold-59eb1cbc8abc"],
        "anp-vs 1, 12 epochs": ["train-0961a90157f8", "gate-8ebdc09acd88", "train-fbf01cfa5ca4", "fold-a521c6ba7a18"],
    },
    "anpvs-compression": {
        "standard": ["train-4b15c9cb5985"],
        "at": ["train-95aab98840ff"],
        "admm": ["train-95aab98840ff", "train-c5fdcff86c1e", "prune-4a514bfe1396", "train-599e773f85ed"],
        "anp-vs kl 2": ["train-4b15c9cb5985", "gate-d7294661130e", "train-c1445d21acd9", "fold-a8a877fb7f5a"],
        "anp-vs kl 8": ["train-4b15c9cb5985", "gate-d7294661130e", "train-aacd4578c2b2", "fold-2f9bd8433414"],
        "anp-vs kl 32": ["train-4b15c9cb5985", "gate-d7294661130e", "train-eb4a20623762", "fold-7e0eeb711a44"],
    },
    "anpvs-ablation": {
        "standard": ["train-4b15c9cb5985"],
        "at": ["train-95aab98840ff"],
        "at-vs": ["train-a2c9c8c332f9"],
        "anp": ["train-4b15c9cb5985", "gate-d7294661130e", "train-ba5c48593000", "fold-08f27c111064"],
        "anp-vs": ["train-4b15c9cb5985", "gate-d7294661130e", "train-c1445d21acd9", "fold-a8a877fb7f5a"],
    },
    "anpvs-cifar100": {
        "standard": ["train-54f97a4dc468"],
        "bp": ["train-54f97a4dc468", "gate-b329c5aeb9f4", "train-84c7a5e814ae", "fold-54f94675e2e4"],
        "at": ["train-38dabaf97e19"],
        "at-vs": ["train-907e17347344"],
        "at-bnn": ["train-ae2114cb7e03"],
        "pre-at": ["train-54f97a4dc468", "train-58975386becb"],
        "admm": ["train-38dabaf97e19", "train-653910652eb2", "prune-10225905ea5f", "train-4cfab74aa89e"],
        "trades": ["train-d86beee83b3b"],
        "anp": ["train-54f97a4dc468", "gate-b329c5aeb9f4", "train-1ac05639976b", "fold-41deefa4bb0f"],
        "anp-vs": ["train-54f97a4dc468", "gate-b329c5aeb9f4", "train-b56fbc776e5f", "fold-d9a9410a01c8"],
        "at small": ["train-165f72265ab5"],
        "at filters": ["train-38dabaf97e19", "prune-8a2ac96ed9b5", "shrink-7c7202221708", "train-219049a43c19"],
    },
    "anpvs-cifar10": {
        "standard": ["train-4b15c9cb5985"],
        "bp": ["train-4b15c9cb5985", "gate-d7294661130e", "train-fb541ef212cc", "fold-40eb026cbb3c"],
        "at": ["train-95aab98840ff"],
        "at-vs": ["train-a2c9c8c332f9"],
        "at-bnn": ["train-89e8d8f35ddf"],
        "pre-at": ["train-4b15c9cb5985", "train-2b556b49cc59"],
        "admm": ["train-95aab98840ff", "train-49bf07827617", "prune-7b4886e4d7ef", "train-16e67e84a9d3"],
        "trades": ["train-60dcb704f0b2"],
        "anp": ["train-4b15c9cb5985", "gate-d7294661130e", "train-ba5c48593000", "fold-08f27c111064"],
        "anp-vs": ["train-4b15c9cb5985", "gate-d7294661130e", "train-c1445d21acd9", "fold-a8a877fb7f5a"],
        "at small": ["train-b2e8a520138a"],
        "at filters": ["train-95aab98840ff", "prune-44cd452e2279", "shrink-f214ea99751c", "train-250bfd6d0039"],
    },
    "anpvs-mnist": {
        "standard": ["train-8c9c126992fc"],
        "bp": ["train-8c9c126992fc", "gate-60f2d29d883f", "train-b2d79bb474d4", "fold-8c3340d47995"],
        "at": ["train-fe80f0e9aa44"],
        "at-vs": ["train-571f49bc361e"],
        "at-bnn": ["train-b2416a501613"],
        "pre-at": ["train-8c9c126992fc", "train-b988e5cad92e"],
        "admm": ["train-fe80f0e9aa44", "train-ef5f7b43b605", "prune-3197b1b1638b", "train-59348d71639d"],
        "trades": ["train-227d20aef45f"],
        "anp": ["train-8c9c126992fc", "gate-60f2d29d883f", "train-24245c599ec3", "fold-30d74c5aabbb"],
        "anp-vs": ["train-8c9c126992fc", "gate-60f2d29d883f", "train-f570329c2cf7", "fold-59828157f067"],
        "at small": ["train-f816b94fa956"],
        "at filters": ["train-fe80f0e9aa44", "prune-08d8fc431017", "shrink-bca840dcb27a", "train-3dbd4363ca3e"],
    },
    "anpvs-pictures": {
        "standard": ["train-8c9c126992fc"],
        "at": ["train-fe80f0e9aa44"],
        "at-vs": ["train-571f49bc361e"],
        "bp gated": ["train-8c9c126992fc", "gate-60f2d29d883f", "train-b2d79bb474d4"],
        "anp-vs gated": ["train-8c9c126992fc", "gate-60f2d29d883f", "train-f570329c2cf7"],
        "bp": ["train-8c9c126992fc", "gate-60f2d29d883f", "train-b2d79bb474d4", "fold-8c3340d47995"],
        "anp-vs": ["train-8c9c126992fc", "gate-60f2d29d883f", "train-f570329c2cf7", "fold-59828157f067"],
    },
    "certified-mnist": {
        "standard": ["train-040d70f4c943"],
        "interval": [
            "train-040d70f4c943",
            "train-4d5931e9b6b5",
            "train-27ef3272fd0c",
            "train-bf6b344bcf67",
            "train-5469c5d55a32",
        ],
    },
    "parana-best": {
        "dense": ["train-150941f840a7"],
        "absolute 90%": ["train-150941f840a7", "prune-d0627a78fc65"],
        "activated 81%": ["train-150941f840a7", "prune-52489c55d736"],
        "combined": ["train-150941f840a7", "prune-b883a8ead0c2"],
        "absolute 95%": ["train-150941f840a7", "prune-74c4f5c0ef3f"],
        "activated 90%": ["train-150941f840a7", "prune-111eb70d98fb"],
        "absolute 93%": ["train-150941f840a7", "prune-8b07b033a4fc"],
        "absolute 96%": ["train-150941f840a7", "prune-7e5237345992"],
        "absolute 97%": ["train-150941f840a7", "prune-247b3f0974cc"],
        "activated 86%": ["train-150941f840a7", "prune-a8ef6f32ac68"],
        "activated 92%": ["train-150941f840a7", "prune-934481e73474"],
        "activated 94%": ["train-150941f840a7", "prune-a8956cd9972c"],
        "combined 90%": ["train-150941f840a7", "prune-b551476c86ae"],
        "combined 93%": ["train-150941f840a7", "prune-0bde37b68978"],
        "combined 95%": ["train-150941f840a7", "prune-901ae5a76bdd"],
        "combined 97%": ["train-150941f840a7", "prune-538eb92bfef7"],
        "all layers absolute 90%": ["train-150941f840a7", "prune-2140c799595e"],
        "all layers activated 81%": ["train-150941f840a7", "prune-a54af24aa47d"],
        "all layers combined": ["train-150941f840a7", "prune-8209499ad70d"],
        "ReLU": ["train-27bdec27d40c"],
        "ReLU activated 81%": ["train-27bdec27d40c", "prune-a33ae2f5b5da"],
        "dropout": ["train-7b98e7810c72"],
        "dropout activated 50%": ["train-7b98e7810c72", "prune-1d812b57c1b5"],
        "dropout activated 60%": ["train-7b98e7810c72", "prune-5968c7363c0e"],
        "dropout activated 70%": ["train-7b98e7810c72", "prune-154f8f29ac1e"],
        "dropout activated 81%": ["train-7b98e7810c72", "prune-3966d842ecc4"],
        "dropout absolute 90%": ["train-7b98e7810c72", "prune-fedf6ae25b25"],
    },
    "parana-cnn-fc": {
        "dense": ["train-0e4b5603aeec"],
        "absolute fc1 98%": ["train-0e4b5603aeec", "prune-e075ed2f60d1"],
        "activated fc1 98%": ["train-0e4b5603aeec", "prune-52eae34c0e8e"],
        "activated fc1 99%": ["train-0e4b5603aeec", "prune-7c6285368c11"],
        "absolute fc2 90%": ["train-0e4b5603aeec", "prune-3746b2d6df0b"],
        "activated fc2 90%": ["train-0e4b5603aeec", "prune-fcebaa505242"],
        "notebook": ["train-0e4b5603aeec", "prune-9edac5923fae"],
    },
    "parana-curves": {
        "dense": ["train-150941f840a7"],
        "absolute 90%": ["train-150941f840a7", "prune-d0627a78fc65"],
        "activated 20%": ["train-150941f840a7", "prune-b1a242c24c2b"],
        "activated 40%": ["train-150941f840a7", "prune-adc1957e12d8"],
        "activated 60%": ["train-150941f840a7", "prune-ee357efa0608"],
        "activated 81%": ["train-150941f840a7", "prune-52489c55d736"],
        "activated 90%": ["train-150941f840a7", "prune-111eb70d98fb"],
        "combined": ["train-150941f840a7", "prune-b883a8ead0c2"],
        "dead pixels": ["train-150941f840a7", "prune-bc6eed61e3db"],
        "no L2": ["train-6af3d65441cc"],
        "no L2, dead pixels": ["train-6af3d65441cc", "prune-cf290868f68b"],
    },
    "parana-layers": {
        "dense": ["train-150941f840a7"],
        "absolute fc1 90%": ["train-150941f840a7", "prune-4aba8f0bf969"],
        "absolute fc1 95%": ["train-150941f840a7", "prune-a00e6eac58e4"],
        "absolute fc2 90%": ["train-150941f840a7", "prune-e39f96aab9f0"],
        "absolute fc2 95%": ["train-150941f840a7", "prune-d27e896bd67d"],
        "absolute fc3 90%": ["train-150941f840a7", "prune-bafe2025dceb"],
        "absolute fc3 95%": ["train-150941f840a7", "prune-ceb41e3d1a57"],
        "activated fc1 90%": ["train-150941f840a7", "prune-65dd46260ba6"],
        "activated fc1 95%": ["train-150941f840a7", "prune-c1bbe2fbce84"],
        "activated fc2 90%": ["train-150941f840a7", "prune-5cf7fa3741a0"],
        "activated fc2 95%": ["train-150941f840a7", "prune-2471c24f6b3d"],
        "activated fc3 90%": ["train-150941f840a7", "prune-96c452561ea6"],
        "activated fc3 95%": ["train-150941f840a7", "prune-8ce530ef47bd"],
        "absolute fc2+fc3 95%": ["train-150941f840a7", "prune-b0de36736fb0"],
        "activated fc2+fc3 95%": ["train-150941f840a7", "prune-8bea68faa570"],
        "notebook": ["train-150941f840a7", "prune-ee5808e68c3d"],
    },
    "parana-schedule": {
        "1e-3 falling, 2,400": ["train-8adb6fb20c15"],
        "1e-3 falling, 10,000": ["train-897bcd6d94a2"],
        "1e-3, 2,400": ["train-6d5fb049cba6"],
        "1e-4, 2,400": ["train-f2e47b7cdfb6"],
        "1e-4, 10,000": ["train-ee721792f92c"],
        "1e-5, 10,000": ["train-b45562b9902e"],
        "1e-5, 100,000": ["train-150941f840a7"],
        "1e-3 falling, 2,400, pruned": ["train-8adb6fb20c15", "prune-12e972a3c34d"],
        "1e-3 falling, 10,000, pruned": ["train-897bcd6d94a2", "prune-6ebe11629370"],
        "1e-3, 2,400, pruned": ["train-6d5fb049cba6", "prune-a2a1e75cb1b4"],
        "1e-4, 2,400, pruned": ["train-f2e47b7cdfb6", "prune-5890aa73f68a"],
        "1e-4, 10,000, pruned": ["train-ee721792f92c", "prune-4be8ad17222a"],
        "1e-5, 10,000, pruned": ["train-b45562b9902e", "prune-49476eaf782d"],
        "1e-5, 100,000, pruned": ["train-150941f840a7", "prune-52489c55d736"],
    },
    "quickstart": {
        "dense": ["train-97d2976b9f13"],
        "weight 80%": ["train-97d2976b9f13", "prune-88091bd48514", "train-814cf013909d"],
        "weight 95%": ["train-97d2976b9f13", "prune-9783a16bc055", "train-9a5256022b1e"],
        "filter 50%": ["train-97d2976b9f13", "prune-a85d509a7a54", "train-e9cbcdad36a9", "shrink-97105f12c02e"],
        "pgd dense": ["train-fbedb635e2fc"],
        "pgd weight 80%": ["train-fbedb635e2fc", "prune-e4a7e94bfc2b", "train-a8147ab4ab2f"],
        "pgd weight 95%": ["train-fbedb635e2fc", "prune-0ab50adf4bc0", "train-86861ef03058"],
        "pgd filter 50%": ["train-fbedb635e2fc", "prune-a318af6705f1", "train-4723d2bdee8b", "shrink-21fc0aa67a64"],
    },
    "rfp-dataset": {
        "standard": ["train-f4f8b9692d9f"],
        "adversarial": ["train-cfc33642f1ae"],
        "robust dataset": ["train-77f5656e6b6a"],
        "fewer steps": ["train-d7159f02e5f0"],
        "from noise": ["train-dd08543cfae6"],
        "true relu": ["train-b3534549854f"],
        "even steps": ["train-395e1fdd9804"],
        "short steps": ["train-3133525d8df9"],
    },
    "parana-cost": {"linear-quadratic": ["train-150941f840a7"], "softmax": ["train-5b0fec0d06c6"]},
    "parana-detection": {"linear-quadratic": ["train-150941f840a7"], "softmax": ["train-5b0fec0d06c6"]},
    "parana-decoupled": {
        "dense": ["train-0e4b5603aeec"],
        "decoupled": ["train-0e4b5603aeec", "decouple-c88cc77882f8"],
        "absolute 50%": ["train-0e4b5603aeec", "decouple-c88cc77882f8", "prune-5b5b1000ac9b"],
        "absolute 80%": ["train-0e4b5603aeec", "decouple-c88cc77882f8", "prune-04607988a884"],
        "absolute 90%": ["train-0e4b5603aeec", "decouple-c88cc77882f8", "prune-0381566f2743"],
        "activated 50%": ["train-0e4b5603aeec", "decouple-c88cc77882f8", "prune-21c63ecca5a7"],
        "activated 80%": ["train-0e4b5603aeec", "decouple-c88cc77882f8", "prune-790524f4123f"],
        "activated 90%": ["train-0e4b5603aeec", "decouple-c88cc77882f8", "prune-bb89c5d58a31"],
    },
    "rfp-figure2": {
        "standard": ["train-f4f8b9692d9f"],
        "adversarial": ["train-a4b1b9ce8337"],
        "robust dataset": ["train-77f5656e6b6a"],
    },
    "rfp-figure3": {
        "standard": ["train-f4f8b9692d9f"],
        "rfp l2 60%": ["train-f4f8b9692d9f", "prune-32221fdf04db", "train-3ec828b07c7b"],
        "bottom 60%": ["train-f4f8b9692d9f", "prune-7c1fc82d5ae0", "train-506ca503a0c9"],
        "random 60%": ["train-f4f8b9692d9f", "prune-8532c2edfec4", "train-277659824f0b"],
    },
    "rfp-figure4": {
        "standard": ["train-f4f8b9692d9f"],
        "robust dataset": ["train-77f5656e6b6a"],
        "robust tuned": ["train-f4f8b9692d9f", "train-66e789320313"],
        "original tuned": ["train-f4f8b9692d9f", "train-6f0e60e003fb"],
        "rfp l2 10%": ["train-f4f8b9692d9f", "prune-3b4f5558a1a1", "train-9a9d3fcbfbde"],
        "rfp l2 20%": ["train-f4f8b9692d9f", "prune-a0d0d231ab61", "train-574e8eb8767a"],
        "rfp l2 30%": ["train-f4f8b9692d9f", "prune-a5aae57b0aa2", "train-b6673e55a157"],
        "rfp l2 40%": ["train-f4f8b9692d9f", "prune-173adafa0139", "train-745ff81f1b80"],
        "rfp l2 50%": ["train-f4f8b9692d9f", "prune-69ce91567ed0", "train-ffebc6208426"],
        "rfp l2 60%": ["train-f4f8b9692d9f", "prune-32221fdf04db", "train-3ec828b07c7b"],
        "rfp l2 70%": ["train-f4f8b9692d9f", "prune-850a23da71c9", "train-23422365bc87"],
        "rfp l2 80%": ["train-f4f8b9692d9f", "prune-9fd25d729962", "train-8a24dee21c0a"],
        "fpgm l2 10%": ["train-f4f8b9692d9f", "prune-4537861445e7", "train-2c7e67142a06"],
        "fpgm l2 20%": ["train-f4f8b9692d9f", "prune-afcf2f5c5d01", "train-0c6887616c6d"],
        "fpgm l2 30%": ["train-f4f8b9692d9f", "prune-2d6015542365", "train-dcac8a017c41"],
        "fpgm l2 40%": ["train-f4f8b9692d9f", "prune-20ded8f2ac52", "train-3b61189f7ece"],
        "fpgm l2 50%": ["train-f4f8b9692d9f", "prune-6d6a087a9d71", "train-ab003c397a4b"],
        "fpgm l2 60%": ["train-f4f8b9692d9f", "prune-981d9061fd55", "train-1838391e7cb3"],
        "fpgm l2 70%": ["train-f4f8b9692d9f", "prune-3ac8ece92578", "train-37558b843370"],
        "fpgm l2 80%": ["train-f4f8b9692d9f", "prune-95735eccb601", "train-f57813708d36"],
        "norm l2 10%": ["train-f4f8b9692d9f", "prune-477cb03aac0e", "train-52b7b4fe1551"],
        "norm l2 20%": ["train-f4f8b9692d9f", "prune-a1cea8f99d78", "train-38104014962b"],
        "norm l2 30%": ["train-f4f8b9692d9f", "prune-5db7c0035977", "train-456d0315335b"],
        "norm l2 40%": ["train-f4f8b9692d9f", "prune-9eb1c3d43d9c", "train-7e4ef9eb4d2a"],
        "norm l2 50%": ["train-f4f8b9692d9f", "prune-b54b92c0f8cb", "train-9a51c51769bc"],
        "norm l2 60%": ["train-f4f8b9692d9f", "prune-18a91cc6fa1d", "train-088202903bfa"],
        "norm l2 70%": ["train-f4f8b9692d9f", "prune-47fecfbd5cad", "train-a6e069237465"],
        "norm l2 80%": ["train-f4f8b9692d9f", "prune-fc90c4edae18", "train-919463248a7a"],
        "random 10%": ["train-f4f8b9692d9f", "prune-c2c790f5a8f9", "train-716c68a7b0c7"],
        "random 20%": ["train-f4f8b9692d9f", "prune-a56476948dcc", "train-9e1014d09f39"],
        "random 30%": ["train-f4f8b9692d9f", "prune-bf0e9ad7cdbc", "train-1f824ddf9b35"],
        "random 40%": ["train-f4f8b9692d9f", "prune-f06ee323f6e6", "train-4db3ada5c079"],
        "random 50%": ["train-f4f8b9692d9f", "prune-b368727aac87", "train-fff00cbce414"],
        "random 60%": ["train-f4f8b9692d9f", "prune-8532c2edfec4", "train-277659824f0b"],
        "random 70%": ["train-f4f8b9692d9f", "prune-6e6ef407e4a2", "train-97e94f3ed19d"],
        "random 80%": ["train-f4f8b9692d9f", "prune-81816e0cd9da", "train-341a0dad1f23"],
        "original rfp l2 10%": ["train-f4f8b9692d9f", "prune-3b4f5558a1a1", "train-69ca28f15421"],
        "original rfp l2 20%": ["train-f4f8b9692d9f", "prune-a0d0d231ab61", "train-3db8e2b2e367"],
        "original rfp l2 30%": ["train-f4f8b9692d9f", "prune-a5aae57b0aa2", "train-4b810c289bc9"],
        "original rfp l2 40%": ["train-f4f8b9692d9f", "prune-173adafa0139", "train-45986bf553c7"],
        "original rfp l2 50%": ["train-f4f8b9692d9f", "prune-69ce91567ed0", "train-f133da46203f"],
        "original rfp l2 60%": ["train-f4f8b9692d9f", "prune-32221fdf04db", "train-39d53e85a18b"],
        "original rfp l2 70%": ["train-f4f8b9692d9f", "prune-850a23da71c9", "train-d8a8fcbe3c60"],
        "original rfp l2 80%": ["train-f4f8b9692d9f", "prune-9fd25d729962", "train-79a04f500e8a"],
        "original fpgm l2 10%": ["train-f4f8b9692d9f", "prune-4537861445e7", "train-52153d161858"],
        "original fpgm l2 20%": ["train-f4f8b9692d9f", "prune-afcf2f5c5d01", "train-530c23ab1035"],
        "original fpgm l2 30%": ["train-f4f8b9692d9f", "prune-2d6015542365", "train-1e7227e1ccae"],
        "original fpgm l2 40%": ["train-f4f8b9692d9f", "prune-20ded8f2ac52", "train-fe889e044ed3"],
        "original fpgm l2 50%": ["train-f4f8b9692d9f", "prune-6d6a087a9d71", "train-a62faa730459"],
        "original fpgm l2 60%": ["train-f4f8b9692d9f", "prune-981d9061fd55", "train-0a03b343af5a"],
        "original fpgm l2 70%": ["train-f4f8b9692d9f", "prune-3ac8ece92578", "train-ee6fb54118fa"],
        "original fpgm l2 80%": ["train-f4f8b9692d9f", "prune-95735eccb601", "train-892ba57aad37"],
        "original norm l2 10%": ["train-f4f8b9692d9f", "prune-477cb03aac0e", "train-ae59b1b56e4c"],
        "original norm l2 20%": ["train-f4f8b9692d9f", "prune-a1cea8f99d78", "train-4bfb946e84aa"],
        "original norm l2 30%": ["train-f4f8b9692d9f", "prune-5db7c0035977", "train-f221d27b46d4"],
        "original norm l2 40%": ["train-f4f8b9692d9f", "prune-9eb1c3d43d9c", "train-e2acb7d0d17c"],
        "original norm l2 50%": ["train-f4f8b9692d9f", "prune-b54b92c0f8cb", "train-7f29ef7c9fe0"],
        "original norm l2 60%": ["train-f4f8b9692d9f", "prune-18a91cc6fa1d", "train-952bb31ed716"],
        "original norm l2 70%": ["train-f4f8b9692d9f", "prune-47fecfbd5cad", "train-c22a352a49bb"],
        "original norm l2 80%": ["train-f4f8b9692d9f", "prune-fc90c4edae18", "train-bb65c4179946"],
        "original random 10%": ["train-f4f8b9692d9f", "prune-c2c790f5a8f9", "train-194770b6c6f4"],
        "original random 20%": ["train-f4f8b9692d9f", "prune-a56476948dcc", "train-3c53df7368c8"],
        "original random 30%": ["train-f4f8b9692d9f", "prune-bf0e9ad7cdbc", "train-adc58f5a8f0c"],
        "original random 40%": ["train-f4f8b9692d9f", "prune-f06ee323f6e6", "train-55a2988b879d"],
        "original random 50%": ["train-f4f8b9692d9f", "prune-b368727aac87", "train-d069538f0aa4"],
        "original random 60%": ["train-f4f8b9692d9f", "prune-8532c2edfec4", "train-58c06dc8efa6"],
        "original random 70%": ["train-f4f8b9692d9f", "prune-6e6ef407e4a2", "train-e2c6e5770b7c"],
        "original random 80%": ["train-f4f8b9692d9f", "prune-81816e0cd9da", "train-0f29c7b6b588"],
    },
    "rfp-table1": {
        "standard": ["train-f4f8b9692d9f"],
        "adversarial": ["train-cfc33642f1ae"],
        "robust dataset": ["train-77f5656e6b6a"],
        "robust tuned": ["train-f4f8b9692d9f", "train-66e789320313"],
        "rfp l1 20%": ["train-f4f8b9692d9f", "prune-61c0f7565efc", "train-4157706dbc2d"],
        "rfp l1 40%": ["train-f4f8b9692d9f", "prune-c4b5747f83f0", "train-79be593e680f"],
        "rfp l1 60%": ["train-f4f8b9692d9f", "prune-369af83e5233", "train-8bf070b971e8"],
        "rfp l1 80%": ["train-f4f8b9692d9f", "prune-aac632dedd3a", "train-4ff1fd9e302e"],
        "rfp l2 20%": ["train-f4f8b9692d9f", "prune-a0d0d231ab61", "train-574e8eb8767a"],
        "rfp l2 40%": ["train-f4f8b9692d9f", "prune-173adafa0139", "train-745ff81f1b80"],
        "rfp l2 60%": ["train-f4f8b9692d9f", "prune-32221fdf04db", "train-3ec828b07c7b"],
        "rfp l2 80%": ["train-f4f8b9692d9f", "prune-9fd25d729962", "train-8a24dee21c0a"],
        "fpgm l1 20%": ["train-f4f8b9692d9f", "prune-f602269ca219", "train-706eff9d5342"],
        "fpgm l1 40%": ["train-f4f8b9692d9f", "prune-8ac41271c722", "train-109bb99ffd53"],
        "fpgm l1 60%": ["train-f4f8b9692d9f", "prune-eee5a57a4102", "train-8053854e6daf"],
        "fpgm l1 80%": ["train-f4f8b9692d9f", "prune-a8a1f8e2d94c", "train-ecb3a93db067"],
        "fpgm l2 20%": ["train-f4f8b9692d9f", "prune-afcf2f5c5d01", "train-0c6887616c6d"],
        "fpgm l2 40%": ["train-f4f8b9692d9f", "prune-20ded8f2ac52", "train-3b61189f7ece"],
        "fpgm l2 60%": ["train-f4f8b9692d9f", "prune-981d9061fd55", "train-1838391e7cb3"],
        "fpgm l2 80%": ["train-f4f8b9692d9f", "prune-95735eccb601", "train-f57813708d36"],
        "norm l1 20%": ["train-f4f8b9692d9f", "prune-0025d3192543", "train-aec694fdb96f"],
        "norm l1 40%": ["train-f4f8b9692d9f", "prune-b40a9ecbd3d2", "train-1607733e454b"],
        "norm l1 60%": ["train-f4f8b9692d9f", "prune-0d6b23ebdc4e", "train-60be372243a6"],
        "norm l1 80%": ["train-f4f8b9692d9f", "prune-d7620f67e2c0", "train-4ab9beeebfff"],
        "norm l2 20%": ["train-f4f8b9692d9f", "prune-a1cea8f99d78", "train-38104014962b"],
        "norm l2 40%": ["train-f4f8b9692d9f", "prune-9eb1c3d43d9c", "train-7e4ef9eb4d2a"],
        "norm l2 60%": ["train-f4f8b9692d9f", "prune-18a91cc6fa1d", "train-088202903bfa"],
        "norm l2 80%": ["train-f4f8b9692d9f", "prune-fc90c4edae18", "train-919463248a7a"],
        "random 20%": ["train-f4f8b9692d9f", "prune-a56476948dcc", "train-9e1014d09f39"],
        "random 40%": ["train-f4f8b9692d9f", "prune-f06ee323f6e6", "train-4db3ada5c079"],
        "random 60%": ["train-f4f8b9692d9f", "prune-8532c2edfec4", "train-277659824f0b"],
        "random 80%": ["train-f4f8b9692d9f", "prune-81816e0cd9da", "train-341a0dad1f23"],
    },
    "wang2018-figure1": {
        "fgsm dense": ["train-bedbf1dc39b8"],
        "fgsm dense 10+10": ["train-bedbf1dc39b8", "train-d6edd78149b9"],
        "fgsm weight 40%": ["train-bedbf1dc39b8", "prune-f255432d8921", "train-1f713a9fedd2"],
        "fgsm weight 45%": ["train-bedbf1dc39b8", "prune-e16ebd4ce0e5", "train-6e91f39fbaa5"],
        "fgsm weight 50%": ["train-bedbf1dc39b8", "prune-3bcc27150d0f", "train-62f0352dd6a0"],
        "fgsm weight 55%": ["train-bedbf1dc39b8", "prune-1a2be388feed", "train-56f352348e22"],
        "fgsm weight 60%": ["train-bedbf1dc39b8", "prune-1acaa313a7b8", "train-70dcf4db4060"],
        "fgsm weight 65%": ["train-bedbf1dc39b8", "prune-959602c6ca4b", "train-ac14f84b8975"],
        "fgsm weight 70%": ["train-bedbf1dc39b8", "prune-ca2e6706e0e0", "train-7015e678306c"],
        "fgsm weight 75%": ["train-bedbf1dc39b8", "prune-8486d2e3f628", "train-a6018092d053"],
        "fgsm weight 80%": ["train-bedbf1dc39b8", "prune-60abe246d66d", "train-f163d9d0c29e"],
        "fgsm weight 85%": ["train-bedbf1dc39b8", "prune-ef59bc94a99d", "train-bd3705370872"],
        "fgsm weight 90%": ["train-bedbf1dc39b8", "prune-8a5a69fbc891", "train-06e10d117e87"],
        "fgsm weight 95%": ["train-bedbf1dc39b8", "prune-2362b1fab374", "train-07fdd31ae550"],
        "fgsm weight 96%": ["train-bedbf1dc39b8", "prune-a29dc2f78121", "train-43a22d3920f9"],
        "fgsm weight 98%": ["train-bedbf1dc39b8", "prune-fe309ac8a1b2", "train-ea20230f5183"],
        "fgsm filter 20%": ["train-bedbf1dc39b8", "prune-c528cd7d9c8a", "shrink-c233951fe7da", "train-c9c87580443f"],
        "fgsm filter 25%": ["train-bedbf1dc39b8", "prune-196c7ef7096c", "shrink-2edf92ad4dfc", "train-a4b5ebc0530f"],
        "fgsm filter 30%": ["train-bedbf1dc39b8", "prune-37245d582fe7", "shrink-35b43641f700", "train-c99b80408c35"],
        "fgsm filter 35%": ["train-bedbf1dc39b8", "prune-62b18f91a087", "shrink-6ac56afe5645", "train-4ec9204c8857"],
        "fgsm filter 40%": ["train-bedbf1dc39b8", "prune-4d53bb72eae9", "shrink-c1ac683f2707", "train-08daf3cdf562"],
        "fgsm filter 45%": ["train-bedbf1dc39b8", "prune-4cf35928ec1f", "shrink-71aceeded68a", "train-2a00d5c6a3f0"],
        "fgsm filter 50%": ["train-bedbf1dc39b8", "prune-70019810bd7a", "shrink-f982f4b3a40f", "train-11a4dcf1ce5c"],
        "fgsm filter 55%": ["train-bedbf1dc39b8", "prune-c291ebe9eb3b", "shrink-f8af3851c85f", "train-468a3be1c8f5"],
        "fgsm filter 60%": ["train-bedbf1dc39b8", "prune-57862148331a", "shrink-c3f673b2bcdd", "train-26483ea63abc"],
        "fgsm filter 65%": ["train-bedbf1dc39b8", "prune-5e794e34636c", "shrink-eb42b29222ac", "train-5c74fec481a5"],
        "fgsm filter 70%": ["train-bedbf1dc39b8", "prune-d3aadfcea042", "shrink-a4340c38d91d", "train-f650594ed0c8"],
        "fgsm filter 75%": ["train-bedbf1dc39b8", "prune-38c9247fb882", "shrink-a2642aef83b1", "train-bd1310f2c705"],
        "fgsm filter 80%": ["train-bedbf1dc39b8", "prune-177002ed35c9", "shrink-c09d2c73b149", "train-613b6ed51c57"],
        "fgsm filter 85%": ["train-bedbf1dc39b8", "prune-bedbcab9858f", "shrink-d2d40b9f7ce3", "train-3a2dffa0d918"],
        "fgsm filter 90%": ["train-bedbf1dc39b8", "prune-17d1d1f200cb", "shrink-f44c1b8e470c", "train-8024fdbcd600"],
        "pgd dense": ["train-072eaf1aaa9e"],
        "pgd dense 10+10": ["train-072eaf1aaa9e", "train-d453d92dc960"],
        "pgd weight 40%": ["train-072eaf1aaa9e", "prune-6bc2eb0a4b27", "train-e28d1f025b3e"],
        "pgd weight 45%": ["train-072eaf1aaa9e", "prune-c13344413afe", "train-729bb832f53c"],
        "pgd weight 50%": ["train-072eaf1aaa9e", "prune-06c574b72353", "train-a88b12d02eb0"],
        "pgd weight 55%": ["train-072eaf1aaa9e", "prune-b99dc37bbba6", "train-f0394d6fbec0"],
        "pgd weight 60%": ["train-072eaf1aaa9e", "prune-41c88e0628c0", "train-9f77308a3050"],
        "pgd weight 65%": ["train-072eaf1aaa9e", "prune-02954b77f732", "train-d51cec3a7cc5"],
        "pgd weight 70%": ["train-072eaf1aaa9e", "prune-0afd2dc2302e", "train-0fa9ab155087"],
        "pgd weight 75%": ["train-072eaf1aaa9e", "prune-7236723ff093", "train-1286a5d3e014"],
        "pgd weight 80%": ["train-072eaf1aaa9e", "prune-c5ef81c0d0de", "train-7f1ba3cb6f9e"],
        "pgd weight 85%": ["train-072eaf1aaa9e", "prune-d51286351b70", "train-029b85b2d18e"],
        "pgd weight 90%": ["train-072eaf1aaa9e", "prune-0c5cbdaa591e", "train-2a10123e71a6"],
        "pgd weight 94%": ["train-072eaf1aaa9e", "prune-6c4a6750cff9", "train-ec79c240821c"],
        "pgd weight 95%": ["train-072eaf1aaa9e", "prune-7bef00b086f7", "train-a7580033c0d7"],
        "pgd weight 98%": ["train-072eaf1aaa9e", "prune-ac8f056a30cc", "train-c0fc870b9648"],
        "pgd filter 20%": ["train-072eaf1aaa9e", "prune-817bb9d64b74", "shrink-2c5b43b466e7", "train-ae7279c5beca"],
        "pgd filter 25%": ["train-072eaf1aaa9e", "prune-1328f679ac2b", "shrink-644ed809eef7", "train-86157e646727"],
        "pgd filter 30%": ["train-072eaf1aaa9e", "prune-9751525e206a", "shrink-fa4942382fd2", "train-6f6aec13620f"],
        "pgd filter 35%": ["train-072eaf1aaa9e", "prune-a0ff91ecf43c", "shrink-3fb199c872e4", "train-1a4aeb3e4f52"],
        "pgd filter 40%": ["train-072eaf1aaa9e", "prune-eabf686ed21d", "shrink-efe7a31d9478", "train-c829cbdf1a11"],
        "pgd filter 45%": ["train-072eaf1aaa9e", "prune-c5d8c458599d", "shrink-e070e903b28c", "train-1f17c49f3f60"],
        "pgd filter 50%": ["train-072eaf1aaa9e", "prune-df41b8749d3b", "shrink-8b4a6ade2e70", "train-ac301d47ff5a"],
        "pgd filter 55%": ["train-072eaf1aaa9e", "prune-f6880e1eff08", "shrink-bd7450dfe3e2", "train-dac6ee496854"],
        "pgd filter 60%": ["train-072eaf1aaa9e", "prune-60339c182c59", "shrink-e52a1ecce6cb", "train-10ff7e07ec63"],
        "pgd filter 65%": ["train-072eaf1aaa9e", "prune-2957aac2d794", "shrink-3f6cdb33234d", "train-c239e2c34a9d"],
        "pgd filter 70%": ["train-072eaf1aaa9e", "prune-97ce5ebf7793", "shrink-137aec2f7684", "train-e133f97a3253"],
        "pgd filter 75%": ["train-072eaf1aaa9e", "prune-fd41f3291d0c", "shrink-0e4f5c8f35a5", "train-32f84f023617"],
        "pgd filter 80%": ["train-072eaf1aaa9e", "prune-fe88beea871e", "shrink-8da0a04a7ce1", "train-fb507fe193d8"],
        "pgd filter 85%": ["train-072eaf1aaa9e", "prune-383c39b607e4", "shrink-a2c44bfc6b0e", "train-181802254794"],
        "pgd filter 90%": ["train-072eaf1aaa9e", "prune-c998c6569a3b", "shrink-2bc9fc2c87a3", "train-25bc1add8a1c"],
    },
    "wang2018-figure2": {
        "fgsm dense": ["train-686d6aceec61"],
        "fgsm weight 30%": ["train-686d6aceec61", "prune-2b02d19f03d8", "train-dded3b0186e0"],
        "fgsm weight 50%": ["train-686d6aceec61", "prune-806d6791c7aa", "train-0d3a309d2804"],
        "fgsm weight 60%": ["train-686d6aceec61", "prune-189cac2829c1", "train-2bbfbf4efd33"],
        "fgsm weight 70%": ["train-686d6aceec61", "prune-c827b2c9acb2", "train-c91d180bd614"],
        "fgsm weight 80%": ["train-686d6aceec61", "prune-829e5883db9b", "train-962a63f48248"],
        "fgsm weight 90%": ["train-686d6aceec61", "prune-597b1a170fd2", "train-71bd915cc3f9"],
        "fgsm weight 94%": ["train-686d6aceec61", "prune-b04945a45380", "train-7b4f73fe7611"],
        "fgsm weight 97%": ["train-686d6aceec61", "prune-40834d08e985", "train-cb9d54bc7e49"],
        "fgsm filter 20%": ["train-686d6aceec61", "prune-b9d12f060403", "train-7cf3fb5bec98"],
        "fgsm filter 30%": ["train-686d6aceec61", "prune-b4d831f77ad2", "train-f30e79fd9c49"],
        "fgsm filter 40%": ["train-686d6aceec61", "prune-4bb1bb39e9c2", "train-002f50437f81"],
        "fgsm filter 50%": ["train-686d6aceec61", "prune-1c1e06847ad4", "train-d848ab431117"],
        "fgsm filter 60%": ["train-686d6aceec61", "prune-aaef1920a196", "train-06ecb60f901e"],
        "fgsm filter 70%": ["train-686d6aceec61", "prune-04a79f229ac5", "train-d6d2d109fd06"],
        "fgsm filter 80%": ["train-686d6aceec61", "prune-c8a3826dd9e3", "train-70d578ebb9e9"],
        "pgd dense": ["train-dfd1bef3b9cc"],
        "pgd weight 30%": ["train-dfd1bef3b9cc", "prune-501700a1b884", "train-73a46fa3cf02"],
        "pgd weight 50%": ["train-dfd1bef3b9cc", "prune-5c5d00c24461", "train-73375400e0fc"],
        "pgd weight 60%": ["train-dfd1bef3b9cc", "prune-72c159e586e9", "train-c87cd141df17"],
        "pgd weight 70%": ["train-dfd1bef3b9cc", "prune-25d17c398f9f", "train-087da8cbf004"],
        "pgd weight 80%": ["train-dfd1bef3b9cc", "prune-2e87ff671689", "train-f88de913f01d"],
        "pgd weight 90%": ["train-dfd1bef3b9cc", "prune-ffc7319a5a55", "train-ce7efdddf92b"],
        "pgd weight 94%": ["train-dfd1bef3b9cc", "prune-977df09f208d", "train-a6b0e7ff8d7e"],
        "pgd weight 97%": ["train-dfd1bef3b9cc", "prune-595cdd2c6b3b", "train-a7808251267d"],
        "pgd filter 20%": ["train-dfd1bef3b9cc", "prune-b82aa9724ed6", "train-2a18f34372da"],
        "pgd filter 30%": ["train-dfd1bef3b9cc", "prune-326a189d85a4", "train-589249d33b6c"],
        "pgd filter 40%": ["train-dfd1bef3b9cc", "prune-fe5001328904", "train-b44356e0234d"],
        "pgd filter 50%": ["train-dfd1bef3b9cc", "prune-469329949785", "train-562b8a9420e7"],
        "pgd filter 60%": ["train-dfd1bef3b9cc", "prune-72ff92ff6b8d", "train-513e54a435f7"],
        "pgd filter 70%": ["train-dfd1bef3b9cc", "prune-dede4e452552", "train-81c49bfdbfb6"],
        "pgd filter 80%": ["train-dfd1bef3b9cc", "prune-f7f546706fdd", "train-f287eced011b"],
    },
    "wang2018-rate": {
        "fgsm dense": ["train-bedbf1dc39b8"],
        "fgsm dense 10+10": ["train-bedbf1dc39b8", "train-d6edd78149b9"],
        "fgsm dense 10+10 constant": ["train-bedbf1dc39b8", "train-c5e6328d4b87"],
        "fgsm weight 96%": ["train-bedbf1dc39b8", "prune-a29dc2f78121", "train-43a22d3920f9"],
        "fgsm weight 96% constant": ["train-bedbf1dc39b8", "prune-a29dc2f78121", "train-6abacff34a0f"],
        "fgsm filter 70%": ["train-bedbf1dc39b8", "prune-d3aadfcea042", "shrink-a4340c38d91d", "train-f650594ed0c8"],
        "fgsm filter 70% constant": [
            "train-bedbf1dc39b8",
            "prune-d3aadfcea042",
            "shrink-a4340c38d91d",
            "train-1fab44eec961",
        ],
        "pgd dense": ["train-072eaf1aaa9e"],
        "pgd dense 10+10": ["train-072eaf1aaa9e", "train-d453d92dc960"],
        "pgd dense 10+10 constant": ["train-072eaf1aaa9e", "train-2ed4dd3c5b03"],
        "pgd weight 94%": ["train-072eaf1aaa9e", "prune-6c4a6750cff9", "train-ec79c240821c"],
        "pgd weight 94% constant": ["train-072eaf1aaa9e", "prune-6c4a6750cff9", "train-fac8128dbb98"],
        "pgd filter 65%": ["train-072eaf1aaa9e", "prune-2957aac2d794", "shrink-3f6cdb33234d", "train-c239e2c34a9d"],
        "pgd filter 65% constant": [
            "train-072eaf1aaa9e",
            "prune-2957aac2d794",
            "shrink-3f6cdb33234d",
            "train-90e4eca4fc6e",
        ],
    },
    "wang2018-table1": {
        "dense": ["train-6698bfbb97e7"],
        "weight 98%": ["train-6698bfbb97e7", "prune-917a9e759282", "train-8159e8f5f9d2"],
        "filter 75%": ["train-6698bfbb97e7", "prune-2596e9588872", "train-30f07fe73c33"],
        "filter 75% floor 1": ["train-6698bfbb97e7", "prune-acdaeceaf232", "train-a662dba86a89"],
        "filter 75% literal": ["train-6698bfbb97e7", "prune-dfd4392fbb13", "train-78694293f90a"],
    },
    "wang2018-table2": {
        "fgsm dense": ["train-bedbf1dc39b8"],
        "fgsm dense 10+10": ["train-bedbf1dc39b8", "train-d6edd78149b9"],
        "fgsm weight 96%": ["train-bedbf1dc39b8", "prune-a29dc2f78121", "train-43a22d3920f9"],
        "fgsm weight 80%": ["train-bedbf1dc39b8", "prune-60abe246d66d", "train-f163d9d0c29e"],
        "fgsm filter 70%": ["train-bedbf1dc39b8", "prune-d3aadfcea042", "shrink-a4340c38d91d", "train-f650594ed0c8"],
        "fgsm filter 60%": ["train-bedbf1dc39b8", "prune-57862148331a", "shrink-c3f673b2bcdd", "train-26483ea63abc"],
        "pgd dense": ["train-072eaf1aaa9e"],
        "pgd dense 10+10": ["train-072eaf1aaa9e", "train-d453d92dc960"],
        "pgd weight 94%": ["train-072eaf1aaa9e", "prune-6c4a6750cff9", "train-ec79c240821c"],
        "pgd weight 85%": ["train-072eaf1aaa9e", "prune-d51286351b70", "train-029b85b2d18e"],
        "pgd filter 65%": ["train-072eaf1aaa9e", "prune-2957aac2d794", "shrink-3f6cdb33234d", "train-c239e2c34a9d"],
        "pgd filter 40%": ["train-072eaf1aaa9e", "prune-eabf686ed21d", "shrink-efe7a31d9478", "train-c829cbdf1a11"],
        "pgd scratch small": ["train-47de3d1a9368", "train-64934e43540d"],
    },
    "wang2018-table3": {
        "standard dense": ["train-73dc9de975b8"],
        "standard dense tuned": ["train-73dc9de975b8", "train-790e02c50824"],
        "standard weight 94%": ["train-73dc9de975b8", "prune-69f7b2315fb7", "train-5420e70c1faa"],
        "standard filter 60%": ["train-73dc9de975b8", "prune-eb972293da9f", "train-7e1b954babc1"],
        "standard filter 60% literal": ["train-73dc9de975b8", "prune-a6f5a857bde8", "train-a9e43b4e699c"],
        "fgsm dense": ["train-686d6aceec61"],
        "fgsm dense tuned": ["train-686d6aceec61", "train-75ae87de917b"],
        "fgsm weight 94%": ["train-686d6aceec61", "prune-b04945a45380", "train-7b4f73fe7611"],
        "fgsm filter 60%": ["train-686d6aceec61", "prune-aaef1920a196", "train-06ecb60f901e"],
        "pgd dense": ["train-dfd1bef3b9cc"],
        "pgd dense tuned": ["train-dfd1bef3b9cc", "train-0af9a3922cb8"],
        "pgd weight 70%": ["train-dfd1bef3b9cc", "prune-25d17c398f9f", "train-087da8cbf004"],
        "pgd filter 50%": ["train-dfd1bef3b9cc", "prune-469329949785", "train-562b8a9420e7"],
    },
}
# All measurements together.
PINNED_MEASURES: dict[str, str] = {
    "anpvs-budget": "5586970acf1b",
    "anpvs-compression": "6612a9954708",
    "anpvs-ablation": "3cb5f49f5bdb",
    "anpvs-cifar100": "b7e2a6db4afc",
    "anpvs-cifar10": "3cdf94b763e3",
    "anpvs-mnist": "70ca94ff7462",
    "anpvs-pictures": "7b4622db5c90",
    "certified-mnist": "5ace9e185800",
    "parana-best": "24ee724beb9f",
    "parana-cnn-fc": "72a4118a8872",
    "parana-curves": "34c3fe08fbfe",
    "parana-layers": "b334b4314010",
    "parana-schedule": "a632af38fc55",
    "quickstart": "65bd658f19e0",
    "rfp-dataset": "9610a90e77c2",
    "parana-cost": "26eb9aa33fe0",
    "parana-detection": "d5e5094f0236",
    "parana-decoupled": "9b00418122b4",
    "rfp-figure2": "2354926769d9",
    "rfp-figure3": "b68ad35883ea",
    "rfp-figure4": "3d19a1fdc279",
    "rfp-table1": "e9888ddb83ff",
    "wang2018-figure1": "c7fa983dfc66",
    "wang2018-figure2": "b9118912125e",
    "wang2018-rate": "42cf6c286518",
    "wang2018-table1": "b5b974d29663",
    "wang2018-table2": "4d74837379e5",
    "wang2018-table3": "7fd982bc7ae2",
}


def images(n: int = 4, classes: int = 10) -> ImageSet:
    names = tuple(map(str, range(classes)))
    return ImageSet(torch.zeros(n, 1, 28, 28, dtype=torch.uint8), torch.arange(n) % classes, names)


def splits(fingerprint: str = "0123456789abcdef") -> Splits:
    return Splits(train=images(), valid=images(0), test=images(), name="stand-in", fingerprint=fingerprint)


def laid_out(recipe: Recipe) -> Plan:
    return plan(recipe, splits())


def steps(made: Plan, row: str, seed: int = 0) -> list[str]:
    """The addresses of a row's own steps, first to last."""
    stage = next(place.stage.parent for place in made.places if (place.row, place.seed) == (row, seed))
    chain = []
    while stage is not None:
        chain.append(f"{stage.kind}-{stage.key}")
        stage = stage.parent
    return chain[::-1]


def measures(made: Plan) -> dict[tuple[str, str, int], str]:
    return {(place.row, place.metric, place.seed): place.stage.key for place in made.places}


def keys(made: Plan) -> set[str]:
    return {stage.key for stage in made.stages}


@pytest.mark.parametrize("name", published())
def test_the_networks_of_a_published_recipe_stay_at_their_addresses(name: str) -> None:
    recipe = read_recipe(name)
    made = laid_out(recipe)
    ours = {row: steps(made, row, recipe.seeds[0]) for row in recipe.rows}
    assert ours == PINNED.get(name), f"PINNED[{name!r}] = {pprint.pformat(ours, width=118, sort_dicts=False)}"


@pytest.mark.parametrize("name", published())
def test_the_measurements_of_a_published_recipe_stay_at_their_addresses(name: str) -> None:
    ours = address(sorted(measures(laid_out(read_recipe(name))).values()))
    assert ours == PINNED_MEASURES.get(name), f"PINNED_MEASURES[{name!r}] = {ours!r}"


@pytest.mark.parametrize("preset", ["full", "smoke"])
def test_figure_1_goes_on_from_the_networks_of_table_2(preset: str) -> None:
    figure, table = (read_recipe(f"wang2018-{name}", preset=preset) for name in ("figure1", "table2"))
    drawn, tabled = laid_out(figure), laid_out(table)
    shared = [row for row in figure.rows if row in table.rows]
    assert len(shared) == 12
    assert all(steps(drawn, row) == steps(tabled, row) for row in shared)
    both = measures(drawn).keys() & measures(tabled).keys()
    assert len(both) == 36 and all(measures(drawn)[place] == measures(tabled)[place] for place in both)


def test_figure_1_lite_tunes_for_fewer_epochs_from_the_same_networks() -> None:
    drawn, tabled = (laid_out(read_recipe(f"wang2018-{name}", preset="lite")) for name in ("figure1", "table2"))
    for row in ("fgsm weight 80%", "pgd weight 85%"):
        assert steps(drawn, row)[:2] == steps(tabled, row)[:2] and steps(drawn, row)[2:] != steps(tabled, row)[2:]


def test_a_new_option_with_a_default_changes_no_address() -> None:
    @value
    class Before:
        kind: Literal["attack"] = "attack"
        eps: float
        steps: int = 40

    @value
    class After:
        kind: Literal["attack"] = "attack"
        eps: float
        steps: int = 40
        momentum: float = 0.0

    assert address(spell(Before(eps=0.1))) == address(spell(After(eps=0.1)))
    assert address(spell(After(eps=0.1, momentum=0.9))) != address(spell(After(eps=0.1)))


@pytest.mark.parametrize(
    ("path", "spelled"),
    [
        ((*TRAIN, "precision"), "auto"),
        ((*TRAIN, "optimizer"), {"kind": "adam", "lr": "1e-3"}),
        ((*TRAIN, "objective"), {"kind": "cross_entropy"}),
        ((*TRAIN, "schedule"), {"kind": "constant"}),
        ((*TRAIN, "early_stopping"), None),
        ((*PRUNE, "sparsity"), 0.5),
        ((*PRUNE, "floor"), 1),
        ((*PGD, "eps"), 8 / 255),
        ((*PGD, "loss"), "ce"),
        (("title",), "Another"),
        (("seeds",), [0]),
        (("networks", "dense", "show"), True),
    ],
)
def test_the_same_thing_said_in_other_words_has_the_same_address(
    tmp_path: Path, path: tuple[Any, ...], spelled: Any
) -> None:
    assert keys(laid_out(read(tmp_path, tiny(*path, to=spelled)))) == keys(laid_out(read(tmp_path, tiny())))


def test_the_name_of_a_network_is_not_part_of_its_address(tmp_path: Path) -> None:
    renamed = yaml.safe_load(yaml.safe_dump(tiny()).replace("weight 50%", "half"))
    assert keys(laid_out(read(tmp_path, renamed))) == keys(laid_out(read(tmp_path, tiny())))


def test_a_network_is_shared_by_all_that_go_on_from_it(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["weight 80%"] = {
        "of": "dense",
        "steps": [{"kind": "prune", "criterion": {"kind": "magnitude"}, "sparsity": "80%"}],
    }
    made = laid_out(read(tmp_path, recipe))
    assert steps(made, "weight 50%")[:1] == steps(made, "weight 80%")[:1] == steps(made, "dense")
    assert sum(stage.kind == "train" for stage in made.stages) == 2  # dense, and the tuning of weight 50%


def test_two_networks_made_alike_are_one(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["twin"] = recipe["networks"]["dense"]
    made = laid_out(read(tmp_path, recipe))
    assert steps(made, "twin") == steps(made, "dense")


def test_seeds_are_kept_apart_in_every_stage(tmp_path: Path) -> None:
    made = laid_out(read(tmp_path, tiny("seeds", to=[0, 1])))
    by_seed = [{stage.key for stage in made.stages if stage.seed == seed} for seed in (0, 1)]
    assert len(by_seed[0]) == len(by_seed[1]) == len(made.stages) / 2
    assert not by_seed[0] & by_seed[1]


def test_another_seed_beside_it_moves_nothing(tmp_path: Path) -> None:
    assert keys(laid_out(read(tmp_path, tiny()))) < keys(laid_out(read(tmp_path, tiny("seeds", to=[0, 1]))))


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ("measures.pgd.attack.steps=4", {"pgd"}),
        ("measures.pgd.attack.eps=0.2", {"pgd"}),
        ("measures.natural.n_max=10", {"natural"}),
    ],
)
def test_changing_a_measure_moves_that_measure_only(tmp_path: Path, change: str, moved: set[str]) -> None:
    before, after = (measures(laid_out(read(tmp_path, tiny(), *more))) for more in ((), (change,)))
    assert {metric for (row, metric, seed), key in before.items() if after[row, metric, seed] != key} == moved


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ("networks.dense.steps.0.epochs=3", {"dense", "weight 50%"}),
        ("networks.dense.steps.0.optimizer={kind: adam, lr: 1e-2}", {"dense", "weight 50%"}),
        ("networks.weight 50%.steps.prune.sparsity=60%", {"weight 50%"}),
        ("networks.weight 50%.steps.1.epochs=3", {"weight 50%"}),
        ("model.hidden=[8]", {"dense", "weight 50%"}),
    ],
)
def test_changing_a_network_moves_it_and_all_that_go_on_from_it(tmp_path: Path, change: str, moved: set[str]) -> None:
    before, after = (measures(laid_out(read(tmp_path, tiny(), *more))) for more in ((), (change,)))
    assert {row for (row, metric, seed), key in before.items() if after[row, metric, seed] != key} == moved


def test_other_images_move_everything_that_has_seen_them(tmp_path: Path) -> None:
    recipe = read(tmp_path, tiny())
    assert not keys(plan(recipe, splits("a" * 16))) & keys(plan(recipe, splits("b" * 16)))


def test_a_revision_moves_its_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = measures(laid_out(read(tmp_path, tiny())))
    monkeypatch.setattr(Accuracy, "revision", 99)
    after = laid_out(read(tmp_path, tiny()))
    assert not set(before.values()) & set(measures(after).values())
    assert steps(after, "dense") == steps(laid_out(read(tmp_path, tiny())), "dense")


@pytest.mark.parametrize("name", published())
@pytest.mark.parametrize("preset", ["full", "smoke"])
def test_what_show_prints_is_a_recipe_with_the_same_addresses(tmp_path: Path, name: str, preset: str) -> None:
    shown = write(tmp_path, written_out(Request(recipe=name, preset=preset).read()))
    again, before = read_recipe(str(shown)), read_recipe(name, preset=preset)
    assert keys(laid_out(again)) == keys(laid_out(before))
    assert again == dataclasses.replace(before, presets={})


_OWN = """from torch import nn
def net(num_classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(64, num_classes))
"""


def test_a_network_of_ones_own_moves_when_its_file_is_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = read(tmp_path, tiny("model", to="own_net_of_addresses:net"))
    file = tmp_path / "own_net_of_addresses.py"
    file.write_text(_OWN)
    before = keys(laid_out(recipe))
    assert keys(laid_out(recipe)) == before
    file.write_text(_OWN + "# another\n")
    assert not keys(laid_out(recipe)) & before


def test_a_factory_passed_on_by_its_package_moves_with_the_file_it_is_written_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_nets_of_addresses").mkdir()
    (tmp_path / "own_nets_of_addresses" / "__init__.py").write_text("from .inner import net\n")
    file = tmp_path / "own_nets_of_addresses" / "inner.py"
    file.write_text(_OWN)
    recipe = read(tmp_path, tiny("model", to="own_nets_of_addresses:net"))
    before = keys(laid_out(recipe))
    file.write_text(_OWN + "# another\n")
    assert not keys(laid_out(recipe)) & before


@pytest.mark.parametrize("preset", ["full", "lite", "smoke"])
def test_the_fully_connected_recipes_of_parana_share_their_network_and_its_noises(preset: str) -> None:
    plans = [
        laid_out(read_recipe(f"parana-{name}", preset=preset))
        for name in ("curves", "layers", "best", "cost", "detection")
    ]
    assert len({steps(made, made.places[0].row)[0] for made in plans}) == 1
    noises = [{stage.key for stage in made.stages if stage.kind == "noise"} for made in plans]
    assert noises[1] <= noises[0]  # all nine of the dense network
    assert all(len(noises[0] & others) >= 8 for others in noises[2:4])


@pytest.mark.parametrize("preset", ["full", "lite"])
def test_the_convolutional_recipes_of_parana_share_their_network_and_its_noises(preset: str) -> None:
    linear, decoupled = (laid_out(read_recipe(f"parana-{name}", preset=preset)) for name in ("cnn-fc", "decoupled"))
    noises = [{stage.key for stage in made.stages if stage.kind == "noise"} for made in (linear, decoupled)]
    assert steps(linear, "dense") == steps(decoupled, "dense") and noises[0] == noises[1]
