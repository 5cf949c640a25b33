"""Simulated cases, made once for all tests, with the network switched off."""

from __future__ import annotations

import csv
import pickle
import socket

import pytest

from bifseg.cohorts.simulated import fetal2d, tumour3d


@pytest.fixture(scope="session")
def offline():
    def refuse(*args, **kwargs):
        raise AssertionError("a simulator asked for the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        yield


@pytest.fixture(scope="session")
def tumours(offline, make_once):
    """The first six cases of seed 1; numbers 2 and 5 have thick slices."""

    def make(folder):
        cases = [tumour3d.make_case(1, index) for index in range(6)]
        (folder / "cases").write_bytes(pickle.dumps(cases))

    return pickle.loads((make_once("tumours", make) / "cases").read_bytes())


@pytest.fixture(scope="session")
def slices(offline):
    """The slices of the first eight patients of seed 1."""
    return [fetal2d.make_case(1, patient, place) for patient in range(8) for place in range(3)]


@pytest.fixture
def read_rows():
    def read(folder):
        with open(folder / "manifest.tsv", encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream, delimiter="\t"))

    return read
