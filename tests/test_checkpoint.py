"""Checkpoints against what happens to files: killed and full, linked and planted, damaged and shared."""

import os
import threading

import numpy as np
import pytest

from ebm_ref.exact import blocks, checkpoint

J = np.zeros((5, 5))
J[0, 1:] = J[1:, 0] = [0.5, -1.0, 0.25, 2.0]
H = np.linspace(-1.0, 1.0, 5)
SMALL = {"SIDE": 1, "ROWS": 1, "RANGE": 2}  # 2^3 configurations of H in 4 ranges


@pytest.fixture
def ranges(monkeypatch):
    """The starts of the ranges that are worked on, four to a run."""
    for name, value in SMALL.items():
        monkeypatch.setattr(blocks, name, value)
    done, work = [], blocks._partition_of_range

    def counting(J, h, start, stop):
        done.append(start)
        return work(J, h, start, stop)

    monkeypatch.setattr(blocks, "_partition_of_range", counting)
    return done


def write(path, **changed):
    """A checkpoint of two pieces, of problem "p" unless changed."""
    kept = {"problem": "p", "done": 2, "leader": np.array([1.5, 0.0]), "total": np.float64(3.0)}
    with open(path, "wb") as stream:
        np.savez(stream, **(kept | changed))


def stopped_after(count, path, ranges):
    """Run until `count` ranges are done."""

    def stop(done, total, seconds):
        if done == count:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        blocks.log_partition(J, H, checkpoint=path, progress=stop)
    ranges.clear()


# what a run keeps


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_an_interrupted_run_keeps_what_is_done(count, ranges, tmp_path):
    path, whole = tmp_path / "sum.npz", blocks.log_partition(J, H)
    stopped_after(count, path, ranges)
    assert blocks.log_partition(J, H, checkpoint=path) == whole
    assert ranges == [0, 2, 4, 6][count:]
    assert os.listdir(tmp_path) == ["sum.npz"]


def test_an_interrupted_write_leaves_the_file_before(ranges, tmp_path, monkeypatch):
    path = tmp_path / "sum.npz"
    stopped_after(2, path, ranges)
    before = path.read_bytes()

    def interrupted(stream, **arrays):
        stream.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        blocks.log_partition(J, H, checkpoint=path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["sum.npz"]


# a disk that fails


def test_a_full_disk_warns_and_the_result_comes(ranges, tmp_path, monkeypatch):
    path, whole = tmp_path / "sum.npz", blocks.log_partition(J, H)
    stopped_after(2, path, ranges)
    before = path.read_bytes()

    def full(stream, **arrays):
        with open("/dev/full", "wb", buffering=0) as device:
            device.write(b"one byte")

    monkeypatch.setattr(checkpoint.np, "savez", full)
    with pytest.warns(RuntimeWarning, match=r"sum.npz'?: not written, and the sum goes on: .*No space left"):
        assert blocks.log_partition(J, H, checkpoint=path) == whole
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["sum.npz"]


def test_a_folder_that_vanishes_warns_and_the_result_comes(ranges, tmp_path):
    path, whole = tmp_path / "new" / "sum.npz", blocks.log_partition(J, H)
    path.parent.mkdir()

    def vanish(done, total, seconds):
        if done == 2:
            path.unlink()
            path.parent.rmdir()

    with pytest.warns(RuntimeWarning, match=r"not written, and the sum goes on: .*No such file"):
        assert blocks.log_partition(J, H, checkpoint=path, progress=vanish) == whole


# two that share a file


def test_two_runs_share_a_file(ranges, tmp_path):
    """One comes to its end while the other is between two ranges; the other is not set back by it."""
    path, whole, inner = tmp_path / "sum.npz", blocks.log_partition(J, H), []

    def second(done, total, seconds):
        if done == 1 and not inner:
            inner.append(None)
            inner[0] = blocks.log_partition(J, H, checkpoint=path)
        elif inner:
            assert checkpoint._read(str(path))["done"] == 4

    assert blocks.log_partition(J, H, checkpoint=path, progress=second) == whole == inner[0]
    assert os.listdir(tmp_path) == ["sum.npz"]


def test_writers_at_once_leave_one_whole_file(tmp_path):
    path = str(tmp_path / "sum.npz")

    def writer(first):
        for done in range(first, 41, 2):
            checkpoint.remember(path, "p", done, np.array([float(done)]), np.float64(done))

    threads = [threading.Thread(target=writer, args=(first,)) for first in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done, leader, total = checkpoint.recall(path, "p")
    assert done in (39, 40) and leader.tolist() == [done] and total == done
    assert os.listdir(tmp_path) == ["sum.npz"]


def test_one_that_is_behind_leaves_the_file(tmp_path):
    path = tmp_path / "sum.npz"
    write(path, done=7)
    checkpoint.remember(path, "p", 3, np.zeros(2), np.float64(1.0))
    assert checkpoint.recall(path, "p")[0] == 7


def test_another_problem_that_came_meanwhile_keeps_its_file(tmp_path):
    path = tmp_path / "sum.npz"
    write(path, problem="other")
    with pytest.warns(RuntimeWarning, match="not written, and the sum goes on: .*belongs to another problem"):
        checkpoint.remember(path, "p", 3, np.zeros(2), np.float64(1.0))
    assert checkpoint.recall(path, "other")[0] == 2


# links


def test_a_link_is_written_where_it_leads(ranges, tmp_path):
    (tmp_path / "far").mkdir()
    link, target = tmp_path / "link", tmp_path / "far" / "sum.npz"
    link.symlink_to(target)
    stopped_after(3, link, ranges)
    assert link.is_symlink() and target.is_file() and checkpoint._read(str(target))["done"] == 3
    blocks.log_partition(J, H, checkpoint=link)
    assert ranges == [6]


def test_a_planted_link_is_not_followed(tmp_path, monkeypatch):
    """Even one under the very name that the new file gets."""
    victim, path = tmp_path / "victim", tmp_path / "sum.npz"
    victim.write_bytes(b"precious")
    for name in ("sum.npz.new", "sum.npz.guessed"):
        (tmp_path / name).symlink_to(victim)
    checkpoint.remember(path, "p", 1, np.zeros(1), np.float64(1.0))
    monkeypatch.setattr(checkpoint, "_beside", lambda path: f"{path}.guessed")
    with pytest.warns(RuntimeWarning, match="not written"):
        checkpoint.remember(path, "p", 2, np.zeros(1), np.float64(1.0))
    assert victim.read_bytes() == b"precious"
    assert checkpoint._read(str(path))["done"] == 1


# nonsense, found before any work

NONSENSE = {
    "99 pieces of 4": ({"done": 99}, r"must hold from 1 to 4 finished pieces, not 99"),
    "no piece": ({"done": 0}, "must hold from 1 to 4 finished pieces, not 0"),
    "fewer than none": ({"done": -1}, "finished pieces, not -1"),
    "half a piece": ({"done": 2.5}, "wrong types"),
    "several counts": ({"done": [1, 2]}, "wrong types"),
    "a problem that is a number": ({"problem": 7}, "wrong types"),
    "a leader of words": ({"leader": ["a", "b"]}, "wrong types"),
    "a leader of integers": ({"leader": [1, 2]}, "wrong types"),
    "a total in single precision": ({"total": np.float32(1.0)}, "wrong types"),
    "a complex total": ({"total": 1j}, "wrong types"),
    "a leader that is no number": ({"leader": [np.nan, 0.0]}, "no sum of positive numbers"),
    "an infinite total": ({"total": np.inf}, "no sum of positive numbers"),
    "a negative total": ({"total": -1.0}, "no sum of positive numbers"),
    "a total of nothing": ({"total": np.zeros(0)}, "no sum of positive numbers"),
    "objects": ({"total": np.array([{}], object)}, "is not a checkpoint of this module"),
    "leaders of other levels": ({"leader": np.zeros(7)}, "must hold a leader and a total of the shapes"),
    "a total of another shape": ({"total": np.ones((6, 6))}, "must hold a leader and a total of the shapes"),
    "another problem": ({"problem": "other"}, "belongs to another problem"),
}


@pytest.mark.parametrize(("changed", "rule"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_before_any_work(changed, rule, ranges, tmp_path):
    path = tmp_path / "sum.npz"
    stopped_after(2, path, ranges)
    write(path, **(checkpoint._read(str(path)) | changed))
    with pytest.raises(ValueError, match=rf"^checkpoint = .*{rule}"):
        blocks.log_partition(J, H, checkpoint=path)
    assert not ranges


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(share, ranges, tmp_path):
    path = tmp_path / "sum.npz"
    stopped_after(2, path, ranges)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"^checkpoint = .*is not a checkpoint"):
        blocks.log_partition(J, H, checkpoint=path)
    assert not ranges


def test_bits_that_fell_are_noticed(ranges, tmp_path):
    path = tmp_path / "sum.npz"
    stopped_after(2, path, ranges)
    total = checkpoint._read(str(path))["total"].tobytes()
    whole = path.read_bytes()
    assert whole.count(total) == 1
    path.write_bytes(whole.replace(total, total[:-1] + bytes([total[-1] ^ 1])))
    with pytest.raises(ValueError, match=r"^checkpoint = .*is not a checkpoint"):
        blocks.log_partition(J, H, checkpoint=path)


NO_PATHS = {
    "nothing": ("", "must be a path, not empty"),
    "bytes": (b"sum.npz", "must be a path"),
    "a number": (3, "must be a path"),
    "True": (True, "must be a path"),
    "a NUL": ("sum\0.npz", "must be a path: .*null"),
    "a device": ("/dev/null", "must be a file"),
    "a folder": (os.curdir, "must be a file"),
    "a circle of links": ("circle", "must be a file"),
    "a folder that is not there": ("nowhere/sum.npz", "must lie in a folder that exists"),
    "a file as folder": ("plain/sum.npz", "must lie in a folder that exists"),
    "a name too long": ("n" * 250, "must lie in a folder that exists"),
    "half a letter": ("\ud800", "must be a path: .*surrogates"),
}


@pytest.mark.parametrize(("path", "rule"), NO_PATHS.values(), ids=NO_PATHS)
def test_what_is_no_path_is_refused_before_any_work(path, rule, ranges, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(ValueError, match=rf"^checkpoint = .*{rule}"):
        blocks.log_partition(J, H, checkpoint=path)
    assert not ranges and sorted(os.listdir(tmp_path)) == ["circle", "plain"]
