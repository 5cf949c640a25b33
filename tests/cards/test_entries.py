import pytest

from bifseg.cards.entries import entry_name, seed_name, split_entry, split_seed


@pytest.mark.parametrize(
    ("network", "seed", "name"),
    [
        ("pnet", 1, "pnet"),
        ("pnet", 2, "pnet.seed-2"),
        ("pnet", 10, "pnet.seed-10"),
        ("a.seed", 3, "a.seed.seed-3"),
    ],
)
def test_a_network_is_named_by_its_card_and_its_training_seed(network, seed, name):
    assert seed_name(network, seed) == name
    assert split_seed(name) == (network, seed)


@pytest.mark.parametrize("name", ["pnet.seed-0", "pnet.seed-1", "pnet.seed-02", "pnet.seed-", "seed-2"])
def test_other_names_are_those_of_cards(name):
    assert split_seed(name) == (name, 1)


def test_entries_name_the_network_with_its_seed():
    assert entry_name("bifseg", "pnet", 2) == "bifseg@pnet.seed-2"
    assert entry_name("geos", "", 1) == "geos"
    assert split_entry("bifseg@pnet.seed-2") == ("bifseg", "pnet.seed-2")
