"""TorchScript programs are stored completely and run without unpickling."""

import io

import pytest
import torch
from foreign_networks import Payload, SmallUNet

from bifseg.core.errors import InputError
from bifseg.networks.external import torchscript


def saved(folder, network):
    path = folder / "network.ts"
    torch.jit.save(torch.jit.script(network), path)
    return path


def test_a_program_is_stored_completely(tmp_path):
    network, image = SmallUNet(), torch.randn(1, 1, 8, 8)
    content = torchscript.read(saved(tmp_path, network))
    assert bytes(content["archive"].numpy()) == (tmp_path / "network.ts").read_bytes()
    buffer = io.BytesIO()
    torch.save(content, buffer)
    buffer.seek(0)
    program = torchscript.make(torch.load(buffer, weights_only=True))
    with torch.no_grad():
        torch.testing.assert_close(program(image), network(image), rtol=0, atol=1e-6)
    assert not program.training


@pytest.mark.parametrize("content", [b"no program", b"PK\x03\x04broken", b""])
def test_broken_program_is_one_line(tmp_path, content):
    (tmp_path / "network.ts").write_bytes(content)
    with pytest.raises(InputError, match=r"not a TorchScript archive|cannot be read: it is empty") as caught:
        torchscript.make(torchscript.read(tmp_path / "network.ts"))
    assert "\n" not in str(caught.value)


def test_a_pickled_module_is_refused(tmp_path, capsys):
    torch.save(Payload(), tmp_path / "evil.ts")
    with pytest.raises(InputError, match="not a TorchScript archive"):
        torchscript.make(torchscript.read(tmp_path / "evil.ts"))
    assert "pickled code ran" not in capsys.readouterr().out


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        torchscript.read(tmp_path)
