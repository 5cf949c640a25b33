"""What `trained_on` says about an object."""

import pytest
from pydantic import ValidationError

from bifseg.cards.cards import MethodCard, NetworkCard, first_problem
from bifseg.cards.trained_on import TrainingData, strongest

DATA = TrainingData(datasets=["hospital"], patients=["p1"], structures=["liver"], images=["abc"])


@pytest.mark.parametrize(
    ("data", "where", "exposure"),
    [
        (DATA, ("hospital", "p1", "spleen"), "seen patient"),
        (DATA, ("hospital", "p2", "liver"), "seen structure"),
        (DATA, ("hospital", "p2", "spleen"), "unseen"),
        (DATA, ("elsewhere", "p1", "spleen"), "unseen"),  # a patient's name says little in another data set
        (DATA, ("elsewhere", "p9", "spleen", ["abc"]), "seen patient"),  # the same file does
        (TrainingData(patients=["p1"]), ("elsewhere", "p1", "spleen"), "seen patient"),
        (TrainingData(patients=["p1"]), ("elsewhere", "p2", "spleen"), "unknown"),
        (TrainingData(datasets=["hospital"]), ("hospital", "p1", "liver"), "unknown"),
        (TrainingData(datasets=["hospital"], structures=["liver"]), ("hospital", "p1", "x"), "unknown"),
        (TrainingData(datasets=["hospital"], structures=["liver"]), ("elsewhere", "p1", "x"), "unseen"),
        (TrainingData(datasets=["hospital"], structures=["x"]), ("elsewhere", "p1", "x"), "seen structure"),
    ],
)
def test_exposure_of_an_object(data, where, exposure):
    assert data.exposure(*where) == exposure


def test_the_strongest_exposure_counts():
    assert strongest(["unseen", "seen structure"]) == "seen structure"
    assert strongest(["unknown", "seen structure"]) == "unknown"
    assert strongest(["unknown", "seen patient"]) == "seen patient"
    assert strongest([]) == "unknown"


@pytest.mark.parametrize("value", ["everything", 3, ["a"], {"people": ["p1"]}])
def test_an_invalid_trained_on_is_refused_in_one_line(value):
    with pytest.raises(ValidationError) as error:
        MethodCard(method="geos", trained_on=value)
    text = first_problem(error.value)
    assert text.startswith("trained_on")
    assert len(text) < 300
    assert "\n" not in text


def test_trained_on_is_refused_for_a_network_trained_by_bifseg():
    with pytest.raises(ValidationError, match="only for 'weights' from elsewhere"):
        NetworkCard(architecture="pnet", trained_on="nothing")
    assert NetworkCard(architecture="pnet", weights="w.pt", trained_on="nothing").trained_on == "nothing"
