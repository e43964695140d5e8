"""Directories and ports are checked before anything takes time."""

import socket

import pytest

from keras_xai.demo.places import check_port, log_directory


def test_the_first_free_default_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(log_directory()) == "keras-xai-demo"
    assert str(log_directory()) == "keras-xai-demo"  # still empty
    (tmp_path / "keras-xai-demo" / "events").touch()
    assert str(log_directory()) == "keras-xai-demo-2"
    (tmp_path / "keras-xai-demo-2" / "events").touch()
    (tmp_path / "keras-xai-demo-3").touch()  # a file
    assert str(log_directory()) == "keras-xai-demo-4"
    assert (tmp_path / "keras-xai-demo-4").is_dir()


def test_missing_parents_are_made(tmp_path):
    assert log_directory(tmp_path / "a" / "b").is_dir()


def test_a_directory_in_use_is_refused(tmp_path):
    (tmp_path / "events").touch()
    with pytest.raises(ValueError, match="is not empty, and TensorBoard would mix two runs in it.*--log-dir"):
        log_directory(tmp_path)


def test_a_file_is_refused(tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(ValueError, match="cannot be created: File exists.*--log-dir"):
        log_directory(tmp_path / "taken")
    with pytest.raises(ValueError, match="cannot be created: Not a directory.*--log-dir"):
        log_directory(tmp_path / "taken" / "below")


def test_a_read_only_directory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # a real one would not stop root
    with pytest.raises(ValueError, match="is read-only.*--log-dir"):
        log_directory(tmp_path)


def test_a_port_in_use_is_refused():
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"Port {port} is taken.*--port"):
            check_port(port)
    check_port(port)


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_out_of_range_is_refused(port):
    with pytest.raises(ValueError, match=f"between 1 and 65535, but --port is {port}"):
        check_port(port)
