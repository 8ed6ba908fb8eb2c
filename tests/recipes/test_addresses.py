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

from blackthorn.cli.commands import show_command
from blackthorn.data import ImageSet, Splits
from blackthorn.experiment import Request
from blackthorn.measuring import Accuracy
from blackthorn.recipes import Plan, Recipe, plan, read_recipe
from blackthorn.recipes.reading import published
from blackthorn.values import address, spell, value

from .tiny import PGD, PRUNE, TRAIN, read, tiny, write

# Row -> the addresses of its steps, for the first seed, on images that stand for the recipe's.
PINNED: dict[str, dict[str, list[str]]] = {
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
        "dense": ["train-727a984904bb"],
        "absolute 90%": ["train-727a984904bb", "prune-b8984fb0f0be"],
        "activated 81%": ["train-727a984904bb", "prune-947bed46c8c2"],
        "combined": ["train-727a984904bb", "prune-7925f25b8299"],
        "absolute 95%": ["train-727a984904bb", "prune-9f653ca1d774"],
        "activated 90%": ["train-727a984904bb", "prune-3bbd45e8e011"],
        "absolute 93%": ["train-727a984904bb", "prune-344268c67363"],
        "absolute 96%": ["train-727a984904bb", "prune-fdabfccc9807"],
        "absolute 97%": ["train-727a984904bb", "prune-670583ae7df5"],
        "activated 86%": ["train-727a984904bb", "prune-90f3b98bbdfd"],
        "activated 92%": ["train-727a984904bb", "prune-a6b34ac9bf4b"],
        "activated 94%": ["train-727a984904bb", "prune-281e25b608a3"],
        "combined 90%": ["train-727a984904bb", "prune-6057f89170a6"],
        "combined 93%": ["train-727a984904bb", "prune-2c926fced990"],
        "combined 95%": ["train-727a984904bb", "prune-21d3d185862f"],
        "combined 97%": ["train-727a984904bb", "prune-d51a603332f9"],
        "all layers absolute 90%": ["train-727a984904bb", "prune-9b41a7dfe910"],
        "all layers activated 81%": ["train-727a984904bb", "prune-8f2772611372"],
        "all layers combined": ["train-727a984904bb", "prune-7cd857e0ca9d"],
        "ReLU": ["train-d4c9ba631a6f"],
        "ReLU activated 81%": ["train-d4c9ba631a6f", "prune-969b07cfdec9"],
        "dropout": ["train-e35c45be8f2c"],
        "dropout activated 50%": ["train-e35c45be8f2c", "prune-c372eda9b05a"],
        "dropout activated 60%": ["train-e35c45be8f2c", "prune-42c286335a61"],
        "dropout activated 70%": ["train-e35c45be8f2c", "prune-94fda3f60c05"],
        "dropout activated 81%": ["train-e35c45be8f2c", "prune-6d95f9748df5"],
        "dropout absolute 90%": ["train-e35c45be8f2c", "prune-f83859f57350"],
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
        "dense": ["train-727a984904bb"],
        "absolute 90%": ["train-727a984904bb", "prune-b8984fb0f0be"],
        "activated 20%": ["train-727a984904bb", "prune-623f00d8f7c6"],
        "activated 40%": ["train-727a984904bb", "prune-8b7787777a0d"],
        "activated 60%": ["train-727a984904bb", "prune-a88ec679e74c"],
        "activated 81%": ["train-727a984904bb", "prune-947bed46c8c2"],
        "activated 90%": ["train-727a984904bb", "prune-3bbd45e8e011"],
        "combined": ["train-727a984904bb", "prune-7925f25b8299"],
        "dead pixels": ["train-727a984904bb", "prune-428d62b5f9c8"],
        "no L2": ["train-cbe4a2315d81"],
        "no L2, dead pixels": ["train-cbe4a2315d81", "prune-50165a85cf0c"],
    },
    "parana-layers": {
        "dense": ["train-727a984904bb"],
        "absolute fc1 90%": ["train-727a984904bb", "prune-f3b70ee15c1c"],
        "absolute fc1 95%": ["train-727a984904bb", "prune-297c4e7d1a20"],
        "absolute fc2 90%": ["train-727a984904bb", "prune-ea68f34e2735"],
        "absolute fc2 95%": ["train-727a984904bb", "prune-79250848d5bb"],
        "absolute fc3 90%": ["train-727a984904bb", "prune-57c03596ca96"],
        "absolute fc3 95%": ["train-727a984904bb", "prune-2430dba6845c"],
        "activated fc1 90%": ["train-727a984904bb", "prune-11734105e616"],
        "activated fc1 95%": ["train-727a984904bb", "prune-bf217c33601c"],
        "activated fc2 90%": ["train-727a984904bb", "prune-877b3b7cc355"],
        "activated fc2 95%": ["train-727a984904bb", "prune-1eaede5b410f"],
        "activated fc3 90%": ["train-727a984904bb", "prune-1da368812388"],
        "activated fc3 95%": ["train-727a984904bb", "prune-709d41f4273a"],
        "absolute fc2+fc3 95%": ["train-727a984904bb", "prune-315f4b23fd20"],
        "activated fc2+fc3 95%": ["train-727a984904bb", "prune-c77808165ded"],
        "notebook": ["train-727a984904bb", "prune-222aec41fd4f"],
    },
    "quickstart": {
        "dense": ["train-97d2976b9f13"],
        "weight 80%": ["train-97d2976b9f13", "prune-88091bd48514", "train-814cf013909d"],
        "weight 95%": ["train-97d2976b9f13", "prune-9783a16bc055", "train-9a5256022b1e"],
        "filter 50%": ["train-97d2976b9f13", "prune-a85d509a7a54", "train-e9cbcdad36a9", "shrink-97105f12c02e"],
        "pgd dense": ["train-f1a7e101c04e"],
        "pgd weight 80%": ["train-f1a7e101c04e", "prune-a3c8c6c9e52e", "train-007f56561b70"],
        "pgd weight 95%": ["train-f1a7e101c04e", "prune-3b92a5f741dc", "train-9c1baa34b904"],
        "pgd filter 50%": ["train-f1a7e101c04e", "prune-e20d8aec7d8e", "train-a4ad5f66d5d9", "shrink-e46fd3bcfc9a"],
    },
    "parana-cost": {"linear-quadratic": ["train-727a984904bb"], "softmax": ["train-83927121a31d"]},
    "parana-detection": {"linear-quadratic": ["train-727a984904bb"], "softmax": ["train-83927121a31d"]},
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
    "wang2018-figure1": {
        "fgsm dense": ["train-1d39b29b3924"],
        "fgsm dense 10+10": ["train-1d39b29b3924", "train-81ab49e619aa"],
        "fgsm weight 40%": ["train-1d39b29b3924", "prune-4831cee690fd", "train-b99c42db271f"],
        "fgsm weight 45%": ["train-1d39b29b3924", "prune-3ec713020a14", "train-ed09015b63d0"],
        "fgsm weight 50%": ["train-1d39b29b3924", "prune-ad3774285f55", "train-f746df9e8814"],
        "fgsm weight 55%": ["train-1d39b29b3924", "prune-c6f2e312ead8", "train-de125246a5e1"],
        "fgsm weight 60%": ["train-1d39b29b3924", "prune-cb58e9230229", "train-890d04b8aa80"],
        "fgsm weight 65%": ["train-1d39b29b3924", "prune-8cefcb890421", "train-053e2bb06efa"],
        "fgsm weight 70%": ["train-1d39b29b3924", "prune-18b072f5b164", "train-3d7c2119cc8d"],
        "fgsm weight 75%": ["train-1d39b29b3924", "prune-5c9e7a79d5a0", "train-a1d3f2a94754"],
        "fgsm weight 80%": ["train-1d39b29b3924", "prune-00fb6ea01c9f", "train-f50be7105ea5"],
        "fgsm weight 85%": ["train-1d39b29b3924", "prune-0c574ce84f00", "train-66be1647ad70"],
        "fgsm weight 90%": ["train-1d39b29b3924", "prune-29e61e5d6c28", "train-7afa0415dc4a"],
        "fgsm weight 95%": ["train-1d39b29b3924", "prune-f66dd4f01666", "train-874a76bd01ca"],
        "fgsm weight 96%": ["train-1d39b29b3924", "prune-c1c6906174e6", "train-9841b780847b"],
        "fgsm weight 98%": ["train-1d39b29b3924", "prune-f05810dcb9f6", "train-9c5e3794b28b"],
        "fgsm filter 20%": ["train-1d39b29b3924", "prune-3b0a8b12b313", "shrink-1928109a441c", "train-52911f1bbcfc"],
        "fgsm filter 25%": ["train-1d39b29b3924", "prune-2c21b53b26e1", "shrink-36c3207e2f81", "train-029295739249"],
        "fgsm filter 30%": ["train-1d39b29b3924", "prune-e1788d759051", "shrink-12508abad092", "train-ee7fbdb57e56"],
        "fgsm filter 35%": ["train-1d39b29b3924", "prune-4f02842dfacf", "shrink-5410c8e5cb7c", "train-768f5b9200e7"],
        "fgsm filter 40%": ["train-1d39b29b3924", "prune-e908454358ce", "shrink-c321ae310612", "train-4c110dc06e38"],
        "fgsm filter 45%": ["train-1d39b29b3924", "prune-2793a536bbeb", "shrink-c63bd24d5c15", "train-00387d439d4e"],
        "fgsm filter 50%": ["train-1d39b29b3924", "prune-bad22889b42c", "shrink-9a98d2aa5132", "train-d2b7d6b7d541"],
        "fgsm filter 55%": ["train-1d39b29b3924", "prune-d30a02d9e0f6", "shrink-950b6f24bc16", "train-97e4d60b715e"],
        "fgsm filter 60%": ["train-1d39b29b3924", "prune-1e38c31c02f5", "shrink-7210d157b8d0", "train-05229d0c228e"],
        "fgsm filter 65%": ["train-1d39b29b3924", "prune-ef4f73471967", "shrink-379e3a141dc9", "train-6d182a3e946b"],
        "fgsm filter 70%": ["train-1d39b29b3924", "prune-84dd0e78c387", "shrink-4a5e04d52a08", "train-79bd2667990c"],
        "fgsm filter 75%": ["train-1d39b29b3924", "prune-223b641edde9", "shrink-56ce0be21b99", "train-c02551fb11b5"],
        "fgsm filter 80%": ["train-1d39b29b3924", "prune-acffaff84402", "shrink-4e667f3e0c7c", "train-3aff507fa5b1"],
        "fgsm filter 85%": ["train-1d39b29b3924", "prune-9c240112fda5", "shrink-60823ed69436", "train-497fe0592d90"],
        "fgsm filter 90%": ["train-1d39b29b3924", "prune-abb71ff51e3c", "shrink-17ecd094775b", "train-44bf2cb2e3b8"],
        "pgd dense": ["train-e94cf380414c"],
        "pgd dense 10+10": ["train-e94cf380414c", "train-364f2e097250"],
        "pgd weight 40%": ["train-e94cf380414c", "prune-10bcec250f04", "train-3ab2cd34ae71"],
        "pgd weight 45%": ["train-e94cf380414c", "prune-300187d04152", "train-f9e1d12bcd13"],
        "pgd weight 50%": ["train-e94cf380414c", "prune-4536cfd48db3", "train-fab974c84204"],
        "pgd weight 55%": ["train-e94cf380414c", "prune-7988d0607392", "train-efc84975946d"],
        "pgd weight 60%": ["train-e94cf380414c", "prune-56826e490bca", "train-7bf7c73746a0"],
        "pgd weight 65%": ["train-e94cf380414c", "prune-a6df8c8f33ae", "train-d0740e5066a6"],
        "pgd weight 70%": ["train-e94cf380414c", "prune-76038c6a8085", "train-f0ff65943d64"],
        "pgd weight 75%": ["train-e94cf380414c", "prune-2d917a32d8bb", "train-605509bfd02b"],
        "pgd weight 80%": ["train-e94cf380414c", "prune-df9332edb9b3", "train-d5435448b283"],
        "pgd weight 85%": ["train-e94cf380414c", "prune-b1be413ff3e7", "train-945758b34787"],
        "pgd weight 90%": ["train-e94cf380414c", "prune-0c4d00d40ed0", "train-7abbfe1320e2"],
        "pgd weight 94%": ["train-e94cf380414c", "prune-3ec4507bd46f", "train-25af33a40824"],
        "pgd weight 95%": ["train-e94cf380414c", "prune-5215606a5537", "train-0379972249f7"],
        "pgd weight 98%": ["train-e94cf380414c", "prune-67dab3d92f12", "train-1537a977a208"],
        "pgd filter 20%": ["train-e94cf380414c", "prune-3bd6a99326c2", "shrink-0460f78dc0f3", "train-3582acc6a52b"],
        "pgd filter 25%": ["train-e94cf380414c", "prune-95198d581ef7", "shrink-89a6785bc49b", "train-eb741d3a84f2"],
        "pgd filter 30%": ["train-e94cf380414c", "prune-6875e53a856b", "shrink-66e49371d07b", "train-c1331a24b86f"],
        "pgd filter 35%": ["train-e94cf380414c", "prune-c90b30c5791a", "shrink-458948df5404", "train-b2fc74fd0deb"],
        "pgd filter 40%": ["train-e94cf380414c", "prune-0dcdfe053148", "shrink-02a4c5fd2dce", "train-108514ad7737"],
        "pgd filter 45%": ["train-e94cf380414c", "prune-7ed6cbc259f3", "shrink-064ab5b3a88b", "train-08c2ef5a34f7"],
        "pgd filter 50%": ["train-e94cf380414c", "prune-82ae263ef7da", "shrink-80e853dc0f38", "train-4b56295b77bf"],
        "pgd filter 55%": ["train-e94cf380414c", "prune-a1364d1536c2", "shrink-bbf39eb03032", "train-b02cabdeb2e4"],
        "pgd filter 60%": ["train-e94cf380414c", "prune-77b1e30143b6", "shrink-bec65ce3fa2f", "train-5c2735a80cd2"],
        "pgd filter 65%": ["train-e94cf380414c", "prune-d3b9b1104af4", "shrink-96beda1ebc0b", "train-df6005fb7f64"],
        "pgd filter 70%": ["train-e94cf380414c", "prune-5057d382c504", "shrink-ed368ef0c9bb", "train-7a59790d46e5"],
        "pgd filter 75%": ["train-e94cf380414c", "prune-7f07cf59c10d", "shrink-69bfb705bc74", "train-9443446974d2"],
        "pgd filter 80%": ["train-e94cf380414c", "prune-c078deb70ff4", "shrink-5ede82d2273f", "train-eb28fc59bb74"],
        "pgd filter 85%": ["train-e94cf380414c", "prune-a394decdc8f6", "shrink-fe84310a6a41", "train-3c9779d2bd70"],
        "pgd filter 90%": ["train-e94cf380414c", "prune-47baaf78ca3c", "shrink-672cb9856d71", "train-cfad2aa3dfde"],
    },
    "wang2018-figure2": {
        "fgsm dense": ["train-30a0c6bdeecd"],
        "fgsm weight 30%": ["train-30a0c6bdeecd", "prune-56e516852eac", "train-e28e072689d3"],
        "fgsm weight 50%": ["train-30a0c6bdeecd", "prune-8b09571ca374", "train-d4a4b6cec8ba"],
        "fgsm weight 60%": ["train-30a0c6bdeecd", "prune-00ca456c459a", "train-000daa58f180"],
        "fgsm weight 70%": ["train-30a0c6bdeecd", "prune-9fab2185300e", "train-efd431613537"],
        "fgsm weight 80%": ["train-30a0c6bdeecd", "prune-51d096cdeb48", "train-54def057fe40"],
        "fgsm weight 90%": ["train-30a0c6bdeecd", "prune-ec222c8ff554", "train-c8a1bf4d12f8"],
        "fgsm weight 94%": ["train-30a0c6bdeecd", "prune-c6a9e95c23a1", "train-d88a452e7baf"],
        "fgsm weight 97%": ["train-30a0c6bdeecd", "prune-0f150a1897f3", "train-0855c06f0fe3"],
        "fgsm filter 20%": ["train-30a0c6bdeecd", "prune-3a2c6980783c", "train-d11720febe50"],
        "fgsm filter 30%": ["train-30a0c6bdeecd", "prune-ddaa8f3fc09e", "train-0a061a341af7"],
        "fgsm filter 40%": ["train-30a0c6bdeecd", "prune-ccae40fe11eb", "train-377aea9d96d1"],
        "fgsm filter 50%": ["train-30a0c6bdeecd", "prune-262c9a82ece9", "train-f6a87e25bdf5"],
        "fgsm filter 60%": ["train-30a0c6bdeecd", "prune-251f33cae2d5", "train-5f77c4552e6b"],
        "fgsm filter 70%": ["train-30a0c6bdeecd", "prune-87c7a49a1536", "train-522960d6fab5"],
        "fgsm filter 80%": ["train-30a0c6bdeecd", "prune-9ae24edd8656", "train-9787c58b1f6b"],
        "pgd dense": ["train-c3a6c388a32a"],
        "pgd weight 30%": ["train-c3a6c388a32a", "prune-1b59cefdc201", "train-0061e71672d6"],
        "pgd weight 50%": ["train-c3a6c388a32a", "prune-62b9d3f1ef1a", "train-0e99f61fc25c"],
        "pgd weight 60%": ["train-c3a6c388a32a", "prune-ee4255f177ef", "train-8715a6f16052"],
        "pgd weight 70%": ["train-c3a6c388a32a", "prune-ff0fdb3f5c30", "train-d9f0553bf70a"],
        "pgd weight 80%": ["train-c3a6c388a32a", "prune-d6a4909d49a8", "train-3da35d5981be"],
        "pgd weight 90%": ["train-c3a6c388a32a", "prune-a63bda7e7a1f", "train-621133d95527"],
        "pgd weight 94%": ["train-c3a6c388a32a", "prune-8f43a05be884", "train-02ed0aeef8b4"],
        "pgd weight 97%": ["train-c3a6c388a32a", "prune-a2272f2cec21", "train-c4035901c59e"],
        "pgd filter 20%": ["train-c3a6c388a32a", "prune-49961aef6e2e", "train-c343a5c8198a"],
        "pgd filter 30%": ["train-c3a6c388a32a", "prune-4d6e9739394a", "train-ea9dc09040c9"],
        "pgd filter 40%": ["train-c3a6c388a32a", "prune-7291bf64e8fe", "train-9291a487c507"],
        "pgd filter 50%": ["train-c3a6c388a32a", "prune-8e8e86615728", "train-66f7454f125f"],
        "pgd filter 60%": ["train-c3a6c388a32a", "prune-b3996183434b", "train-b46004a05013"],
        "pgd filter 70%": ["train-c3a6c388a32a", "prune-59a8b47ca440", "train-ab99ed5a885a"],
        "pgd filter 80%": ["train-c3a6c388a32a", "prune-656d34b26a93", "train-4c70e528ec14"],
    },
    "wang2018-table1": {
        "dense": ["train-6698bfbb97e7"],
        "weight 98%": ["train-6698bfbb97e7", "prune-917a9e759282", "train-8159e8f5f9d2"],
        "filter 75%": ["train-6698bfbb97e7", "prune-2596e9588872", "train-30f07fe73c33"],
        "filter 75% floor 1": ["train-6698bfbb97e7", "prune-acdaeceaf232", "train-a662dba86a89"],
        "filter 75% literal": ["train-6698bfbb97e7", "prune-dfd4392fbb13", "train-78694293f90a"],
    },
    "wang2018-table2": {
        "fgsm dense": ["train-1d39b29b3924"],
        "fgsm dense 10+10": ["train-1d39b29b3924", "train-81ab49e619aa"],
        "fgsm weight 96%": ["train-1d39b29b3924", "prune-c1c6906174e6", "train-9841b780847b"],
        "fgsm weight 80%": ["train-1d39b29b3924", "prune-00fb6ea01c9f", "train-f50be7105ea5"],
        "fgsm filter 70%": ["train-1d39b29b3924", "prune-84dd0e78c387", "shrink-4a5e04d52a08", "train-79bd2667990c"],
        "fgsm filter 60%": ["train-1d39b29b3924", "prune-1e38c31c02f5", "shrink-7210d157b8d0", "train-05229d0c228e"],
        "pgd dense": ["train-e94cf380414c"],
        "pgd dense 10+10": ["train-e94cf380414c", "train-364f2e097250"],
        "pgd weight 94%": ["train-e94cf380414c", "prune-3ec4507bd46f", "train-25af33a40824"],
        "pgd weight 85%": ["train-e94cf380414c", "prune-b1be413ff3e7", "train-945758b34787"],
        "pgd filter 65%": ["train-e94cf380414c", "prune-d3b9b1104af4", "shrink-96beda1ebc0b", "train-df6005fb7f64"],
        "pgd filter 40%": ["train-e94cf380414c", "prune-0dcdfe053148", "shrink-02a4c5fd2dce", "train-108514ad7737"],
        "pgd scratch small": ["train-59ba1d8e713f", "train-cde28f8248c0"],
    },
    "wang2018-table3": {
        "standard dense": ["train-73dc9de975b8"],
        "standard weight 94%": ["train-73dc9de975b8", "prune-69f7b2315fb7", "train-5420e70c1faa"],
        "standard filter 60%": ["train-73dc9de975b8", "prune-eb972293da9f", "train-7e1b954babc1"],
        "standard filter 60% literal": ["train-73dc9de975b8", "prune-a6f5a857bde8", "train-a9e43b4e699c"],
        "fgsm dense": ["train-30a0c6bdeecd"],
        "fgsm weight 94%": ["train-30a0c6bdeecd", "prune-c6a9e95c23a1", "train-d88a452e7baf"],
        "fgsm filter 60%": ["train-30a0c6bdeecd", "prune-251f33cae2d5", "train-5f77c4552e6b"],
        "pgd dense": ["train-c3a6c388a32a"],
        "pgd weight 70%": ["train-c3a6c388a32a", "prune-ff0fdb3f5c30", "train-d9f0553bf70a"],
        "pgd filter 50%": ["train-c3a6c388a32a", "prune-8e8e86615728", "train-66f7454f125f"],
    },
}
# All measurements together.
PINNED_MEASURES: dict[str, str] = {
    "certified-mnist": "5ace9e185800",
    "parana-best": "6aadc39b8eaf",
    "parana-cnn-fc": "72a4118a8872",
    "parana-curves": "29c118bb3405",
    "parana-layers": "244ab49edd94",
    "quickstart": "3cfb2a153a66",
    "parana-cost": "b2e180609ddf",
    "parana-detection": "59dd54268af5",
    "parana-decoupled": "0510c745a802",
    "wang2018-figure1": "f13285a44c2e",
    "wang2018-figure2": "83d59bd282f2",
    "wang2018-table1": "292b73781c7b",
    "wang2018-table2": "ec7f29b97103",
    "wang2018-table3": "7ef2080a8cc2",
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
    shown = write(tmp_path, show_command(Request(recipe=name, preset=preset)))
    again, before = read_recipe(str(shown)), read_recipe(name, preset=preset)
    assert keys(laid_out(again)) == keys(laid_out(before))
    assert again == dataclasses.replace(before, presets={})


def test_a_network_of_ones_own_moves_when_its_file_is_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = read(tmp_path, tiny("model", to="own_net_of_addresses:net"))
    file = tmp_path / "own_net_of_addresses.py"
    file.write_text("def net(num_classes): ...\n")
    before = keys(laid_out(recipe))
    assert keys(laid_out(recipe)) == before
    file.write_text("def net(num_classes): ...  # another\n")
    assert not keys(laid_out(recipe)) & before


def test_a_factory_passed_on_by_its_package_moves_with_the_file_it_is_written_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_nets_of_addresses").mkdir()
    (tmp_path / "own_nets_of_addresses" / "__init__.py").write_text("from .inner import net\n")
    file = tmp_path / "own_nets_of_addresses" / "inner.py"
    file.write_text("def net(num_classes): ...\n")
    recipe = read(tmp_path, tiny("model", to="own_nets_of_addresses:net"))
    before = keys(laid_out(recipe))
    file.write_text("def net(num_classes): ...  # another\n")
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
