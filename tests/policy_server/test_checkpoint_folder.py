import json
import shutil

import msgspec
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from policy_server.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from policy_server.folder import MANIFEST, write_folder  # noqa: E402
from robotd.core.errors import CheckpointError  # noqa: E402


@pytest.fixture
def folder(tiny_run, tmp_path):
    """A checkpoint that may be damaged."""
    return shutil.copytree(tiny_run / "best", tmp_path / "policy")


def rewrite(folder, *, weights=None, policy=None):
    """Change the content and make the manifest agree, as a faulty writer would."""
    files = {}
    if weights is not None:
        save_file(weights, folder / "model.safetensors")
    for name in ("model.safetensors", "policy.json"):
        files[name] = (folder / name).read_bytes()
    if policy is not None:
        files["policy.json"] = json.dumps(policy).encode()
    write_folder(folder, files)


def policy_of(folder):
    return json.loads((folder / "policy.json").read_bytes())


def refused(folder, says):
    with pytest.raises(CheckpointError, match=says) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)
    assert folder.name in str(caught.value)


def test_what_is_saved_is_loaded(folder, tmp_path):
    first = load_checkpoint(folder)
    save_checkpoint(tmp_path / "again", first.about, first.network.state_dict())
    again = load_checkpoint(tmp_path / "again")

    assert again.about.training == first.about.training
    weights = first.network.state_dict()
    assert all(torch.equal(weights[k], v) for k, v in again.network.state_dict().items())


def test_the_spec_carries_the_checkpoints_hash(folder, tmp_path):
    first = load_checkpoint(folder)
    weights = first.network.state_dict()
    weights["head.1.bias"] = weights["head.1.bias"] + 1e-3
    save_checkpoint(tmp_path / "other", first.about, weights)

    assert len(first.about.spec.checkpoint_sha256) == 64
    other = load_checkpoint(tmp_path / "other").about.spec.checkpoint_sha256
    assert other != first.about.spec.checkpoint_sha256


def test_saving_replaces_the_whole_folder_and_leaves_nothing_else(folder):
    (folder / "stray.txt").write_text("old")
    checkpoint = load_checkpoint(folder)

    save_checkpoint(folder, checkpoint.about, checkpoint.network.state_dict())

    assert sorted(path.name for path in folder.iterdir()) == [
        MANIFEST,
        "model.safetensors",
        "policy.json",
    ]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_cannot_be_written_is_refused_and_leaves_the_old_one(folder, tmp_path):
    checkpoint = load_checkpoint(folder)
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(
            tmp_path / "file" / "policy", checkpoint.about, checkpoint.network.state_dict()
        )
    load_checkpoint(folder)


def test_weights_that_are_not_finite_are_not_saved(folder):
    checkpoint = load_checkpoint(folder)
    weights = checkpoint.network.state_dict()
    weights["head.1.bias"] = torch.full_like(weights["head.1.bias"], torch.inf)

    with pytest.raises(CheckpointError, match=r"head\.1\.bias: holds a weight that is not finite"):
        save_checkpoint(folder, checkpoint.about, weights)
    load_checkpoint(folder)


def test_a_missing_folder_is_named(tmp_path):
    refused(tmp_path / "nowhere", "no such checkpoint folder")


def test_a_folder_left_by_a_crash_between_two_renames_is_named(folder):
    folder.rename(folder.with_name("policy.previous"))

    refused(folder, r"policy\.previous is the one before it")


@pytest.mark.parametrize("name", ["model.safetensors", "policy.json", "manifest.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()

    refused(folder, f"{name} is missing")


@pytest.mark.parametrize("name", ["model.safetensors", "policy.json"])
@pytest.mark.parametrize("where", [0.0, 0.3, 0.7, 0.999])
def test_one_flipped_bit_anywhere_is_found(folder, name, where):
    data = bytearray((folder / name).read_bytes())
    data[int(where * len(data))] ^= 0x10
    (folder / name).write_bytes(data)

    refused(folder, f"{name}: damaged: its sha256")


@pytest.mark.parametrize("name", ["model.safetensors", "policy.json", "manifest.json"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.98])
def test_a_truncated_file_is_found(folder, name, kept):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(kept * len(data))])

    refused(folder, rf"{name}: damaged")


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ({"version": 2, "sha256": {}}, "version 2, this code reads 1"),
        ({"version": 1, "sha256": {}}, "does not list model"),
        ({"version": 1}, "damaged"),
        ([], "damaged"),
        ({"version": 1, "sha256": 3}, "damaged"),
    ],
)
def test_a_manifest_of_another_form_is_refused(folder, manifest, says):
    (folder / MANIFEST).write_text(json.dumps(manifest))

    refused(folder, says)


def drop(weights):
    del weights["head.1.bias"]


def add(weights):
    weights["extra"] = torch.zeros(1)


def reshape(weights):
    weights["head.1.bias"] = torch.zeros(3)


def halve(weights):
    weights["head.1.bias"] = weights["head.1.bias"].half()


def poison(weights):
    weights["head.1.bias"][0] = torch.nan


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (drop, r"1 tensors missing, first head\.1\.bias"),
        (add, "1 unknown tensors, first extra"),
        (reshape, r"head\.1\.bias: got \(3,\)"),
        (halve, r"head\.1\.bias: got .*float16"),
        (poison, r"head\.1\.bias: holds a weight that is not finite"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(folder, change, says):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    rewrite(folder, weights=weights)

    refused(folder, says)


def test_a_model_that_is_no_safetensors_is_refused(folder):
    (folder / "model.safetensors").write_bytes(b"\x80\x04pickle")
    rewrite(folder)

    refused(folder, r"model\.safetensors: damaged")


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["version"], 2, "version 2, this code reads 1"),
        (["surprise"], 1, "unknown field `surprise`"),
        (["spec", "horizon"], 8, r"spec\.horizon: got 8, expected 15"),
        (["spec", "n_obs_steps"], 3, r"spec\.n_obs_steps: got 3, expected 2"),
        (["obs_range"], {"minimum": [0.0], "maximum": [1.0]}, "obs_range: got 1, expected 20"),
        (["action_range", "minimum"], [0.0], "minima"),
        (["training", "network", "kernel"], 4, "an odd kernel"),
        (["training", "network", "widths"], [8, 32], "tensors|architecture"),
        (["training", "window", "horizon"], 17, "horizon"),
    ],
)
def test_a_policy_file_that_contradicts_itself_is_refused(folder, path, value, says):
    policy = policy_of(folder)
    part = policy
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    rewrite(folder, policy=policy)

    refused(folder, says)


def test_a_policy_file_that_is_not_json_is_refused(folder):
    (folder / "policy.json").write_bytes(b"{")
    rewrite(folder)

    refused(folder, r"policy\.json")


def test_the_policy_file_is_readable_text(folder):
    text = (folder / "policy.json").read_text()

    assert '"name": "tiny"' in text
    assert msgspec.json.decode(text)["figures"]["validation_loss"] > 0
