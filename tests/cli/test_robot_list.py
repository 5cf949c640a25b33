from typer.testing import CliRunner

from bifseg.cards.cards import ProtocolCard
from bifseg.cli.main import app
from bifseg.cli.robot import catalogue


def test_every_catalogue_entry_is_described_and_valid_on_a_card():
    entries = catalogue()
    for entry in entries.pop("disturb"):
        assert ProtocolCard(disturb={"axis": entry.name}).disturb.axis == entry.name
    for key, catalogue_entries in entries.items():
        assert getattr(ProtocolCard(), key) == catalogue_entries[0].name  # the default comes first
        for entry in catalogue_entries:
            assert getattr(ProtocolCard(**{key: entry.name}), key) == entry.name
            assert len(entry.about) > 15


def test_parameters_are_listed_with_their_units():
    policies = {entry.name: entry.params for entry in catalogue()["policy"]}
    assert policies["econet/1"] == "min_edge_mm 6, edge_mm_per_dot 10"
    assert "share_kept 0.6-0.9" in policies["centre-line/1"]


def test_robot_list_is_plain_text():
    result = CliRunner().invoke(app, ["robot", "list"])
    assert result.exit_code == 0
    for entries in catalogue().values():
        assert all(entry.name in result.stdout for entry in entries)
    assert result.stdout.isascii()
    assert max(map(len, result.stdout.splitlines())) < 140
